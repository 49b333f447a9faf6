//! The recipes of several folders. A recipe in an earlier folder counts in place of one of the same name in a later.

use super::{Recipe, reader::nearest};
use crate::{
    error::{Error, Result},
    read,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
};

const ENDING: &str = ".toml";

#[derive(Debug, Clone)]
pub struct Recipes {
    /// The recipes' files, by name.
    files: BTreeMap<String, PathBuf>,
    /// The next file of the same name, if there is one.
    shadowed: BTreeMap<String, PathBuf>,
    folders: Vec<PathBuf>,
}

impl Recipes {
    /// Reads no recipe yet: a broken one must not stop the others.
    pub fn of(folders: Vec<PathBuf>) -> Result<Self> {
        let (mut files, mut shadowed) = (BTreeMap::new(), BTreeMap::new());
        for folder in &folders {
            for name in names(folder)? {
                let path = folder.join(format!("{name}{ENDING}"));
                match files.entry(name) {
                    Entry::Vacant(first) => drop(first.insert(path)),
                    Entry::Occupied(first) => drop(shadowed.entry(first.key().clone()).or_insert(path)),
                }
            }
        }
        Ok(Recipes { files, shadowed, folders })
    }

    /// Refuses a folder that the user named for its recipes and that has none.
    pub fn are_in(folder: &Path) -> Result<()> {
        if names(folder)?.is_empty() { Err(none_in(folder)) } else { Ok(()) }
    }

    pub fn names(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    /// The file with the recipe of this name.
    pub fn file(&self, name: &str) -> Option<&Path> {
        self.files.get(name).map(PathBuf::as_path)
    }

    /// The file of the same name that its file replaces.
    pub fn shadowed(&self, name: &str) -> Option<&Path> {
        self.shadowed.get(name).map(PathBuf::as_path)
    }

    /// Returns the recipe, checked; the error for an unknown name has the nearest and all known ones.
    pub fn find(&self, name: &str) -> Result<Recipe> {
        let path = self.file(name).ok_or_else(|| self.unknown(name))?;
        let text = read::text(path, "the recipe", read::TEXT)?;
        // Keys beside the recipe come first, then those of the other folders.
        let beside = path.with_file_name(super::KEYS);
        let others = self.folders.iter().map(|folder| folder.join(super::KEYS)).filter(|keys| *keys != beside);
        let keys: Vec<PathBuf> = std::iter::once(beside.clone()).chain(others).collect();
        Recipe::parse_with(name, &path.display().to_string(), &text, &keys)
    }

    /// All recipes, by name. If one is wrong, the error says what is wrong in it.
    pub fn list(&self) -> Result<Vec<Recipe>> {
        self.files.keys().map(|name| self.find(name)).collect()
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::input(format!("no image is called `{name}`"));
        let known = self.names().join(", ");
        match nearest(name, self.files.keys().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`? known: {known}")),
            None => {
                let folders: Vec<_> = self.folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
                error.hint(format!("known in {}: {known}", folders.join(" and ")))
            }
        }
    }
}

/// The names of a folder's recipes, in order.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|e| none_in(folder).cause(e))?;
    let name = |entry: std::fs::DirEntry| Some(entry.file_name().to_str()?.strip_suffix(ENDING)?.to_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
    names.sort();
    Ok(names)
}

fn none_in(folder: &Path) -> Error {
    Error::input(format!("no recipes of images in `{}`", folder.display()))
        .hint("it is to be a folder with a file `NAME.toml` for each image")
}
