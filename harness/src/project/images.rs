//! The recipes of images that count: those of `--images`, then those beside a scenario, the project's, the built-in
//! ones.

use super::{Found, Project};
use crate::{
    error::{Error, Result},
    image::Recipes,
    read,
};
use std::path::{Path, PathBuf};

/// A folder of recipes, in a project and beside a scenario.
pub const FOLDER: &str = "images";

impl Project {
    /// The recipes for commands about images.
    pub fn images(&self) -> Result<Recipes> {
        self.recipes(&[])
    }

    /// The recipes, with those that come with these scenarios.
    pub fn images_for(&self, found: &[Found]) -> Result<Recipes> {
        let each = found.iter().map(|one| self.recipes(&one.images)).collect::<Result<Vec<_>>>()?;
        let beside: Vec<PathBuf> = found.iter().flat_map(|one| &one.images).cloned().collect();
        let all = self.recipes(&beside)?;
        for (one, recipes) in found.iter().zip(&each) {
            let another = |name: &&str| content_of(recipes, name) != content_of(&all, name);
            if let Some(name) = recipes.names().into_iter().find(another) {
                let file = all.file(name).map(|path| path.display().to_string()).unwrap_or_default();
                let message = format!("to `{}` the image `{name}` is another one than `{file}`", one.label);
                return Err(Error::input(message).hint("run these scenarios one by one"));
            }
        }
        Ok(all)
    }

    /// Notes which of these images replace others of the same name.
    pub fn introduce_images(&self, recipes: &Recipes, names: &[&str]) {
        for name in names {
            let Some(file) = recipes.file(name).filter(|file| !self.is_of_checkout(file)) else { continue };
            let ours = content(file);
            let built_in = tunelab_catalogue::file(&format!("{FOLDER}/{name}.toml"));
            if let Some(other) = recipes.shadowed(name).filter(|other| !self.is_built_in(other)) {
                if content(other) != ours {
                    self.note(format!("image `{name}` is `{}`, not `{}`", file.display(), other.display()));
                }
            } else if built_in.is_some_and(|built_in| ours.as_deref() != Some(&*built_in.bytes)) {
                self.note(format!("image `{name}` is `{}`, not the built-in one", file.display()));
            }
        }
    }

    /// Whether the file is in the checkout: the next binary carries it.
    fn is_of_checkout(&self, file: &Path) -> bool {
        self.is_checkout && self.own.as_ref().is_some_and(|tree| file.starts_with(tree.folder.join(FOLDER)))
    }

    fn is_built_in(&self, path: &Path) -> bool {
        self.built_in.get().is_some_and(|(built_in, _)| path.starts_with(built_in.folder()))
    }

    fn recipes(&self, beside: &[PathBuf]) -> Result<Recipes> {
        let own = self.own.iter().map(|tree| tree.folder.join(FOLDER)).filter(|folder| folder.is_dir());
        let mut folders: Vec<PathBuf> = self.given.iter().chain(beside).cloned().chain(own).collect();
        if !has_all_built_in(&folders) {
            folders.push(self.built_in()?.folder.join(FOLDER));
        }
        let mut seen = Vec::new();
        folders.retain(|folder| {
            !seen.contains(folder) && {
                seen.push(folder.clone());
                true
            }
        });
        Recipes::of(folders)
    }
}

fn content_of(recipes: &Recipes, name: &str) -> Option<Vec<u8>> {
    content(recipes.file(name)?)
}

/// Returns `None` for anything but a file: the code that needs it reports it.
fn content(path: &Path) -> Option<Vec<u8>> {
    read::bytes(path, "the recipe", read::TEXT).ok()
}

/// Whether these folders have every built-in image, as a checkout has: then nothing has to be unpacked.
fn has_all_built_in(folders: &[PathBuf]) -> bool {
    let files = tunelab_catalogue::files();
    let mut images = files.iter().filter_map(|file| file.path.strip_prefix(FOLDER)?.strip_prefix('/'));
    images.all(|path| folders.iter().any(|folder| folder.join(path).is_file()))
}
