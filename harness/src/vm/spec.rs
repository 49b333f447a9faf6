//! The description of a machine: everything that decides its QEMU command line and does not belong to one run.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A machine, typed; [`super::argv`] turns it into a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSpec {
    /// The QEMU binary, by name or by path.
    pub qemu: PathBuf,
    pub shape: Shape,
    /// Seeds the random numbers that QEMU hands the guest (RDRAND), from the boot or the restore on.
    pub seed: u64,
    /// A bzImage, booted directly.
    pub kernel: PathBuf,
    /// Its major and minor version, which decide which words it understands.
    pub linux: (u32, u32),
    /// One cpio archive or several in a row. It is not looked at when a saved state is restored.
    pub initrd: PathBuf,
    /// Words of the scenario or the image; they come after our own ([`super::argv::kernel_command_line`]).
    pub cmdline: Vec<String>,
    pub root: RootDisk,
    /// A disk with modules that are not on the root disk: raw, ext4, never written to.
    pub modules: Option<PathBuf>,
}

/// A saved state depends on this, besides the kernel, the disk and the QEMU version: it restores only into the same
/// shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub accel: Accel,
    pub memory_mb: u32,
    /// Under the virtual clock there is one: `-icount` runs vCPUs in turns, and measurements are made with one.
    pub cpus: u32,
}

/// How the guest is executed, and which time it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accel {
    /// TCG counting instructions, `2^shift` nanoseconds each; an idle guest leaps to its next timer.
    VirtualClock { shift: u8 },
    /// TCG in real time.
    WallTcg,
    /// KVM in real time. It is used only after a guest has really run under it on this host.
    WallKvm,
}

impl Accel {
    pub fn is_virtual(self) -> bool {
        matches!(self, Accel::VirtualClock { .. })
    }
}

/// Where `/dev/vda` comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootDisk {
    /// A raw image that is never written: the agent mounts it read-only, so there is nothing to create, to keep beside
    /// a saved state or to sweep, and any number of machines share the file.
    ReadOnly(PathBuf),
    /// A distribution's raw disk, which its init writes to. It lies under a qcow2 file of the machine's own, which
    /// takes what is written and, when the machine is saved, its state.
    Layered(PathBuf),
}

impl RootDisk {
    /// The same without this host's path.
    pub(super) fn anywhere(&self) -> Self {
        match self {
            RootDisk::ReadOnly(_) => RootDisk::ReadOnly(PathBuf::new()),
            RootDisk::Layered(_) => RootDisk::Layered(PathBuf::new()),
        }
    }
}
