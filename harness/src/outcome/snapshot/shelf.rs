//! The place of one scenario's snapshots: with those of its project, or beside the scenario.

use std::path::{Path, PathBuf};

/// One scenario's snapshots, a file for each image.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    /// The beginning of a file's name, where several scenarios share the folder.
    prefix: String,
    /// The scenario's file, as insta shows it in a review.
    pub(super) source: String,
    writable: bool,
}

impl Shelf {
    /// Returns the shelf of `snapshots/NAME@IMAGE.snap` in the project's folder.
    pub fn of_project(project: &Path, scenario: &str) -> Self {
        let (folder, prefix) = (project.join("snapshots"), format!("{scenario}@"));
        Shelf { folder, prefix, source: format!("scenarios/{scenario}/scenario.toml"), writable: true }
    }

    /// Returns the shelf of `snapshots/IMAGE.snap` in the scenario's own folder.
    pub fn beside(scenario: &Path) -> Self {
        let (folder, prefix) = (scenario.join("snapshots"), String::new());
        Shelf { folder, prefix, source: "scenario.toml".into(), writable: true }
    }

    /// Makes the shelf one that runs are compared with, but that is never written.
    #[must_use]
    pub fn read_only(self) -> Self {
        Shelf { writable: false, ..self }
    }

    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether its folder is there, with or without snapshots of this scenario.
    pub(super) fn is_there(&self) -> bool {
        self.folder.is_dir()
    }

    /// Returns the path of an image's snapshot.
    pub fn path(&self, image: &str) -> PathBuf {
        self.folder.join(format!("{}{image}.snap", self.prefix))
    }
}
