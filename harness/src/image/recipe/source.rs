//! Where an image comes from, checked: packages of a suite, or a disk image; and the proof of either.

use serde::Serialize;
use std::path::PathBuf;

/// Where the root file system comes from: the tables of the file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `[packages]` alone: a root put together from them.
    Packages(Packages),
    /// `[disk]`: a distribution's own disk image, and the `[packages]` installed on top of it.
    Disk { disk: Disk, add: Option<Packages> },
}

/// `[packages]`: a suite of a Debian-like distribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Packages {
    pub suite: String,
    /// Further suites of the same mirror, such as `precise-updates`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pockets: Vec<String>,
    /// If empty: `main`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// They are tried in order, and never without a keyring. If empty: those that mmdebstrap knows for the suite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
    /// The keys that may sign the suite. `None`: those that mmdebstrap knows for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Keyring>,
    /// Whether a Release file past its `Valid-Until` is accepted. Its signature is checked all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
    /// Whether a signature made with SHA-1 or by a DSA key of 1024 bits is accepted: before 2012 there was no other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub weak_signature: bool,
    /// Package names; their dependencies follow, their recommendations do not.
    pub install: Vec<String>,
}

/// `[disk]`: a disk image as its distribution publishes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disk {
    /// They are tried in order; at least one.
    pub urls: Vec<String>,
    pub proof: Proof,
}

/// The proof that the disk image is the right one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The checksum in lower-case hex.
    Sha256(String),
    /// The checksum in lower-case hex.
    Sha512(String),
    Sums(Sums),
}

/// A list of checksums and its signature; both are beside the image, at whichever URL that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sums {
    /// `SHA256SUMS` or `SHA512SUMS`: lines of a checksum and a name.
    pub file: String,
    /// A detached signature.
    pub signature: String,
    pub keyring: Keyring,
}

/// A file of `keys/` beside the recipe: OpenPGP keys, not armored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Keyring {
    pub name: String,
    /// The path says nothing about the image; the content does.
    #[serde(skip)]
    pub path: PathBuf,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

impl Source {
    /// The same without what cannot change the result: the places of bytes that are proven to be the right ones.
    pub fn essence(&self) -> Self {
        let without_mirrors = |packages: &Packages| Packages { mirrors: Vec::new(), ..packages.clone() };
        match self {
            Source::Packages(packages) => Source::Packages(without_mirrors(packages)),
            Source::Disk { disk, add } => {
                // A signed list proves that a file is from its makers, and the URL says which file.
                let urls = if matches!(disk.proof, Proof::Sums(_)) { disk.urls.clone() } else { Vec::new() };
                let disk = Disk { urls, proof: disk.proof.clone() };
                Source::Disk { disk, add: add.as_ref().map(without_mirrors) }
            }
        }
    }
}
