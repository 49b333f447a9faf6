//! Machines: QEMU's command line, its process, its monitor, its state on disk, and whether it still lives.
//!
//! [`Machine`] is the way in: boot one, or restore one from a [`SavedState`]; it knows nothing of what runs inside.

mod allowance;
pub mod argv;
pub mod bounds;
pub mod console;
mod death;
mod human;
mod machine;
mod monitor;
mod process;
mod processor;
mod qcow2;
mod qmp;
pub mod registers;
mod spec;
mod state;
mod watch;

pub use allowance::{Allowance, Overdue, Pulse, load, seconds};
pub use death::Death;
pub use machine::{LAYER, Machine, PACKETS};
pub use process::living;
pub use spec::{Accel, MachineSpec, RootDisk, Shape};
pub use state::{Draft, Manifest, RestoreError, SavedState};

/// Bytes an ordinary user can still write to the file system of `path`.
fn free_space(path: &std::path::Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(path).ok()?;
    Some(stat.blocks_available() * stat.fragment_size())
}
