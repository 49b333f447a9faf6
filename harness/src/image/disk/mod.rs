//! An image from a distribution's own disk: downloaded, proven, and looked into without booting it.
//!
//! Kernel and modules are taken out, so that direct boot, `--kernel` and our initrd serve it like any other image. The
//! disk is kept raw: see `vm::argv` for why.

mod system;
mod table;

use super::{
    Disk, DiskFacts, Packages, Recipe, failure,
    fetch::{self, Attempts},
    files::{KERNEL, MODULES, PACKAGES, ROOT},
    initrd,
    install::{Job, Place, install},
    kernel,
    manifest::Facts,
    mmdebstrap::KEYRING,
};
use crate::{
    cache::Cache,
    error::{Context, Error, Result},
    host,
    story::{StepGuard, Teller},
};
use std::{fs::File, io::ErrorKind, os::unix::fs::FileExt, path::Path, process::Stdio};
use system::System;
use table::Partition;
use tokio::process::Command;

/// dpkg's own list of the disk's packages, for `download.sh`.
const STATUS: &str = "status";

/// Leaves in the room the disk, its kernel and modules, and the packages that are to be added to it.
pub async fn build(
    recipe: &Recipe,
    disk: &Disk,
    add: Option<&Packages>,
    place: &Place<'_>,
    cache: &Cache,
    teller: &Teller,
    step: &StepGuard,
) -> Result<Facts> {
    let downloaded = fetch::fetch(disk, cache, Attempts::default(), teller).await?;
    step.progress(Some(0.3), "unpacking the disk");
    unpack(&downloaded.path, &place.room.join(ROOT)).await?;
    drop(downloaded);
    step.progress(Some(0.6), "looking for kernel and modules");
    let room = place.room.to_owned();
    let found = tokio::task::spawn_blocking(move || look_into(&room)).await;
    let (facts, status) = found.host(|| "looking into a disk image was interrupted".into())??;
    if let Some(add) = add {
        step.progress(Some(0.7), "packages to add");
        let path = place.room.join(STATUS);
        std::fs::write(&path, status).host(|| format!("failed to write `{}`", path.display()))?;
        install(recipe, add, &Job::Download, place, teller, &step.part(0.7, 0.99)).await?;
        let packages = place.room.join(PACKAGES);
        if !packages.exists() {
            return Err(Error::host(format!("the build left no `{PACKAGES}`")));
        }
    }
    clean(place.room)?;
    Ok(facts)
}

/// Returns the facts, and dpkg's own list of what is installed.
fn look_into(room: &Path) -> Result<(Facts, String)> {
    let disk = room.join(ROOT);
    let system = System::find(File::open(&disk).host(|| format!("failed to open `{}`", disk.display()))?)?;
    system.require_cloud_init()?;
    let kernel = system.kernel()?;
    kernel::check(Path::new(&kernel.path), &kernel.image, &kernel.release)?;
    for (name, bytes) in [(KERNEL, kernel.image), (MODULES, initrd::modules(&kernel.modules))] {
        let path = room.join(name);
        std::fs::write(&path, bytes).host(|| format!("failed to write `{}`", path.display()))?;
    }
    let status = system.dpkg_status()?;
    let root_device = Partition::device(system.root_partition);
    let packages = system::installed(&status);
    Ok((Facts { release: kernel.release, packages, disk: Some(DiskFacts { root_device }) }, status))
}

/// Unpacks the download into a sparse raw file.
async fn unpack(disk: &Path, raw: &Path) -> Result<()> {
    let mut command = Command::new("qemu-img");
    command.env("PATH", host::path()).args(["convert", "-f", format(disk)?, "-O", "raw"]).arg(disk).arg(raw);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.host(|| "failed to start `qemu-img`".into())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let hint = match said.contains("No space left on device") {
        true => failure::FULL,
        false => "its checksum is right, so this is what its publisher has; do the recipe's `urls` name a disk image?",
    };
    Err(Error::host(format!("failed to unpack the disk image: {}", said.trim())).hint(hint))
}

