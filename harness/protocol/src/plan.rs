//! The plan: everything the agent does in one run, decided before the machine continues.

use crate::{At, LimitOf, Link, Search, Speech, StartedBy, Subnet};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

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
    pub server: Server,
    pub upstreams: Vec<Upstream>,
    pub populations: Vec<Population>,
    pub probes: Vec<Probe>,
    pub phases: Vec<Phase>,
}

/// The machine under test: the guest's first network namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The address that clients talk to; on `lo`, so that each group of clients reaches it by its own link.
    pub address: Ipv4Addr,
    /// Forward between clients and upstreams (`net.ipv4.ip_forward`).
    pub forward: bool,
    /// Kernel modules to load before rules and sysctls, for example `nf_conntrack`. A built-in one is fine.
    pub modules: Vec<ModuleLoad>,
    /// Rules in iptables-save format, loaded before the sysctls (conntrack's exist only once a rule needs it).
    pub rules: Option<String>,
    /// sysctl.d files, applied in order; a setting that the kernel does not take is an outcome.
    pub sysctl_files: Vec<String>,
    /// Single sysctls, applied after the files.
    pub sysctls: Vec<Sysctl>,
    /// sysctls to report with their effective values in [`crate::Event::Sysctl`] once everything is applied.
    pub report_sysctls: Vec<String>,
    /// limits.d file; its `nofile` applies to nginx and the backends, or it lies where PAM finds it: see [`StartedBy`].
    pub limits: Option<String>,
    pub started_by: StartedBy,
    /// Limits of open files to report in [`crate::Event::OpenFileLimit`] once everything runs.
    pub report_limits: Vec<LimitOf>,
    /// Segments of a first flight on the routes to all clients (RTAX_INITCWND); `None`: the kernel's own number.
    pub initcwnd: Option<u32>,
    /// The shortest retransmission timeout on the same routes (RTAX_RTO_MIN); `None`: the kernel's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_min_us: Option<u64>,
    pub nginx: Option<String>,
    pub backends: Vec<Backend>,
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

/// A process behind nginx.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    pub name: String,
    pub listen: Listen,
    /// Closes after each answer (HTTP/1.0) or keeps the connection (HTTP/1.1).
    pub keep_alive: bool,
    /// Length of the accept queue asked for in listen(2).
    pub backlog: u32,
    /// Time from request to answer.
    pub answer_after_us: u64,
    /// Pause between two accept(2) calls; 0 accepts at once.
    pub accept_every_us: u64,
    pub body_bytes: u64,
    /// Requests with a path that starts with this are never answered (long poll).
    pub hold_path: Option<String>,
    /// A program for node.js that does all this instead of the agent. Its argument is this description, in JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listen {
    Unix(String),
    Tcp(std::net::SocketAddrV4),
    /// Sends each datagram back as it came.
    Udp(std::net::SocketAddrV4),
}

/// A host in a namespace of its own that the server forwards to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub name: String,
    pub address: Ipv4Addr,
    pub port: u16,
    /// Bytes of each answer; the connection then stays open and silent. A datagram is sent back as it came.
    pub body_bytes: u64,
    #[serde(default, skip_serializing_if = "At::is_default")]
    pub at: At,
}

/// A group of clients: a namespace, a link to the server and a subnet of source addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    pub name: String,
    /// Source addresses, taken one after the other: one client, one address. For example `10.1.0.0/16`. Clients on the
    /// server have the server's own address.
    pub subnet: Subnet,
    #[serde(default, skip_serializing_if = "At::is_default")]
    pub at: At,
    /// `None`: the server's own address.
    pub target: Option<Ipv4Addr>,
    pub port: u16,
    pub link: Link,
    pub visit: Visit,
}

/// A visit: all that one client does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    #[serde(default, skip_serializing_if = "Speech::is_default")]
    pub speech: Speech,
    pub http: Http,
    /// Sends `Connection: keep-alive` or `close` explicitly where it differs from the version's default.
    pub keep_alive: bool,
    /// Paths that are requested one after the other on one connection.
    pub paths: Vec<String>,
    /// Pauses between requests, one for each but the last.
    pub pauses_us: Vec<u64>,
    /// The client gives up after this time without a connection or an answer.
    pub patience_us: u64,
    /// Report for each answer in which flights it came ([`crate::Answer`]). The link needs a delay.
    pub flights: bool,
    /// All visits are by one client, which comes back from this port; else each client has an address of its own, and a
    /// port that its kernel chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// The first sequence number of each connection is older than that of the one before, as of a client that began
    /// anew. Else the clock of the client's kernel makes each later than the last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub older_sequence: bool,
    /// Asks for the errors of its datagrams (`IP_RECVERR`, ip(7)): else UDP does not report an ENOBUFS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recverr: bool,
    pub leave: Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Http {
    #[serde(rename = "1.0")]
    V1_0,
    #[serde(rename = "1.1")]
    V1_1,
}

/// How a client leaves. After `Vanish` and `LateDuplicate` its address answers nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Leave {
    /// The client sends the first FIN.
    ClientCloses,
    /// The server sends the first FIN (HTTP/1.0 style), the client answers with its own.
    ServerCloses,
    /// The client sends RST.
    Reset,
    /// The client is gone without FIN or RST. `after_request`: it does not wait for the answer to the last request.
    Vanish { after_request: bool },
    /// The server closes first; then the network delivers a second copy of an old packet.
    LateDuplicate { of: Duplicate, after_us: u64 },
    /// The client stays connected until the run ends.
    Stay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicate {
    /// A pure ACK of the connection's middle (the one that completed the handshake).
    Ack,
    /// The segment that carried the first request.
    Request,
}

/// A stretch of the run: rounds of traffic, evenly spaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub name: String,
    /// Rounds, at least 1. A phase of pure waiting has one round without traffic.
    pub rounds: u32,
    /// From the start of one round to the start of the next; the phase lasts `rounds * every_us`.
    pub every_us: u64,
    /// sysctls to set when the phase begins, as an administrator changes them on a running machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sysctls: Vec<Sysctl>,
    /// Each round is a trial at a rate that the rounds before it decide; `traffic` is the first trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    pub traffic: Vec<Traffic>,
}

impl Phase {
    /// Says whether the phase searches for a rate of these clients.
    pub fn searches(&self, population: &str) -> bool {
        self.search.is_some() && self.traffic.iter().any(|traffic| traffic.population == population)
    }

    /// The number of these clients that come in the whole phase, at most.
    pub fn visitors(&self, population: &str) -> u64 {
        let of_a_round = self.traffic.iter().filter(|traffic| traffic.population == population);
        of_a_round.map(|traffic| u64::from(traffic.visitors)).sum::<u64>() * u64::from(self.rounds)
    }

    /// The same phase with this search: as many rounds as it may take, and clients for the highest rate.
    pub fn with_search(&self, search: Search) -> Phase {
        let (visitors, spacing_us) = search.visitors(search.most);
        let traffic = self.traffic.iter().map(|traffic| Traffic { visitors, spacing_us, ..traffic.clone() });
        Phase { rounds: search.rounds(), search: Some(search), traffic: traffic.collect(), ..self.clone() }
    }
}

/// Clients of one group that come in each round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    pub population: String,
    pub visitors: u32,
    /// From the round's start to the first client.
    pub after_us: u64,
    /// Between the arrivals of two clients.
    pub spacing_us: u64,
    /// At most this many at once; 0 is no limit.
    pub concurrency: u32,
    /// Report the times of each client, not only the shortest and the longest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each_time: bool,
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
