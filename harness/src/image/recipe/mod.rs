//! What an image is made of: `images/<name>.toml`, checked.

mod disk;
mod keyring;
mod packages;
mod parse;
mod reader;
mod recipes;
mod source;
mod url;

pub use recipes::Recipes;
pub use source::{Disk, Keyring, Packages, Proof, Source, Sums};

use serde::Serialize;

/// The folder of keyrings, beside recipes.
const KEYS: &str = "keys";

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
    /// Whether its kernel may be of this release: `3.5` may be 3.5.0-54-generic, but not 3.50.
    pub fn expects(&self, release: &str) -> bool {
        let Some(kernel) = &self.kernel else { return true };
        release.strip_prefix(kernel.as_str()).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// What an image may be called: it becomes a part of file names, and a word of command lines.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && name.len() <= 64 && name.chars().all(good) && !name.contains("..")
}
