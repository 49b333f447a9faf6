//! Puts the agent in the place of a distribution's init, and ends whatever else the distribution runs.
//!
//! Neither can stay: services are restarted by init when they are stopped or miss their watchdog, timers start others
//! for days on end, and every one of them writes to the disk or wakes an idle machine. What they have set up (sysctls,
//! modules, mounts, addresses) is the kernel's by now and stays.

use crate::init::disk;
use crate::spin;
use crate::tool::{alive, processes};
use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, signal, sigprocmask};
use nix::unistd::{Pid, getpid};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tunelab_protocol::guest;

const INIT: Pid = Pid::from_raw(1);
/// The longest time that init may take to give way, and a killed process to be gone.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Afterwards the agent is process 1, nothing of the distribution runs, and nothing writes to `device`, its root.
pub fn take_over(device: &str) -> Result<()> {
    replace_init().context("failed to take the place of the distribution's init")?;
    end_all()?;
    hold_still(device)
}

/// On SIGTERM, systemd and upstart alike execute their own program anew; by then the agent lies there.
fn replace_init() -> Result<()> {
    let program = fs::read_link("/proc/1/exe")?;
    mount(Some(guest::AGENT), &program, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    kill(INIT, Signal::SIGTERM)?;
    let since = Instant::now();
    while !is_us("/proc/1/exe")? {
        ensure!(since.elapsed() < TIMEOUT, "{} does not execute itself anew on SIGTERM", program.display());
        std::thread::yield_now();
    }
    Ok(umount2(&program, MntFlags::MNT_DETACH)?)
}

fn is_us(program: &str) -> Result<bool> {
    let id = |path: &str| fs::metadata(path).map(|m| (m.dev(), m.ino()));
    Ok(id(program)? == id("/proc/self/exe")?)
}

/// Runs in place of init, by [`replace_init`]: holds nothing open, listens to nothing, and lets the kernel reap.
pub fn stand_in() -> ! {
    // SAFETY: there is one thread, and ignoring a signal runs nothing.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) };
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    // Sockets of services are among them: one that is left here would go on listening.
    let open: Vec<i32> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|fd| fd.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // SAFETY: nothing in this process uses it; the folder's own is closed already.
        unsafe { libc::close(fd) };
    }
    loop {
        nix::unistd::pause();
    }
}

/// Ends all processes but process 1, the agent, the spinner and the kernel's own threads.
fn end_all() -> Result<()> {
    let spared = [Some(INIT), Some(getpid()), spin::find()?];
    let since = Instant::now();
    loop {
        let others: Vec<Pid> = processes()?
            .into_iter()
            .filter(|pid| !spared.contains(&Some(*pid)))
            .filter(|pid| Path::new(&format!("/proc/{pid}/exe")).read_link().is_ok() && alive(*pid))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        ensure!(since.elapsed() < TIMEOUT, "processes {others:?} of the distribution do not end");
        for pid in others {
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::yield_now();
    }
}

/// Makes the root read-only, unmounts other disks, and flushes all that was written: what a run writes goes to memory.
fn hold_still(device: &str) -> Result<()> {
    disk::mount_writable()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    for on in mounts.lines().rev().filter_map(disk_mount) {
        umount2(on, MntFlags::MNT_DETACH).with_context(|| format!("failed to unmount {on}"))?;
    }
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOATIME;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).context("failed to make the root disk read-only")?;
    // This makes QEMU write what it holds back of its own tables, too.
    File::open(device)?.sync_all().with_context(|| format!("failed to flush {device}"))
}

/// The place where a line of `/proc/self/mounts` says that a disk is mounted, other than the root.
fn disk_mount(line: &str) -> Option<&str> {
    let (device, on) = line.split_once(' ')?;
    let (on, _) = on.split_once(' ')?;
    (device.starts_with("/dev/") && on != "/").then_some(on)
}

#[cfg(test)]
mod tests {
    use super::disk_mount;

    #[test]
    fn disks_other_than_the_root() {
        assert_eq!(disk_mount("/dev/vda15 /boot/efi vfat rw,relatime 0 0"), Some("/boot/efi"));
        assert_eq!(disk_mount("/dev/vda1 / ext4 rw,relatime 0 0"), None);
        assert_eq!(disk_mount("tmpfs /run tmpfs rw 0 0"), None);
    }
}
