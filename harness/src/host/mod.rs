//! The facts about this machine, proven by running it; what is missing, and how to get it.
//!
//! ```text
//! catalogue (one entry a need) ──proven──► Survey ──lacks──► install: at once, after asking, or a command to run
//! ```

pub mod catalogue;
pub mod install;
pub mod kvm;
mod lack;
pub mod namespace;
mod need;
mod packaging;
pub mod resources;
mod survey;

pub use install::InstallPolicy;
pub use lack::{Fix, Lack};
pub use need::{BUILD, MODULES, Need, RUN, TESTS};
pub use packaging::Packaging;
pub use survey::{Row, Survey, refusal, require, survey};

use std::ffi::OsString;

/// `$PATH` with the system's own folders, which an ordinary user's often lacks (mke2fs is in /usr/sbin).
pub fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin");
    path
}
