//! Probes that are read at their times. One file has all of a probe: its key in a scenario, its readings with unit and
//! meaning, and how they are read in the guest. To add one: its file, and a line in [`SAMPLED`].
//!
//! A probe may only read what is in memory: it starts no program and touches no file on a disk.

mod connections;
mod conntrack;
mod cpu;
mod diag;
mod listeners;
mod lnstat;
mod memory;
mod netstat;
mod open_files;
mod slab;
mod sockets;
mod tcp_states;
mod time_wait;

use crate::reading::{Reading, Unit};
use crate::spellings;
use std::collections::BTreeMap;

/// Readings by name; see [`crate::Event::Sample`].
pub type Values = BTreeMap<String, u64>;

/// The readings of a probe, or why there are none.
pub type Read = Result<Values, String>;

/// A probe that is read at its times.
#[derive(Debug)]
pub struct Sampled {
    /// Its key in a scenario's `[probe]`.
    pub key: &'static str,
    /// The thing that it looks at, in a few words.
    pub about: &'static str,
    pub scope: Scope,
    /// Kernel modules that it needs, where they are not built in.
    pub modules: &'static [&'static str],
    pub readings: &'static [Reading],
    /// Reads once, in the guest, in the namespace of the host that is looked at.
    pub read: fn(&Look<'_>) -> Read,
}

/// The part of the guest that a probe sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The network stack of one host.
    Host,
    /// The whole guest, whichever host asks.
    Guest,
}

/// The things that a probe is asked to look at, where it does not read everything.
pub struct Look<'a> {
    /// The words that stand for the part in capitals in the readings that are asked for ([`crate::readings::word`]): ports,
    /// services.
    pub of: &'a [String],
    /// The processes of a service that run; `None`: there is no such service, or not on the host that is looked at.
    pub processes: &'a dyn Fn(&str) -> Option<Vec<u32>>,
}

impl Look<'_> {
    /// The ports among the words.
    fn ports(&self) -> impl Iterator<Item = u16> {
        self.of.iter().filter_map(|word| word.parse().ok())
    }

    /// The services among them.
    fn services(&self) -> impl Iterator<Item = &str> {
        self.of.iter().map(String::as_str).filter(|word| word.parse::<u16>().is_err())
    }
}

/// The name that a reading of another host than the server has in events.
pub fn on_host(host: &str, name: &str) -> String {
    format!("{host}: {name}")
}

/// All of them, in the order in which they are read at one moment.
pub const SAMPLED: [Sampled; 12] = [
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
    listeners::PROBE,
    connections::PROBE,
];

/// Probes that follow what happens, and what they follow.
pub const FOLLOWED: [(&str, &str); 4] = [
    (CONNTRACK_ENTRIES, "each conntrack entry from birth to expiry, by ctnetlink, for each group of clients"),
    (KERNEL_LOG, "the kernel's log, line by line, as it is written"),
    (NGINX_LOG, "nginx's error log: each kind of line, and how often it came"),
    (SERVICE_LOG, "the logs of the services that metrics ask for: their `log`, or their standard output and error"),
];

pub const CONNTRACK_ENTRIES: &str = "conntrack-entries";
pub const KERNEL_LOG: &str = "kernel-log";
pub const NGINX_LOG: &str = "nginx-log";
pub const SERVICE_LOG: &str = "service-log";

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
