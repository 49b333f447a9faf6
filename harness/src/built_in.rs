//! The catalogue that the binary carries, unpacked into the cache: `catalogue/<hash>/` with `scenarios/`, `snapshots/`
//! and `images/`, as in a checkout. It is unpacked because code and guests' tools read files.

use crate::{
    cache::{Cache, Claim},
    error::{Context, Error, Result},
    read,
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The prefix of a folder that is not whole yet; a name that begins with a dot is no entry of the cache.
const UNPACKING: &str = ".unpacking-";

/// The unpacked catalogue, whole; it is not pruned as long as this lives.
#[derive(Debug)]
pub struct BuiltIn {
    folder: PathBuf,
    /// If it had been changed and was unpacked again: what was wrong with it.
    pub mended: Option<String>,
    _claim: Claim,
}

impl BuiltIn {
    /// Unpacks it where it is missing or differs from the binary's.
    pub fn open(cache: &Cache) -> Result<Self> {
        let folder = folder(cache);
        let claim = Claim::take(&folder)?;
        let mut mended = None;
        // Looked at first: another process may unpack it while this one reads.
        let was_there = folder.exists();
        if let Some(why) = difference(&folder) {
            mended = was_there.then_some(why);
            unpack(&folder)?;
        }
        Ok(BuiltIn { folder, mended, _claim: claim })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Its folder in the cache, there or not.
pub fn folder(cache: &Cache) -> PathBuf {
    let mut hash = Sha256::new();
    for file in tunelab_catalogue::files() {
        hash.update(format!("{}\0", file.path));
        hash.update(file.sha256);
    }
    cache.catalogue().join(&hex::encode(hash.finalize())[..16])
}

/// The names in one of its folders: `scenarios` has folders, `images` has files.
pub fn names(folder: &str, ending: &str) -> Vec<String> {
    let name = |path: &str| Some(path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(ending)?.to_owned());
    let names = tunelab_catalogue::files().into_iter().filter_map(|file| name(&file.path));
    names.filter(|name| !name.contains('/')).collect()
}

/// Says which file is the first that is not as it should be.
fn difference(folder: &Path) -> Option<String> {
    let files = tunelab_catalogue::files();
    let changed = files.iter().find(|file| content(&folder.join(&file.path)).as_deref() != Some(&file.bytes));
    if let Some(file) = changed {
        return Some(format!("`{}` was changed", file.path));
    }
    let known: BTreeSet<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
    let mut found = Vec::new();
    collect(folder, &mut found);
    let added = found.into_iter().find(|path| !known.contains(path))?;
    Some(format!("`{}` was added", added.strip_prefix(folder).unwrap_or(&added).display()))
}

/// Returns `None` for anything but a file.
fn content(path: &Path) -> Option<Vec<u8>> {
    read::bytes(path, "the file", read::WRITTEN).ok()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => collect(&entry.path(), into),
            false => into.push(entry.path()),
        }
    }
}

/// Unpacks beside its place, then moves it there as a whole.
fn unpack(folder: &Path) -> Result<()> {
    let room = folder.parent().expect("an entry of the cache is in a room");
    let failed = || format!("failed to unpack the built-in scenarios into `{}`", folder.display());
    let full = |e: std::io::Error| Error::host(failed()).cause(e).hint("point `TUNELAB_CACHE` to a folder with room");
    // One process unpacks at a time: any other unpacking here was given up.
    let lock = File::create(room.join(".lock")).map_err(full)?;
    lock.lock().map_err(full)?;
    sweep(room);
    if difference(folder).is_none() {
        return Ok(());
    }
    let beside = TempDir::with_prefix_in(UNPACKING, room).map_err(full)?;
    let new = beside.path().join("new");
    write(&new).map_err(full)?;
    if folder.exists() {
        fs::rename(folder, beside.path().join("old")).host(failed)?;
    }
    fs::rename(&new, folder).host(failed)
}

fn write(folder: &Path) -> std::io::Result<()> {
    for file in tunelab_catalogue::files() {
        let path = folder.join(&file.path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, &file.bytes)?;
    }
    Ok(())
}

fn sweep(room: &Path) {
    let entries = fs::read_dir(room).into_iter().flatten().flatten();
    let given_up = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(UNPACKING.as_bytes()));
    given_up.for_each(|entry| drop(fs::remove_dir_all(entry.path())));
}
