//! The version of the running Linux: some of what the agent hears and does depends on it.

use std::sync::OnceLock;
use tunelab_protocol::{Version, version};

/// The release of the running kernel, as `uname -r` says it.
pub fn running() -> String {
    nix::sys::utsname::uname().map_or_else(|_| String::new(), |said| said.release().to_string_lossy().into_owned())
}

/// Says whether the running kernel is of this version or later. A distribution may have brought single changes back to
/// an older one: ask this only where the kernel itself cannot be asked.
pub fn at_least(wanted: Version) -> bool {
    static RUNNING: OnceLock<Version> = OnceLock::new();
    *RUNNING.get_or_init(|| version(&running()).unwrap_or_default()) >= wanted
}
