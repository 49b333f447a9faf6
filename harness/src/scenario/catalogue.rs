//! All scenarios of a repository: the folders below `scenarios/`.

use super::{FILE, Scenario, load, problems::suggestion};
use crate::error::{Context, Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Catalogue {
    folder: PathBuf,
    names: Vec<String>,
    others: Vec<PathBuf>,
}

impl Catalogue {
    /// Of a repository, by name. Reads no scenario yet: a broken one must not stop the others.
    pub fn of(repository: &Path) -> Result<Self> {
        let folder = repository.join("scenarios");
        let entries = std::fs::read_dir(&folder).host(|| format!("failed to list `{}`", folder.display()))?;
        let (mut names, mut others) = (Vec::new(), Vec::new());
        let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !hidden(path)) {
            // What it is, a pipe or a link that leads nowhere, is told by whoever loads it.
            let has_file = path.join(FILE).symlink_metadata().is_ok();
            match path.file_name().and_then(|name| name.to_str()).filter(|_| has_file) {
                Some(name) => names.push(name.to_owned()),
                None => others.push(path),
            }
        }
        names.sort();
        others.sort();
        Ok(Catalogue { folder, names, others })
    }

    /// Folders that are no scenarios: without the file that makes one, or by a name that is not UTF-8.
    pub fn others(&self) -> &[PathBuf] {
        &self.others
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
