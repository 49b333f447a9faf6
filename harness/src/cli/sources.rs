//! The places of a command's scenarios and images, and the notes about them.

use crate::{error::Result, project::Project, report::aside, visible::visible};
use std::path::PathBuf;

/// For every command that looks for images.
#[derive(Debug, clap::Args)]
pub struct ImagesArg {
    /// Recipes in this folder count too, and before others of their names
    #[arg(long, value_name = "DIR", global = true)]
    images: Option<PathBuf>,
}

impl ImagesArg {
    pub fn project(&self) -> Result<Project> {
        Project::find(self.images.as_deref())
    }
}

/// Prints notes on standard error, so that scripts read the same output as before.
pub fn say_notes(project: &Project) {
    project.notes().iter().for_each(|line| aside(format!("note: {}", visible(line))));
}
