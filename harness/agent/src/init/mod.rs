//! PID 1 of our initrd: modules, root disk, network, sshd; then it reaps processes that die.
//!
//! The initrd holds `/init` (this binary), `/modules/NNN-name.ko` in load order and `/etc/tunelab` with the SSH keys of
//! this machine. The root disk is mounted read-only; everything that must be writable is tmpfs, so that nothing is
//! written back to a disk, at the host's pace, in the middle of a run.
//!
//! If the command line names a distribution's root partition, the distribution's own init follows: [`distribution`].

pub mod disk;
pub mod distribution;
mod entropy;
mod sshd;

pub use sshd::SSHD_PID;

use crate::tune;
use anyhow::{Context, Result};
use nix::mount::MsFlags;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// A word on the kernel command line: keep the vCPU busy from the start.
const SPIN: &str = "tunelab.spin";

pub fn main() -> ! {
    if let Err(e) = bring_up() {
        println!("{}{e:#}", tunelab_protocol::GAVE_UP);
        // The end of PID 1 is a panic, and the host looks for a panic.
        std::process::exit(1);
    }
    reap()
}

fn bring_up() -> Result<()> {
    disk::mount_kernel_filesystems()?;
    load_modules()?;
    if let Some(device) = distribution::root() {
        distribution::hand_over(&device)?;
    }
    let keys = sshd::Keys::read()?;
    entropy::credit(&keys.host_key)?;
    disk::mount_root(disk::WHOLE_DISK, MsFlags::MS_RDONLY | MsFlags::MS_NOATIME)?;
    disk::enter_root()?;
    disk::mount_modules()?;
    disk::mount_the_rest()?;
    nix::unistd::sethostname("tunelab").context("sethostname")?;
    spin_if_asked()?;
    bring_up_network()?;
    sshd::start(&keys)?;
    println!("tunelab-agent: up");
    Ok(())
}

fn spin_if_asked() -> Result<()> {
    if cmdline().split_whitespace().any(|word| word == SPIN) {
        crate::spin::start()?;
    }
    Ok(())
}

fn cmdline() -> String {
    std::fs::read_to_string("/proc/cmdline").unwrap_or_default()
}

/// Loads the modules that the host put into the initrd, in the order of the file names.
fn load_modules() -> Result<()> {
    let Ok(entries) = std::fs::read_dir("/modules") else { return Ok(()) };
    let mut modules: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    modules.sort();
    for module in modules {
        let image = std::fs::read(&module)?;
        match nix::kmod::init_module(&image, &parameters(&module)?) {
            Ok(()) | Err(nix::Error::EEXIST) => {}
            Err(e) => println!("tunelab-agent: module {} does not load: {e}", module.display()),
        }
    }
    // The root disk and the ports are there now.
    std::fs::remove_dir_all("/modules").context("failed to free the initrd's modules")
}

/// Gives a module its words of the kernel's command line: the kernel itself gives them only to built-in modules.
fn parameters(file: &Path) -> Result<CString> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // `000-virtio_ring`
    let name = name.split_once('-').map_or(name.as_str(), |(_, name)| name);
    Ok(CString::new(tune::module_words(name)?.join(" "))?)
}

/// Sets up QEMU's user network: the guest is 10.0.2.15, the host 10.0.2.2 on the same link; no route leads further.
fn bring_up_network() -> Result<()> {
    let route = crate::net::Rtnl::open()?;
    route.up("lo")?;
    let nic = first_nic()?.context("this kernel has no `virtio_net`, and so no network card (CONFIG_VIRTIO_NET)")?;
    route.add_address(&nic, std::net::Ipv4Addr::new(10, 0, 2, 15), 24)?;
    route.up(&nic)
}

/// Finds the first network card, named `eth0`, `enp0s3` or otherwise: a card is an interface that stands on a bus.
fn first_nic() -> Result<Option<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir("/sys/class/net")? {
        let entry = entry?;
        if entry.path().join("device").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names.into_iter().next())
}

/// The name of the network card, needed to take its link down.
pub fn nic() -> Option<String> {
    first_nic().ok().flatten()
}

fn reap() -> ! {
    loop {
        match waitpid(Pid::from_raw(-1), None) {
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {}
            Err(nix::Error::ECHILD) => {
                nix::unistd::pause();
            }
            _ => {}
        }
    }
}
