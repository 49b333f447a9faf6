//! Total, available and free memory and the kernel's slabs, in bytes, from /proc/meminfo.

use super::{Look, Read, Sampled, Scope, Values, reading, since, text};
use crate::reading::Unit::Bytes;

/// MemAvailable came with Linux 3.14; before it there is MemFree.
const ROWS: [(&str, &str); 4] = [
    ("MemTotal", "memory.total_bytes"),
    ("MemAvailable", "memory.available_bytes"),
    ("MemFree", "memory.free_bytes"),
    ("Slab", "memory.slab_bytes"),
];

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "memory",
    about: "memory",
    scope: Scope::Guest,
    modules: &[],
    readings: &[
        reading("memory.total_bytes", Bytes, "/proc/meminfo", "MemTotal"),
        since(reading("memory.available_bytes", Bytes, "/proc/meminfo", "MemAvailable"), "3.14"),
        reading("memory.free_bytes", Bytes, "/proc/meminfo", "MemFree"),
        reading("memory.slab_bytes", Bytes, "/proc/meminfo", "Slab"),
    ],
    read,
};

fn read(_: &Look<'_>) -> Read {
    Ok(parse(&text("/proc/meminfo")?))
}

fn parse(text: &str) -> Values {
    let rows = text.lines().filter_map(|line| line.split_once(':'));
    rows.filter_map(|(row, rest)| {
        let (_, name) = ROWS.iter().find(|(known, _)| *known == row)?;
        let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
        Some((name.to_string(), kib * 1024))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn in_bytes() {
        assert_eq!(super::parse("MemFree:   2 kB\nOther: 1 kB\n")["memory.free_bytes"], 2048);
    }
}
