//! All scenarios of a project: the folders below `scenarios/`.

use super::{FILE, Scenario, load};
use crate::error::{Context, Result};
use std::path::{Path, PathBuf};

/// The folder that makes another one a project.
pub const SCENARIOS: &str = "scenarios";

#[derive(Debug, Clone)]
pub struct Catalogue {
    folder: PathBuf,
    names: Vec<String>,
    strays: Vec<PathBuf>,
}

impl Catalogue {
    /// A project's, by name. Reads no scenario yet: a broken one must not stop the others.
    pub fn of(project: &Path) -> Result<Self> {
        let folder = project.join(SCENARIOS);
        let entries = std::fs::read_dir(&folder).host(|| format!("failed to list `{}`", folder.display()))?;
        let (mut names, mut strays) = (Vec::new(), Vec::new());
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            match entry.file_name().into_string() {
                Ok(name) if entry.path().join(FILE).is_file() => names.push(name),
                _ => strays.push(entry.path()),
            }
        }
        names.sort();
        strays.sort();
        Ok(Catalogue { folder, names, strays })
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Folders that look like scenarios and are none.
    pub fn strays(&self) -> &[PathBuf] {
        &self.strays
    }

    /// `scenarios/` itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    pub fn load(&self, name: &str) -> Result<Scenario> {
        load(&self.folder.join(name))
    }
}
