//! Where an image comes from, checked: packages of a suite, or a disk image; and what makes either trusted.

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
    /// Empty: `main`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Tried in order; never without a keyring. Empty: those that mmdebstrap knows for the suite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
    /// Who may sign the suite. `None`: whom mmdebstrap knows for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Keyring>,
    /// A Release file past its `Valid-Until` is accepted. Its signature is checked all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
    /// A signature made with SHA-1 or by a DSA key of 1024 bits is accepted: before 2012 there was no other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub weak_signature: bool,
    /// Package names; what they depend on follows, what they recommend does not.
    pub install: Vec<String>,
}

/// `[disk]`: a disk image as its distribution publishes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disk {
    /// Tried in order; at least one.
    pub urls: Vec<String>,
    pub proof: Proof,
}

/// What tells the disk image from any other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// In lower-case hex.
    Sha256(String),
    /// In lower-case hex.
    Sha512(String),
    Sums(Sums),
}

/// A list of checksums and its signature; both are beside the image, wherever that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sums {
    /// `SHA256SUMS` or `SHA512SUMS`: lines of a checksum and a name.
    pub file: String,
    /// Detached.
    pub signature: String,
    pub keyring: Keyring,
}

/// A file of `keys/` beside the recipe: OpenPGP keys, not armored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Keyring {
    pub name: String,
    /// Where it is says nothing about the image; what is in it does.
    #[serde(skip)]
    pub path: PathBuf,
    /// Of its content, in hex.
    pub sha256: String,
}

impl Source {
    /// The same without what cannot change the result: from where bytes come that are proven to be the right ones.
    pub fn essence(&self) -> Self {
        let without_mirrors = |packages: &Packages| Packages { mirrors: Vec::new(), ..packages.clone() };
        match self {
            Source::Packages(packages) => Source::Packages(without_mirrors(packages)),
            Source::Disk { disk, add } => {
                // A signed list proves that a file is one of its makers', and the URL says which.
                let urls = if matches!(disk.proof, Proof::Sums(_)) { disk.urls.clone() } else { Vec::new() };
                let disk = Disk { urls, proof: disk.proof.clone() };
                Source::Disk { disk, add: add.as_ref().map(without_mirrors) }
            }
        }
    }
}
