//! The place where things are kept: `$TUNELAB_CACHE`, else the XDG cache folder.

mod claim;

pub use claim::{Claim, last_used};

use crate::error::{Context, Result};
use etcetera::BaseStrategy;
use std::path::{Path, PathBuf};

/// The cache folder and its rooms. Everything in it can be deleted at any time between runs.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Finds the cache folder and creates it.
    pub fn open() -> Result<Self> {
        let root = match std::env::var_os("TUNELAB_CACHE").filter(|v| !v.is_empty()) {
            Some(dir) => std::path::absolute(&dir).host(|| format!("`TUNELAB_CACHE={}` is no path", dir.display()))?,
            None => etcetera::choose_base_strategy()
                .host(|| "this user has no home folder to keep a cache in".into())?
                .cache_dir()
                .join("tunelab"),
        };
        Self::at(root)
    }

    pub fn at(root: PathBuf) -> Result<Self> {
        let cache = Cache { root };
        for room in
            [cache.images(), cache.kernels(), cache.states(), cache.runs(), cache.downloads(), cache.catalogue()]
        {
            std::fs::create_dir_all(&room).host(|| format!("failed to create `{}`", room.display()))?;
        }
        Ok(cache)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `<name>-<key>/`: kernel, modules, root disk, manifest.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// `<checksum>`: disk images as their publishers have them; `<checksum>.part` and `<checksum>.aside`: the bytes of
    /// one so far.
    pub fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// `<release>-<key>/`: kernels of the user's own, with their modules.
    pub fn kernels(&self) -> PathBuf {
        self.root.join("kernels")
    }

    /// `<key>/`: warm machines, ready to be restored.
    pub fn states(&self) -> PathBuf {
        self.root.join("states")
    }

    /// `<hash>/`: the binary's scenarios, snapshots and images, as files.
    pub fn catalogue(&self) -> PathBuf {
        self.root.join("catalogue")
    }

    /// `<run>/`: records, consoles, and what a running machine needs; see `lab` for what is swept when.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }
}
