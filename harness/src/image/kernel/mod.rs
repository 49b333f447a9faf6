//! A kernel of the user's own, under any image's userspace: a bzImage with or without a folder of modules, or a Debian
//! package as it is.
//!
//! ```text
//! files ──bzimage, deb──► Given ──tree──► <cache>/kernels/<release>-<key>/ ──► Kernel ──► Image::with_kernel
//! ```

mod bzimage;
mod deb;
mod store;
mod tree;

pub(super) use bzimage::check;
pub use store::{damage, ensure};

use super::checksum;
use crate::{
    cache::Claim,
    error::{Error, Result},
};
use deb::Deb;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The files that the user gave: the header is that of a kernel that could boot here. Nothing was written yet.
#[derive(Debug, Clone)]
pub struct Given {
    /// The release, as `uname -r` will say it.
    pub release: String,
    file: PathBuf,
    image: Arc<Vec<u8>>,
    modules: Option<Modules>,
}

#[derive(Debug, Clone)]
enum Modules {
    /// `lib/modules/RELEASE`.
    Folder(PathBuf),
    Package(PathBuf),
}

/// A kernel in the cache, ready to boot.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The release, as `uname -r` says it.
    pub release: String,
    /// SHA-256 in hex of the bzImage.
    pub sha256: String,
    /// SHA-256 in hex of the modules it came with; `None`: it came without.
    pub modules_sha256: Option<String>,
    /// A bzImage.
    pub image: PathBuf,
    /// The initrd's part with `/modules`.
    pub modules: PathBuf,
    /// A disk (raw, ext4) with the whole tree of modules, below its release. `None`: they are on the root disk, or
    /// there are none.
    pub tree: Option<PathBuf>,
    /// It is not pruned before the last copy of this is gone.
    _claim: Arc<Claim>,
}

impl Given {
    /// Opens `file`, a bzImage or a package with one. `modules` is the folder of its modules, one above it, or a
    /// package.
    pub fn open(file: &Path, modules: Option<&Path>) -> Result<Self> {
        let bytes = deb::read(file, "the kernel")?;
        let is_package = bytes.starts_with(deb::MAGIC);
        let image = if is_package { Deb::open(file, &bytes)?.kernel()? } else { bytes };
        let release = bzimage::release(file, &image)?;
        let modules = match modules {
            Some(given) => Some(Modules::of(given, &release)?),
            None => is_package.then(|| Modules::Package(file.to_owned())),
        };
        Ok(Given { release, file: file.to_owned(), image: Arc::new(image), modules })
    }

    /// Whether the tools that index modules and put them on a disk are needed.
    pub fn has_modules(&self) -> bool {
        self.modules.is_some()
    }
}

impl Modules {
    fn of(given: &Path, release: &str) -> Result<Self> {
        if given.is_dir() {
            return tree::find(given, release).map(Modules::Folder);
        }
        let bytes = deb::read(given, "the modules")?;
        if !bytes.starts_with(deb::MAGIC) {
            return Err(Error::input(format!("`{}` is neither a folder nor a Debian package", given.display()))
                .hint(format!("give the folder `lib/modules/{release}`")));
        }
        Deb::open(given, &bytes)?;
        Ok(Modules::Package(given.to_owned()))
    }

    /// SHA-256 in hex over all modules.
    fn sha256(&self) -> Result<String> {
        match self {
            Modules::Folder(tree) => tree::sha256(tree),
            Modules::Package(file) => Ok(checksum::of_bytes(&[&deb::read(file, "the modules")?])),
        }
    }

    /// Unpacks the modules to `to`. Returns false if it was a package and has none.
    fn unpack(&self, to: &Path) -> Result<bool> {
        match self {
            Modules::Folder(tree) => tree::of_folder(tree, to).map(|()| true),
            Modules::Package(file) => tree::of_package(&Deb::open(file, &deb::read(file, "the modules")?)?, to),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Modules::Folder(path) | Modules::Package(path) => path,
        }
    }
}

#[cfg(test)]
pub mod tests {
    /// As much of a kernel as is looked at: boot protocol 2.15, 64-bit, with 2 KiB of real mode and 2 KiB beyond.
    pub fn bzimage(release: &str) -> Vec<u8> {
        let mut image = vec![0; 4096];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x1f1, &[3, 0, 0, 128, 0, 0, 0]);
        put(0x1fe, &[0x55, 0xaa]);
        put(0x202, b"HdrS\x0f\x02");
        put(0x20e, &[0x00, 0x06]);
        put(0x236, &[1]);
        put(0x800, format!("{release} (nobody)\0").as_bytes());
        image
    }
}
