//! `manifest.json` lists what an image in the store consists of. It is written last; without it there is no image.

use super::checksum;
use crate::{
    error::{Context, Result},
    read,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub image: String,
    pub key: String,
    /// The kernel's own name for itself: `6.1.0-56-cloud-amd64`.
    pub kernel_release: String,
    /// Seconds since 1970.
    pub built_at: u64,
    /// `tunelab` and its version.
    pub builder: String,
    /// The files, by name in the image's folder.
    pub files: BTreeMap<String, FileFact>,
    /// Everything installed, by package name.
    pub packages: Vec<Package>,
    /// Only for a distribution's own disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskFacts>,
}

/// The facts in a manifest besides its files.
pub struct Facts {
    /// The kernel's release.
    pub release: String,
    pub packages: Vec<Package>,
    pub disk: Option<DiskFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFacts {
    /// Where a machine's first disk has the root file system: `/dev/vda1`.
    pub root_device: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFact {
    pub size_bytes: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub architecture: String,
}

pub const FILE: &str = "manifest.json";

impl Manifest {
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = read::bytes(&path, "the manifest", read::WRITTEN)?;
        serde_json::from_slice(&text).host(|| format!("`{}` is no manifest", path.display()))
    }

    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        let text = serde_json::to_vec_pretty(self).expect("a manifest is plain data");
        std::fs::write(&path, text).host(|| format!("failed to write `{}`", path.display()))
    }
}

/// Returns a difference between these facts and the files in `dir`, or `None`.
pub fn damage(files: &BTreeMap<String, FileFact>, dir: &Path) -> Option<String> {
    let paths: Vec<_> = files.keys().map(|name| dir.join(name)).collect();
    let found = checksum::of_files(&paths.iter().map(|p| p.as_path()).collect::<Vec<_>>());
    files.iter().zip(found).find_map(|((name, fact), found)| match found {
        Err(e) => Some(format!("`{name}` cannot be read: {e}")),
        Ok((size, _)) if size != fact.size_bytes => {
            Some(format!("`{name}` has {size} bytes instead of {}", fact.size_bytes))
        }
        Ok((_, sha256)) if sha256 != fact.sha256 => Some(format!("the checksum of `{name}` differs")),
        Ok(_) => None,
    })
}

impl FileFact {
    pub fn of(path: &Path) -> Result<Self> {
        let (size_bytes, sha256) = checksum::of_file(path).host(|| format!("failed to read `{}`", path.display()))?;
        Ok(FileFact { size_bytes, sha256 })
    }
}

/// Parses lines `name<TAB>version<TAB>architecture`, as `dpkg-query` wrote them.
pub fn packages(text: &str) -> Vec<Package> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('\t').map(str::to_owned);
            Some(Package { name: words.next()?, version: words.next()?, architecture: words.next()? })
        })
        .collect()
}
