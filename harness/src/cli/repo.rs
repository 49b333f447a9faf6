//! Where the repository is: scenarios, images and snapshots lie in it.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// What `cargo run` says; else the folder above the current one that looks like it; else where this was compiled.
pub fn find() -> Result<PathBuf> {
    let said = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = std::env::current_dir().ok();
    let above = here.iter().flat_map(|dir| dir.ancestors()).map(Path::to_owned);
    let compiled = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut candidates = said.into_iter().chain(above).chain([compiled]);
    candidates.find(|dir| dir.join("scenarios").is_dir()).ok_or_else(|| {
        Error::input("there is no folder with `scenarios/` here or above").hint("run it in a clone of the repository")
    })
}

/// Names of the images that have a recipe.
pub fn images(repository: &Path) -> Vec<String> {
    let recipes = std::fs::read_dir(repository.join("images")).into_iter().flatten().flatten();
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned());
    let mut names: Vec<String> = recipes.filter_map(|entry| name(entry.path())).collect();
    names.sort();
    names
}
