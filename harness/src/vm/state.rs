//! A saved machine on disk: QEMU's state file, and beside it a manifest that describes it and proves it whole.

use super::{qcow2, spec::Shape};
use crate::{
    error::{Context, Error, Result},
    read,
};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// A qcow2 image with one snapshot of the machine in it and, if its root disk is writable, the guest's writes to that.
const STATE: &str = "state.qcow2";
/// The size in bytes of the disk in an image that is only for a snapshot. Nothing is ever written to it.
const NO_DISK: u64 = 4 << 30;
/// The name of a state until it is whole; random letters follow.
const DRAFT: &str = ".state-";
/// [`Manifest`], written last: without it there is no state.
const MANIFEST: &str = "state.json";

/// A folder with a state in it.
#[derive(Debug, Clone)]
pub struct SavedState {
    dir: PathBuf,
    pub manifest: Manifest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The QEMU that wrote the state; only it understands the state.
    pub qemu: String,
    pub shape: Shape,
    pub size_bytes: u64,
    pub sha256: String,
}

/// Why there is no machine after a restore.
#[derive(Debug)]
pub enum RestoreError {
    /// The state is missing, damaged or another QEMU's: build it anew, and say this line.
    Unusable(String),
    /// Something else, which building it anew would not mend.
    Failed(Error),
}

impl From<Error> for RestoreError {
    fn from(error: Error) -> Self {
        RestoreError::Failed(error)
    }
}

impl From<RestoreError> for Error {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Unusable(why) => Error::host(why),
            RestoreError::Failed(error) => error,
        }
    }
}

impl SavedState {
    /// Whether `dir` holds a state, or something in its place, usable or not; an interrupted save leaves none.
    pub fn is_in(dir: &Path) -> bool {
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        is_there(&dir.join(MANIFEST)) || (is_there(dir) && !dir.is_dir())
    }

    /// Finds the state in `dir`. Only the manifest is read; [`SavedState::copy`] reads the rest.
    pub fn open(dir: &Path) -> Result<Self, RestoreError> {
        let path = dir.join(MANIFEST);
        let unusable = |why: &dyn std::fmt::Display| {
            RestoreError::Unusable(format!("the saved machine in `{}` cannot be used: {why}", dir.display()))
        };
        let text = read::bytes(&path, "its manifest", read::WRITTEN).map_err(|e| unusable(&format!("{e:?}")))?;
        let manifest = serde_json::from_slice(&text).map_err(|e| unusable(&format!("`{MANIFEST}`: {e}")))?;
        Ok(SavedState { dir: dir.to_owned(), manifest })
    }

    /// Copies the state into memory, for one machine to load and to write to. The copy is whole: size and checksum are
    /// those of the manifest.
    pub fn copy(&self) -> Result<File, RestoreError> {
        let memory = memfd_create("tunelab-state", MFdFlags::MFD_CLOEXEC);
        let mut copy = File::from(memory.host(|| "failed to take memory for a saved machine".into())?);
        self.read(&mut copy)?;
        Ok(copy)
    }

    /// Checks that size and checksum are those of the manifest.
    pub fn check(&self) -> Result<(), RestoreError> {
        self.read(&mut std::io::sink())
    }

    fn read(&self, to: &mut impl Write) -> Result<(), RestoreError> {
        let path = self.dir.join(STATE);
        let unusable = |why: String| RestoreError::Unusable(format!("the saved machine `{}` {why}", path.display()));
        let mut file = read::open(&path).map_err(|e| unusable(format!("cannot be read: {e}")))?;
        let size = file.metadata().map_err(|e| unusable(format!("cannot be read: {e}")))?.len();
        let Manifest { size_bytes, sha256, .. } = &self.manifest;
        if size != *size_bytes {
            return Err(unusable(format!("is damaged: {size} bytes instead of {size_bytes}")));
        }
        let checksum = copy_and_hash(&mut file, to).map_err(|e| unusable(format!("cannot be read: {e}")))?;
        if checksum != *sha256 {
            return Err(unusable("is damaged: its checksum is another".into()));
        }
        Ok(())
    }

