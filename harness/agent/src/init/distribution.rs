//! Makes way for a distribution's own init, as its own initramfs would: the root partition read-only, `/run` in memory,
//! then `/sbin/init` in our place.
//!
//! Before that, the seed is laid where every cloud-init since 0.6 looks first (`/var/lib/cloud/seed/nocloud`): a folder,
//! not a labelled disk, because a saved machine would have to keep that disk, and Linux needs modules to mount it.

use super::{cmdline, disk, spin_if_asked};
use anyhow::{Context, Result};
use nix::mount::{MsFlags, umount};
use std::convert::Infallible;
use std::ffi::CStr;
use std::fs;
use std::path::Path;

/// A word on the kernel command line, followed by the device of the distribution's root partition.
const ROOT: &str = "tunelab.init=";
/// The seed's folder in the initrd.
const SEED: &str = "/etc/tunelab/seed";
const SEED_FOR_CLOUD_INIT: &str = "var/lib/cloud/seed/nocloud";
const INIT: &CStr = c"/sbin/init";

/// Gives the root partition of the distribution, if its own init runs, or is to run, this guest.
pub fn root() -> Option<String> {
    cmdline().split_whitespace().find_map(|word| Some(word.strip_prefix(ROOT)?.to_owned()))
}

/// Returns only if it failed.
pub fn hand_over(device: &str) -> Result<Infallible> {
    disk::mount_root(device, MsFlags::empty())?;
    lay_seed().context("failed to lay the seed for cloud-init")?;
    // The distribution mounts its root read-write by itself; upstart's mountall would even check it again.
    umount(disk::NEW_ROOT).context("failed to unmount the root disk")?;
    disk::mount_root(device, MsFlags::MS_RDONLY)?;
    disk::enter_root()?;
    disk::mount_modules()?;
    crate::tool::tmpfs("/run")?;
    spin_if_asked()?;
    nix::unistd::execv(INIT, &[INIT]).with_context(|| format!("failed to execute {INIT:?}"))
}

fn lay_seed() -> Result<()> {
    let to = Path::new(disk::NEW_ROOT).join(SEED_FOR_CLOUD_INIT);
    fs::create_dir_all(&to)?;
    for file in fs::read_dir(SEED).with_context(|| format!("the initrd holds no {SEED}"))? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
