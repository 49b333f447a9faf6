//! Checksums as publishers give them.

use crate::read;
use sha2::{Sha256, Sha512};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// A checksum in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digest {
    Sha256(String),
    Sha512(String),
}

impl Digest {
    /// Tells the kind of checksum by its length.
    pub fn parse(hex: &str) -> Option<Self> {
        let hex = hex.to_ascii_lowercase();
        match hex.len() {
            _ if !hex.chars().all(|c| c.is_ascii_hexdigit()) => None,
            64 => Some(Digest::Sha256(hex)),
            128 => Some(Digest::Sha512(hex)),
            _ => None,
        }
    }

    pub fn hex(&self) -> &str {
        match self {
            Digest::Sha256(hex) | Digest::Sha512(hex) => hex,
        }
    }

    pub fn is_of(&self, path: &Path) -> io::Result<bool> {
        let file = read::open(path)?;
        let found = match self {
            Digest::Sha256(_) => hash::<Sha256>(file)?,
            Digest::Sha512(_) => hash::<Sha512>(file)?,
        };
        Ok(found == self.hex())
    }
}

fn hash<D: sha2::Digest>(mut file: File) -> io::Result<String> {
    let (mut hash, mut chunk) = (D::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(&chunk[..n]),
        }
    }
}
