//! Descriptors: reads that do not wait, and descriptors that tokio has no type for.

use anyhow::{Context, Result};
use std::os::fd::AsRawFd;
use tokio::io::unix::AsyncFd;

/// Makes reads report that there is nothing, rather than wait.
pub fn return_at_once(owner: &impl AsRawFd) -> Result<()> {
    // SAFETY: a plain fcntl on an open descriptor.
    if unsafe { libc::fcntl(owner.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
        return Err(std::io::Error::last_os_error()).context("fcntl");
    }
    Ok(())
}

/// Makes reads return at once, and tells when there is something to read. Only for owners of their descriptor.
pub fn watch<T: AsRawFd>(owner: T) -> Result<AsyncFd<T>> {
    return_at_once(&owner)?;
    // SAFETY: `owner` owns the descriptor, and the AsyncFd owns it.
    unsafe { AsyncFd::register(owner) }.map_err(std::io::Error::from).context("epoll does not take this descriptor")
}
