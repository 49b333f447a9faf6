//! A folder of its own for each machine, and the sweep of folders that have no owner any more.

use super::out;
use crate::{
    cache::Cache,
    error::{Context, Error, Exit, Result},
    story::Teller,
    vm,
};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Locked by the process that uses the folder; removed when the folder is only a record.
const IN_USE: &str = "in-use";
/// How many records are kept besides those of today's runs; a record is a few hundred kilobytes.
const RECORDS: usize = 200;
/// The machine needs these files; readers of its record do not.
const SCAFFOLD: [&str; 5] = ["plan.json", "initrd", "qemu.log", vm::LAYER, IN_USE];

/// The folder of one machine. If it is dropped without [`Room::close`], it is removed with everything in it.
pub struct Room {
    path: PathBuf,
    /// Where the record so far is copied, if the room is never closed.
    rescue: Option<PathBuf>,
    closed: bool,
    _lock: File,
}

impl Room {
    pub fn open(cache: &Cache, name: &str) -> Result<Self> {
        let runs = cache.runs();
        let path = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .rand_bytes(8)
            .tempdir_in(&runs)
            .host(|| format!("failed to create a folder in `{}`", runs.display()))?
            .keep();
        let in_use = path.join(IN_USE);
        let lock = File::create(&in_use).and_then(|f| f.lock().map(|()| f));
        let lock = lock.host(|| format!("failed to lock `{}`", in_use.display()))?;
        Ok(Room { path, rescue: None, closed: false, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the folder to which the record of an interrupted run is copied.
    #[must_use]
    pub fn with_rescue(mut self, to: Option<PathBuf>) -> Self {
        self.rescue = to;
        self
    }

    /// Leaves the record and the console; with `keep`, everything.
    pub fn close(mut self, keep: bool) -> PathBuf {
        self.closed = true;
        self.tidy(keep);
        self.path.clone()
    }

    fn tidy(&self, keep: bool) {
        let gone: &[&str] = if keep { &[IN_USE] } else { &SCAFFOLD };
        for name in gone {
            let _ = fs::remove_file(self.path.join(name));
        }
        let packets = self.path.join(vm::PACKETS);
        if fs::metadata(&packets).is_ok_and(|file| file.len() == 0) {
            let _ = fs::remove_file(packets);
        }
    }
}

/// Adds to an error where to look: after a guest's death its console stays, and the error says where it is.
pub fn given_up(room: Room, error: Error) -> Error {
    match error.exit() {
        Exit::Guest => where_to_look(error, &room.close(false)),
        _ => error,
    }
}

pub fn where_to_look(error: Error, path: &Path) -> Error {
    match error.hint_text() {
        Some(_) => error,
        None => error.hint(format!("console and record are in `{}`", path.display())),
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.closed {
            if let Some(to) = &self.rescue {
                self.tidy(false);
                let _ = out::copy(&self.path, to);
            }
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes the folders of killed runs, and the oldest records.
pub fn sweep(cache: &Cache, teller: &Teller) -> Result<()> {
    let runs = cache.runs();
    let entries = fs::read_dir(&runs).host(|| format!("failed to read `{}`", runs.display()))?;
    let (in_use, mut records): (Vec<PathBuf>, Vec<PathBuf>) =
        entries.filter_map(|e| Some(e.ok()?.path())).partition(|path| path.join(IN_USE).exists());
    let left: Vec<PathBuf> = in_use.into_iter().filter(|path| !is_in_use(path)).collect();
    if !left.is_empty() {
        teller.notice(format!(
            "swept {} folder{} that killed runs left",
            left.len(),
            if left.len() == 1 { "" } else { "s" }
        ));
    }
    // Each is asked once: another process may remove one meanwhile, and the order must not change.
    records.sort_by_cached_key(|path| fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH));
    let old = records.len().saturating_sub(RECORDS);
    for path in left.iter().chain(&records[..old]) {
        let _ = fs::remove_dir_all(path);
    }
    Ok(())
}

/// Whether the run in this folder was killed.
pub fn is_abandoned(path: &Path) -> bool {
    path.join(IN_USE).exists() && !is_in_use(path)
}

/// Whether a process holds the lock.
pub fn is_in_use(path: &Path) -> bool {
    let lock = File::open(path.join(IN_USE)).map(|f| f.try_lock());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}