/// Recognises qcow2 by its first bytes (QEMU's docs/interop/qcow2.txt); all else is raw.
fn format(disk: &Path) -> Result<&'static str> {
    let file = File::open(disk).host(|| format!("failed to open `{}`", disk.display()))?;
    let mut header = [0; 16];
    if file.read_exact_at(&mut header, 0).is_err() || !header.starts_with(b"QFI\xfb") {
        return Ok("raw");
    }
    if header[8..] != [0; 8] {
        return Err(Error::input(
            "the disk image is only what differs from another one, which it names by a file's path",
        )
        .hint("take an image that stands alone"));
    }
    Ok("qcow2")
}

fn clean(room: &Path) -> Result<()> {
    let scratch = room.join("scratch");
    std::fs::remove_dir_all(&scratch).host(|| format!("failed to remove `{}`", scratch.display()))?;
    for leftover in [STATUS, KEYRING] {
        match std::fs::remove_file(room.join(leftover)) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(e).host(|| format!("failed to remove `{leftover}`"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::kernel::tests::bzimage;

    /// The error for a disk with this kernel, or the release that was found on it.
    fn looked_into(kernel: &[u8]) -> String {
        let room = tempfile::tempdir().unwrap();
        let files: [(&str, &[u8]); 6] = [
            ("sbin/init", b""),
            ("etc/cloud/cloud.cfg", b""),
            ("var/lib/dpkg/status", b""),
            ("boot/vmlinuz-6.1.0", kernel),
            ("lib/modules/6.1.0/modules.dep", b""),
            ("lib/modules/6.1.0/modules.builtin", b"virtio_pci.ko\nvirtio_blk.ko\nvirtio_net.ko\next4.ko\n"),
        ];
        system::tests::make_disk(&room.path().join(ROOT), &files);
        look_into(room.path()).map_or_else(|e| e.to_string(), |(facts, _)| facts.release)
    }

    /// A header of qcow2 version 2 and nothing after it; `backing_file` is where it says that a backing file's name is.
    fn qcow2(backing_file: u64) -> Vec<u8> {
        let mut header = b"QFI\xfb\0\0\0\x02".to_vec();
        header.extend(backing_file.to_be_bytes());
        header
    }

    #[tokio::test]
    async fn a_disk_that_does_not_stand_alone_or_is_none_is_told() {
        let room = tempfile::tempdir().unwrap();
        let (disk, raw) = (room.path().join("disk"), room.path().join("raw"));
        std::fs::write(&disk, qcow2(72)).unwrap();
        let error = unpack(&disk, &raw).await.unwrap_err();
        assert!(error.message().contains("only what differs from another one"), "{error:?}");
        assert_eq!(error.hint_text(), Some("take an image that stands alone"));
        assert!(!raw.exists(), "qemu-img would have opened the other one");

        std::fs::write(&disk, qcow2(0)).unwrap();
        let error = unpack(&disk, &raw).await.unwrap_err();
        assert!(error.message().starts_with("failed to unpack the disk image: "), "{error:?}");
        assert!(error.hint_text().unwrap().contains("`urls`"), "{error:?}");
    }

    #[test]
    fn a_disks_kernel_is_looked_at_like_a_users_own() {
        assert_eq!(looked_into(&bzimage("6.1.0")), "6.1.0");
        assert_eq!(looked_into(&bzimage("6.1.7")), "the kernel `/boot/vmlinuz-6.1.0` calls itself 6.1.7, not 6.1.0");
        assert_eq!(
            looked_into(b"\x1f\x8barm64"),
            "the kernel `/boot/vmlinuz-6.1.0` is something packed by gzip, not a kernel"
        );
        assert!(looked_into(&bzimage("6.1.0")[..0x300]).contains("is cut short"));
    }
}
