//! All scenarios of a repository: the folders below `scenarios/`.

use super::{FILE, Scenario, load, problems::suggestion};
use crate::error::{Context, Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Catalogue {
    folder: PathBuf,
    names: Vec<String>,
}

impl Catalogue {
    /// Of a repository, by name. Reads no scenario yet: a broken one must not stop the others.
    pub fn of(repository: &Path) -> Result<Self> {
        let folder = repository.join("scenarios");
        let entries = std::fs::read_dir(&folder).host(|| format!("failed to list `{}`", folder.display()))?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join(FILE).is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(Catalogue { folder, names })
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn load(&self, name: &str) -> Result<Scenario> {
        if !self.names.iter().any(|n| n == name) {
            let known: Vec<&str> = self.names.iter().map(String::as_str).collect();
            return Err(Error::input(format!("there is no scenario `{name}`")).hint(suggestion(name, &known)));
        }
        load(&self.folder.join(name))
    }
}
