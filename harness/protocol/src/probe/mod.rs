//! Probes that are read at their times. One file has all of a probe: its key in a scenario, its readings with unit and
//! meaning, and how they are read in the guest. To add one: its file, and a line in [`SAMPLED`].
//!
//! A probe may only read what is in memory: it starts no program and touches no file on a disk.

mod conntrack;
mod cpu;
mod lnstat;
mod memory;
mod netstat;
mod open_files;
mod slab;
mod sockets;
mod tcp_states;
mod time_wait;

use crate::readings::{Reading, Unit};
use crate::spellings;
use std::collections::BTreeMap;

/// Readings by name; see [`crate::Event::Sample`].
pub type Values = BTreeMap<String, u64>;

/// What a probe reads, or why it cannot.
pub type Read = Result<Values, String>;

/// A probe that is read at its times.
#[derive(Debug)]
pub struct Sampled {
    /// Its key in a scenario's `[probe]`.
    pub key: &'static str,
    /// What it looks at, in a few words.
    pub about: &'static str,
    pub readings: &'static [Reading],
    /// Reads once, in the guest.
    pub read: fn() -> Read,
}

/// All of them, in the order in which they are read at one moment.
pub const SAMPLED: [Sampled; 10] = [
    conntrack::PROBE,
    sockets::PROBE,
    time_wait::PROBE,
    netstat::PROBE,
    memory::PROBE,
    lnstat::PROBE,
    slab::PROBE,
    open_files::PROBE,
    cpu::PROBE,
    tcp_states::PROBE,
];

/// Probes that follow what happens, and what they follow.
pub const FOLLOWED: [(&str, &str); 3] = [
    (CONNTRACK_ENTRIES, "each conntrack entry from birth to expiry, by ctnetlink, for each group of clients"),
    (KERNEL_LOG, "the kernel's log, line by line, as it is written"),
    (NGINX_LOG, "nginx's error log: each kind of line, and how often it came"),
];

pub const CONNTRACK_ENTRIES: &str = "conntrack-entries";
pub const KERNEL_LOG: &str = "kernel-log";
pub const NGINX_LOG: &str = "nginx-log";

/// Returns the sampled probe with this key.
pub fn sampled(key: &str) -> Option<&'static Sampled> {
    static ALL: [Sampled; SAMPLED.len()] = SAMPLED;
    ALL.iter().find(|probe| probe.key == key)
}

const fn reading(name: &'static str, unit: Unit, source: &'static str, meaning: &'static str) -> Reading {
    Reading { name, unit, source, since: None, meaning }
}

const fn since(reading: Reading, kernel: &'static str) -> Reading {
    Reading { since: Some(kernel), ..reading }
}

fn text(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("no {path}: {e}"))
}

/// Reads a setting; `None` if this kernel has it under none of its names.
pub fn sysctl(name: &str) -> Option<String> {
    spellings(name).iter().find_map(|name| {
        let text = std::fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}
