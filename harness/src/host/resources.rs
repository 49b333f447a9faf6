//! Disk, memory and processors of this host.

use crate::error::{Context, Error, Result};
use nix::sys::statvfs::statvfs;
use std::path::Path;

/// Returns the bytes under `dir` that are free to this user.
pub fn disk_free_bytes(dir: &Path) -> Result<u64> {
    let stat = statvfs(dir).host(|| format!("failed to ask for the free space of `{}`", dir.display()))?;
    Ok(stat.blocks_available() * stat.fragment_size())
}

/// Refuses to begin work that would only fill the disk.
pub fn require_free(dir: &Path, needed_bytes: u64) -> Result<()> {
    let free = disk_free_bytes(dir)?;
    if free >= needed_bytes {
        return Ok(());
    }
    let (free, needed) = (mib(free), mib(needed_bytes));
    Err(Error::host(format!("the disk under `{}` has {free} MiB free, {needed} MiB are needed", dir.display()))
        .hint("make room, run `tunelab image prune`, or put the cache elsewhere with `TUNELAB_CACHE`"))
}

/// Returns what the kernel thinks can be used without swapping; 0 where it does not say.
pub fn memory_available_bytes() -> u64 {
    meminfo_kib("MemAvailable:") * 1024
}

pub fn memory_total_bytes() -> u64 {
    meminfo_kib("MemTotal:") * 1024
}

fn meminfo_kib(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Formats a size for people: `412 MiB`, `1.3 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 2] = [("MiB", 1 << 20), ("KiB", 1 << 10)];
    if bytes >= 1 << 30 {
        return format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    }
    match UNITS.into_iter().find(|(_, length)| bytes >= *length) {
        Some((unit, length)) => format!("{} {unit}", bytes / length),
        None => format!("{bytes} B"),
    }
}

pub fn mib(bytes: u64) -> u64 {
    bytes >> 20
}
