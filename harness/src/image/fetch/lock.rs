//! One download of a file at a time, whichever process does it.

use crate::{
    error::{Context, Error, Result},
    story::Teller,
};
use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

/// Waits until nobody else has it. The kernel lets go of it when its holder dies.
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
        // Asked again and again instead of a blocking lock, which Ctrl-C could not end.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
