//! What this machine has, proven by running it; what is missing, and how to get it.

pub mod namespace;
pub mod resources;

use std::ffi::OsString;

/// `$PATH` with the system's own folders, which an ordinary user's often lacks (mke2fs is in /usr/sbin).
pub fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin");
    path
}
