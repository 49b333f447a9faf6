//! The plan: everything the agent does in one run, decided before the machine continues.

use crate::{Clients, Host, LimitOf, Link, Phase, Service};
use serde::{Deserialize, Serialize};

/// One variant of one scenario, ready to execute. Paths are guest paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The [`crate::VERSION`] of the program that wrote it.
    pub version: u32,
    pub scenario: String,
    pub variant: String,
    /// Seeds every choice the agent makes: order and jitter of clients, payloads.
    pub seed: u64,
    /// Write down every packet that passes the server's interfaces ([`crate::PACKET_PORT`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub capture: bool,
    /// Kernel modules to load before anything else, for example `nf_conntrack`. A built-in one is fine.
    pub modules: Vec<ModuleLoad>,
    /// limits.d file; its `nofile` applies to the services, or it lies where PAM finds it: see [`crate::StartedBy`].
    pub limits: Option<String>,
    /// Limits of open files to report in [`crate::Event::OpenFileLimit`] once everything runs.
    pub report_limits: Vec<LimitOf>,
    /// The first is the server, the machine under test.
    pub hosts: Vec<Host>,
    pub links: Vec<Link>,
    pub services: Vec<Service>,
    pub clients: Vec<Clients>,
    pub probes: Vec<Probe>,
    pub phases: Vec<Phase>,
}

impl Plan {
    /// The machine under test.
    pub fn server(&self) -> &Host {
        self.hosts.first().expect("a plan has a server")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleLoad {
    pub name: String,
    /// In the form that `modprobe` takes: `hashsize=1024`.
    pub parameters: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sysctl {
    /// Any of its names, with dots ([`crate::spellings`]).
    pub name: String,
    pub value: String,
    /// If the kernel has it under no name, or refuses the value, this ends the run if true, else it is an outcome.
    pub required: bool,
}

/// A source of readings, looked at again and again. Probes due at a round's start are read before its traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    pub kind: ProbeKind,
    pub every_us: u64,
    /// From the start to the first look.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_us: u64,
}

fn is_zero(us: &u64) -> bool {
    *us == 0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// `nf_conntrack_count`, `nf_conntrack_max` and the counters of /proc/net/stat/nf_conntrack.
    Conntrack,
    /// Follows every conntrack entry from birth to expiry by ctnetlink, for each group of clients.
    ConntrackEntries,
    /// /proc/net/sockstat: sockets in use, orphans, TIME_WAIT.
    Sockets,
    /// /proc/net/tcp: sockets in TIME_WAIT, counted apart if the kernel chose their port, and the time they have left.
    TimeWait,
    /// TcpExt and IpExt counters of /proc/net/netstat and /proc/net/snmp that moved.
    Netstat,
    /// The kernel's log, line by line, as it is written.
    KernelLog,
    /// MemAvailable, Slab.
    Memory,
    /// Counters of the route cache and of the ARP table, in /proc/net/stat: what lnstat(8) shows; and of IPv6's routes.
    Lnstat,
    /// The network's caches in /proc/slabinfo.
    Slab,
    /// Descriptors that nginx holds, and files open in all.
    OpenFiles,
    /// Time that the CPUs were busy and idle, in /proc/stat.
    Cpu,
    /// nginx's error log: each kind of line, and how often it came.
    NginxLog,
}

impl ProbeKind {
    /// Probes that are read at their times; then probes that follow what happens.
    pub const SAMPLED: [ProbeKind; 9] = [
        ProbeKind::Conntrack,
        ProbeKind::Sockets,
        ProbeKind::TimeWait,
        ProbeKind::Netstat,
        ProbeKind::Memory,
        ProbeKind::Lnstat,
        ProbeKind::Slab,
        ProbeKind::OpenFiles,
        ProbeKind::Cpu,
    ];
    pub const FOLLOWED: [ProbeKind; 3] = [ProbeKind::ConntrackEntries, ProbeKind::KernelLog, ProbeKind::NginxLog];

    /// Its key in a scenario's `[probe]`.
    pub fn key(self) -> &'static str {
        match self {
            ProbeKind::Conntrack => "conntrack",
            ProbeKind::ConntrackEntries => "conntrack-entries",
            ProbeKind::Sockets => "sockets",
            ProbeKind::TimeWait => "time-wait",
            ProbeKind::Netstat => "netstat",
            ProbeKind::KernelLog => "kernel-log",
            ProbeKind::Memory => "memory",
            ProbeKind::Lnstat => "lnstat",
            ProbeKind::Slab => "slab",
            ProbeKind::OpenFiles => "open-files",
            ProbeKind::Cpu => "cpu",
            ProbeKind::NginxLog => "nginx-log",
        }
    }
}