    /// The error for a state that is whole and still cannot be loaded.
    pub fn refused(&self, why: &str) -> RestoreError {
        RestoreError::Unusable(format!("QEMU cannot load the saved machine in `{}`: {why}", self.dir.display()))
    }
}

/// A state being written. Until [`Draft::finish`] its folder holds nothing that looks like one.
#[derive(Debug)]
pub struct Draft {
    dir: PathBuf,
    file: tempfile::NamedTempFile,
}

impl Draft {
    pub fn begin(dir: &Path) -> Result<Self> {
        let failed = || format!("failed to make room for a saved machine in `{}`", dir.display());
        clear(dir).and_then(|()| std::fs::create_dir_all(dir)).host(failed)?;
        remove_drafts(dir);
        let failed = || format!("failed to create a file in `{}`", dir.display());
        let mut file = tempfile::Builder::new().prefix(DRAFT).tempfile_in(dir).host(failed)?;
        file.write_all(&qcow2::empty(NO_DISK)).host(failed)?;
        // A crash between the two renames of `finish` must not leave an old manifest beside a new state.
        match std::fs::remove_file(dir.join(MANIFEST)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::host(format!("failed to replace the state in `{}`", dir.display())).cause(e))
            }
            _ => Ok(Draft { dir: dir.to_owned(), file }),
        }
    }

    /// The path of an empty qcow2 image, which the program that opens it fills.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Takes another image for the state, one that is not written to any more.
    pub fn replace_with(&mut self, image: &Path) -> Result<()> {
        let failed = || format!("failed to keep the machine's state in `{}`", self.dir.display());
        // Another file system means that the user has put a room of the cache elsewhere.
        if std::fs::rename(image, self.path()).is_err() {
            std::fs::copy(image, self.path()).host(failed)?;
        }
        *self.file.as_file_mut() = File::options().read(true).write(true).open(self.file.path()).host(failed)?;
        Ok(())
    }

    /// Names the file and describes it. There is no fsync: after a crash of the host the checksum tells, and it is
    /// built anew.
    pub fn finish(mut self, qemu: String, shape: Shape) -> Result<SavedState> {
        let failed = || format!("failed to keep the machine's state in `{}`", self.dir.display());
        let size_bytes = self.file.as_file().metadata().host(failed)?.len();
        self.file.rewind().host(failed)?;
        let sha256 = copy_and_hash(self.file.as_file_mut(), &mut std::io::sink()).host(failed)?;
        let manifest = Manifest { qemu, shape, size_bytes, sha256 };
        self.file.persist(self.dir.join(STATE)).host(failed)?;
        let text = serde_json::to_vec_pretty(&manifest).host(failed)?;
        let mut described = tempfile::NamedTempFile::new_in(&self.dir).host(failed)?;
        described.write_all(&text).host(failed)?;
        described.persist(self.dir.join(MANIFEST)).host(failed)?;
        Ok(SavedState { dir: self.dir, manifest })
    }
}

/// Removes anything but a folder in place of a state's, and anything but a file in place of one of a state's: otherwise
/// nothing could be put there.
fn clear(dir: &Path) -> std::io::Result<()> {
    match dir.symlink_metadata() {
        Ok(_) if !dir.is_dir() => return std::fs::remove_file(dir),
        Ok(_) => {}
        Err(_) => return Ok(()),
    }
    for entry in std::fs::read_dir(dir)?.flatten() {
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Removes what killed saves left. A process that saves to `dir` is alone in it: the lab locks it.
fn remove_drafts(dir: &Path) {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(DRAFT)) {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// Copies all of `from`, and returns its SHA-256 in hex.
fn copy_and_hash(from: &mut File, to: &mut impl Write) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => {
                hash.update(&buffer[..n]);
                to.write_all(&buffer[..n])?;
            }
        }
    }
}
