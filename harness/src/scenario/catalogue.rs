//! Finds all scenarios of a project: the folders below `scenarios/`.

use super::{FILE, Scenario, load};
use crate::error::{Context, Result};
use std::path::{Path, PathBuf};

/// The name of the folder that makes the folder around it a project.
pub const SCENARIOS: &str = "scenarios";

/// The scenarios of a project, by name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    folder: PathBuf,
    names: Vec<String>,
    others: Vec<PathBuf>,
}

impl Catalogue {
    /// Lists a project's scenarios by name. It reads no scenario yet: a broken one must not stop the others.
    pub fn of(project: &Path) -> Result<Self> {
        let folder = project.join(SCENARIOS);
        let entries = std::fs::read_dir(&folder).host(|| format!("failed to list `{}`", folder.display()))?;
        let (mut names, mut others) = (Vec::new(), Vec::new());
        let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !hidden(path)) {
            // It may be a pipe, a link that leads nowhere or a file that cannot be read: the code that loads it says
            // so.
            let has_file =
                path.join(FILE).symlink_metadata().map_or_else(|e| e.kind() != std::io::ErrorKind::NotFound, |_| true);
            match path.file_name().and_then(|name| name.to_str()).filter(|_| has_file) {
                Some(name) => names.push(name.to_owned()),
                None => others.push(path),
            }
        }
        names.sort();
        others.sort();
        Ok(Catalogue { folder, names, others })
    }

    /// Returns the folders that are no scenarios: without the file that makes one, or with a name that is not UTF-8.
    pub fn others(&self) -> &[PathBuf] {
        &self.others
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the folder `scenarios/` itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Reads and checks the scenario of this name.
    pub fn load(&self, name: &str) -> Result<Scenario> {
        load(&self.folder.join(name))
    }
}
