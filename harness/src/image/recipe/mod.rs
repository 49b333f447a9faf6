//! What an image is made of: `images/<name>.toml`, checked.

mod disk;
mod keyring;
mod packages;
mod parse;
mod reader;
mod source;
mod url;

pub use source::{Disk, Keyring, Packages, Proof, Source, Sums};

use crate::{
    error::{Error, Exit, Result},
    read,
};
use serde::Serialize;
use std::path::Path;

/// A checked recipe. What it is built from decides its key; the summary, the kernel that is expected and the machine's
/// shape do not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The file's name without `.toml`.
    pub name: String,
    /// One line for lists.
    pub summary: String,
    /// What the lab knows it cannot do there, a line each.
    pub cannot: Vec<String>,
    /// What the release of its kernel begins with, `3.5`. It decides nothing: it is how a mistake is noticed.
    pub kernel: Option<String>,
    pub source: Source,
    pub init: Init,
    pub machine: Machine,
}

/// Who is process 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Our agent, from our own initrd.
    Agent,
    /// What the disk image brings: upstart, systemd.
    Distribution,
}

/// The machine that this image gets in a shell of its own. A scenario says memory and CPUs itself, or takes what all
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
    /// The recipe `images/<name>.toml`; an unknown name is told with the nearest and all known ones.
    pub fn find(images: &Path, name: &str) -> Result<Self> {
        let names = Self::names(images)?;
        if !names.iter().any(|n| n == name) {
            return Err(unknown(images, name, &names));
        }
        let path = images.join(format!("{name}.toml"));
        let text = read::text(&path, "the recipe", read::TEXT)?;
        Self::parse(name, &path.display().to_string(), &text)
    }

    /// All recipes, by name. One that is wrong refuses the list with what is wrong in it.
    pub fn list(images: &Path) -> Result<Vec<Self>> {
        Self::names(images)?.iter().map(|name| Self::find(images, name)).collect()
    }

    /// Whether its kernel may be of this release: `3.5` may be 3.5.0-54-generic, but not 3.50.
    pub fn expects(&self, release: &str) -> bool {
        let Some(kernel) = &self.kernel else { return true };
        release.strip_prefix(kernel.as_str()).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    fn names(images: &Path) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(images).map_err(|e| {
            Error::input(format!("no recipes of images in `{}`", images.display()))
                .cause(e)
                .hint("run tunelab in its own folder, where `images/` is")
        })?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(".toml").map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }
}

/// What an image may be called: it becomes a part of file names, and a word of command lines.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && name.len() <= 64 && name.chars().all(good) && !name.contains("..")
}

fn unknown(images: &Path, name: &str, names: &[String]) -> Error {
    let error = Error::new(Exit::Input, format!("no image is called `{name}`"));
    match reader::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`? known: {}", names.join(", "))),
        None => error.hint(format!("known in `{}`: {}", images.display(), names.join(", "))),
    }
}
