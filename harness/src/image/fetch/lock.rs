//! Lets one process at a time download a file.

use crate::{
    error::{Context, Error, Result},
    story::Teller,
};
use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

/// Waits until no other process holds the lock. The kernel releases it when its holder dies.
pub async fn hold(path: &Path, teller: &Teller) -> Result<File> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.host(|| format!("failed to open `{}`", path.display()))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => {
                return Err(Error::host(format!("failed to lock `{}`", path.display())).cause(e));
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if !std::mem::replace(&mut told, true) {
            teller.notice("the same file is being downloaded by another tunelab: waiting for it");
        }
        // The lock is tried again and again, because Ctrl-C could not end a blocking one.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
