//! Tells whether an entry of the cache is in use, and when it was used last: `.<entry>.used` beside it, locked by its
//! users.
//!
//! That file stays when the entry goes: a lock on a removed file would exclude no other process.

use crate::error::{Context, Result};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, SystemTime},
};

/// How often, and how long apart, an entry's lock is tried before the entry counts as used.
const TRIES: u32 = 5;
const MOMENT: Duration = Duration::from_millis(10);

/// While it lives, the entry is not pruned. The kernel releases it when this process dies.
#[derive(Debug)]
pub struct Claim {
    _locked: File,
}

impl Claim {
    /// Says that `entry`, which need not be there yet, is used from now on. Blocks while it is being removed.
    pub fn take(entry: &Path) -> Result<Self> {
        let failed = || format!("failed to mark `{}` as used", entry.display());
        let file = open(entry).host(failed)?;
        file.lock_shared().and_then(|()| file.set_modified(SystemTime::now())).host(failed)?;
        Ok(Claim { _locked: file })
    }

    /// Claims `entry` for its removal; returns `None` if a process uses it.
    pub fn sole(entry: &Path) -> Option<Self> {
        let file = open(entry).ok()?;
        // From its fork to its exec, a child of ours still holds a lock that we have just released.
        let free = (0..TRIES).any(|_| file.try_lock().inspect_err(|_| sleep(MOMENT)).is_ok());
        free.then_some(Claim { _locked: file })
    }
}

/// When the entry was claimed last; if it never was, when it was made or changed.
pub fn last_used(entry: &Path) -> SystemTime {
    let modified = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    modified(&marker(entry)).or_else(|| modified(entry)).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn open(entry: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).open(marker(entry))
}

fn marker(entry: &Path) -> PathBuf {
    let name = entry.file_name().unwrap_or_default().to_string_lossy();
    entry.with_file_name(format!(".{name}.used"))
}
