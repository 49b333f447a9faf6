//! The recipe of an image: `images/<name>.toml`, checked.

mod disk;
mod keyring;
mod packages;
mod parse;
mod reader;
mod recipes;
mod source;
mod url;

pub use packages::is_package;
pub use recipes::Recipes;
pub use source::{Disk, Keyring, Packages, Proof, Source, Sums};

use crate::error::{Error, Result};
use serde::Serialize;

/// The folder of keyrings, beside recipes.
const KEYS: &str = "keys";

/// A checked recipe. The parts that the image is built from decide its key; the summary, the kernel that is expected
/// and the machine's shape do not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The file's name without `.toml`.
    pub name: String,
    /// One line for lists.
    pub summary: String,
    /// The things that the lab cannot do with this image, a line each.
    pub cannot: Vec<String>,
    /// The start of the kernel's release, `3.5`. It decides nothing: it serves to notice a mistake.
    pub kernel: Option<String>,
    pub source: Source,
    pub init: Init,
    pub machine: Machine,
}

/// The program that is process 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Our agent, from our own initrd.
    Agent,
    /// The init of the disk image: upstart, systemd.
    Distribution,
}

/// The machine that this image gets in a shell of its own. A scenario gives memory and CPUs itself, or takes what all
/// scenarios take, so that its figures on two images are of the same machine; only `cmdline` is added there too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    pub memory_mib: u32,
    pub cpus: u32,
    /// Appended to the kernel's command line.
    pub cmdline: String,
}

impl Default for Machine {
    fn default() -> Self {
        Machine { memory_mib: 1024, cpus: 1, cmdline: String::new() }
    }
}

impl Recipe {
    /// Returns the recipe with these packages besides its own; it makes another image of the same name.
    pub fn with_packages(&self, extra: &[String]) -> Result<Recipe> {
        let mut recipe = self.clone();
        let packages = match &mut recipe.source {
            Source::Packages(packages) => packages,
            Source::Disk { add: Some(packages), .. } => packages,
            Source::Disk { add: None, .. } if extra.is_empty() => return Ok(recipe),
            Source::Disk { add: None, .. } => {
                let what = format!("nothing can be added to image `{}`: its recipe has no `[packages]`", self.name);
                return Err(Error::input(what).hint("take another image, or one whose disk has the packages"));
            }
        };
        packages
            .install
            .extend(extra.iter().filter(|name| !packages.install.contains(name)).cloned().collect::<Vec<_>>());
        Ok(recipe)
    }

    /// Whether its kernel may have this release: `3.5` may be 3.5.0-54-generic, but not 3.50.
    pub fn expects(&self, release: &str) -> bool {
        let Some(kernel) = &self.kernel else { return true };
        release.strip_prefix(kernel.as_str()).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// Whether an image may have this name, which becomes a part of file names, and a word of command lines.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && name.len() <= 64 && name.chars().all(good) && !name.contains("..")
}
