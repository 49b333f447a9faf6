//! File systems: the kernel's own, the root disk, and tmpfs where something must be writable.

use crate::tool::tmpfs;
use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use std::path::Path;
use std::time::{Duration, Instant};
use tunelab_protocol::MODULES_DISK;

/// An image's root disk: a file system without partitions.
pub const WHOLE_DISK: &str = "/dev/vda";
/// Where the root disk is until it is `/`.
pub const NEW_ROOT: &str = "/root-disk";

/// Folders that are written to during a run, or by the user of `tunelab shell`.
const WRITABLE: [&str; 4] = ["/tmp", "/var/log", "/var/lib/nginx", "/var/tmp"];

pub fn mount_kernel_filesystems() -> Result<()> {
    for (kind, on) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        std::fs::create_dir_all(on)?;
        // devtmpfs may be there already (CONFIG_DEVTMPFS_MOUNT does not reach an initramfs, but a distribution may).
        match mount(Some(kind), on, Some(kind), MsFlags::empty(), None::<&str>) {
            Ok(()) | Err(nix::Error::EBUSY) => {}
            Err(nix::Error::ENODEV) => anyhow::bail!("this kernel has no {kind}"),
            Err(e) => return Err(e).with_context(|| format!("failed to mount {kind} on {on}")),
        }
    }
    Ok(())
}

/// Mounts the disk that is to become `/`.
pub fn mount_root(device: &str, flags: MsFlags) -> Result<()> {
    drivers()?;
    wait_for(Path::new(device))?;
    std::fs::create_dir_all(NEW_ROOT)?;
    mount(Some(device), NEW_ROOT, Some("ext4"), flags, None::<&str>)
        .with_context(|| format!("failed to mount the root disk {device}"))
}

/// Leaves the initrd behind and takes the kernel's own file systems along.
pub fn enter_root() -> Result<()> {
    for on in ["proc", "sys", "dev"] {
        let (from, to) = (format!("/{on}"), format!("{NEW_ROOT}/{on}"));
        mount(Some(from.as_str()), to.as_str(), None::<&str>, MsFlags::MS_MOVE, None::<&str>)
            .with_context(|| format!("failed to move {from} to the root disk"))?;
    }
    std::env::set_current_dir(NEW_ROOT)?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>).context("failed to make the root disk /")?;
    nix::unistd::chroot(".").context("chroot")?;
    std::env::set_current_dir("/")?;
    Ok(())
}

/// Checks for the drivers: without its driver a disk would be waited for for ever.
fn drivers() -> Result<()> {
    let needed = [
        ("virtio_pci", "/sys/bus/pci/drivers/virtio-pci", "CONFIG_VIRTIO_PCI"),
        ("virtio_blk", "/sys/bus/virtio/drivers/virtio_blk", "CONFIG_VIRTIO_BLK"),
    ];
    for (name, driver, option) in needed {
        anyhow::ensure!(
            Path::new(driver).exists(),
            "this kernel has no `{name}`, neither built in ({option}) nor as a module that it was given: no root disk"
        );
    }
    Ok(())
}

/// Mounts the modules of a kernel that is not the image's own over those of the image, which needs only their folder.
pub fn mount_modules() -> Result<()> {
    const MODULES: &str = "/lib/modules";
    let Some(disk) = with_serial(MODULES_DISK)? else { return Ok(()) };
    mount(Some(disk.as_str()), MODULES, Some("ext4"), MsFlags::MS_RDONLY | MsFlags::MS_NOATIME, None::<&str>)
        .with_context(|| format!("failed to mount the modules' disk {disk} on {MODULES}"))
}

fn with_serial(serial: &str) -> Result<Option<String>> {
    for disk in std::fs::read_dir("/sys/block")? {
        let disk = disk?;
        let said = std::fs::read_to_string(disk.path().join("serial")).unwrap_or_default();
        if said.trim_end_matches(['\0', '\n']) == serial {
            return Ok(Some(format!("/dev/{}", disk.file_name().to_string_lossy())));
        }
    }
    Ok(None)
}

/// A disk shows up when its driver has probed it, which may be after its module is loaded.
fn wait_for(node: &Path) -> Result<()> {
    let since = Instant::now();
    while !node.exists() {
        anyhow::ensure!(since.elapsed() < Duration::from_secs(10), "{} did not appear within 10 s", node.display());
        std::thread::yield_now();
    }
    Ok(())
}

/// Mounts what a distribution mounts by itself, and our own images do not.
pub fn mount_the_rest() -> Result<()> {
    tmpfs("/run")?;
    mount_writable()?;
    for on in ["/dev/pts", "/dev/shm"] {
        std::fs::create_dir_all(on)?;
    }
    mount(Some("devpts"), "/dev/pts", Some("devpts"), MsFlags::empty(), Some("mode=0620,ptmxmode=0666"))
        .context("failed to mount /dev/pts")?;
    tmpfs("/dev/shm")?;
    for dir in ["/run/sshd", "/run/lock", tunelab_protocol::guest::FILES] {
        std::fs::create_dir_all(dir).with_context(|| format!("failed to create {dir}"))?;
    }
    Ok(())
}

/// Makes the parts of a read-only root disk that must be writable so, in memory.
pub fn mount_writable() -> Result<()> {
    for on in WRITABLE.into_iter().filter(|on| Path::new(on).is_dir()) {
        tmpfs(on)?;
    }
    std::fs::create_dir_all("/var/log/nginx").context("failed to create /var/log/nginx")
}
