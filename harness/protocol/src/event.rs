//! The events: what happened in the guest, one JSON object per line.

use crate::{Action, LinkBy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of the record. Before the plan starts `at_us` is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Microseconds of the guest's CLOCK_MONOTONIC since the plan started; virtual ones under the virtual clock.
    pub at_us: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// A closed vocabulary: silence, a second [`Event::Done`] and an unknown word are three different errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The agent is deployed, warm and quiet, and waits for a plan. The machine's state is saved here.
    Parked {
        version: u32,
        kernel: String,
    },
    /// The plan was read and understood. Time counts from here.
    Started {
        scenario: String,
        variant: String,
        /// The release of the kernel.
        kernel: String,
    },
    /// Rules, sysctls and processes are in place; traffic begins.
    Ready,
    /// The effective value after everything was applied; `None` if this kernel has the setting under none of its names
    /// ([`crate::spellings`]).
    Sysctl {
        name: String,
        value: Option<String>,
    },
    /// This kernel does not have the name that was written, but has the setting under another name, which was used.
    SysctlRenamed {
        name: String,
        used: String,
    },
    /// The part that makes a network's links, if it delays or loses anything.
    Link {
        network: String,
        by: LinkBy,
    },
    /// The kernel refused this write, or has the setting under none of its names; `value` is what was asked for.
    SysctlRefused {
        name: String,
        value: String,
        why: String,
    },
    /// The soft and the hard limit of open files; `of` is a [`crate::LimitOf`] as text.
    OpenFileLimit {
        of: String,
        soft: u64,
        hard: u64,
    },
    Phase {
        name: String,
    },
    /// A change was made to the running machine.
    Changed {
        phase: String,
        change: Action,
    },
    /// One round of one group of clients is over.
    Round {
        phase: String,
        round: u32,
        clients: String,
        /// The clients by their outcome. Each client is counted once.
        outcomes: BTreeMap<Outcome, Counted>,
        /// From SYN to an established connection, for clients that got one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connect: Option<Spread>,
        /// The rate of a trial in a search ([`crate::Search`]).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per_1000_s: Option<u32>,
        /// Counts of the errors by the errno's name, of the error statuses by number, and of what failed in TLS:
        /// `certificate` or `handshake`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        errors: BTreeMap<String, u64>,
        /// Answers of clients that report flights ([`crate::Visit`]), in the order in which the clients left.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        answers: Vec<Answer>,
    },
    /// Readings of one probe at one moment. Names carry the probe (`conntrack.count`) and the unit where there is one
    /// (`_bytes`). A probe's first sample has all it reads; later ones, except conntrack's, have what changed since.
    Sample {
        values: BTreeMap<String, u64>,
    },
    /// A line of the kernel's log written since the plan started, without its time stamp.
    Log {
        level: u8,
        text: String,
    },
    /// Lines that nginx wrote into its error log since it started, or since the last such event: each kind of line,
    /// without times, processes and addresses, and its count. Sent as a phase ends, before the next, and at the end.
    NginxLog {
        texts: BTreeMap<String, u64>,
    },
    /// The conntrack entries of one group of clients, by their addresses, over the whole run.
    Entries(Entries),
    /// The counters of one host's firewall rules since they were loaded, in the order of their chains: of the rules
    /// that a change is about to replace, and, as the run ends, of those in force.
    Rules {
        host: String,
        rules: Vec<CountedRule>,
    },
    /// Lines that a service wrote into its log since it started, or since the last such event: each text, and its
    /// count. Sent as [`Event::NginxLog`] is.
    ServiceLog {
        service: String,
        texts: BTreeMap<String, u64>,
    },
    /// The plan is done; nothing follows.
    Done,
    /// The plan cannot go on; nothing follows.
    Failed {
        what: String,
        hint: Option<String>,
        #[serde(default, skip_serializing_if = "Fault::is_guest")]
        fault: Fault,
    },
}

/// Where the fault lies when a plan cannot go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// In the guest itself.
    #[default]
    Guest,
    /// In a deployed file: its path in the guest, and its line, counted from 1, if it is known.
    File { path: String, line: Option<u32> },
    /// In the scenario: words that stand in its file at that place.
    Scenario { words: String },
}

impl Fault {
    pub fn is_guest(&self) -> bool {
        *self == Fault::Guest
    }
}

/// A rule of a firewall with a counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedRule {
    /// The deployed file and the line where it stands, `rules.v4:7`; `None`: the file is not written as the program
    /// would print it, so that its rules cannot be told apart by their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// `filter`, `inet filter`.
    pub table: String,
    pub chain: String,
    /// The rule as it stands in the file; without one, as the program prints it.
    pub text: String,
    pub packets: u64,
    pub bytes: u64,
}

/// The shortest and the longest of some times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    pub shortest_us: u64,
    pub longest_us: u64,
    /// All of the times, if the plan asks for each ([`crate::Arrivals`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each_us: Vec<u64>,
}

impl Spread {
    pub fn of(us: u64) -> Self {
        Spread { shortest_us: us, longest_us: us, each_us: Vec::new() }
    }

    pub fn add(&mut self, us: u64) {
        self.shortest_us = self.shortest_us.min(us);
        self.longest_us = self.longest_us.max(us);
    }
}

/// The timing of one answer, and the flights it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Idle time before the request; 0 for the first request of a visit.
    pub paused_us: u64,
    /// From the request to the last byte.
    pub took_us: u64,
    /// Bytes of each flight: what arrived within half a round trip of its first byte.
    pub flights: Vec<u64>,
    /// Bytes that a segment of this connection carries.
    pub mss: u32,
    /// Retransmission timeout of the server's socket when the request was sent, in the 10 ms of /proc/net/tcp; `None`
    /// if the client talked to another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_rto_ms: Option<u64>,
    /// Congestion window of that socket at that time, in segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cwnd: Option<u32>,
    /// Congestion window when the answer's first bytes came and were not yet acknowledged: the answer was sent with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_with_cwnd: Option<u32>,
}

/// The outcome of a client: it was served, or what first went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The client got every answer that it asked for.
    Served,
    /// RST in answer to a SYN, or ICMP port unreachable in answer to a datagram (ECONNREFUSED).
    Refused,
    /// ICMP says that there is no way (EHOSTUNREACH, ENETUNREACH), or the client's own kernel does.
    Unreachable,
    /// No connection within the client's timeout: SYNs vanish.
    ConnectTimeout,
    /// Connected, but no (whole) answer within the client's timeout.
    ResponseTimeout,
    /// The client's kernel gave up the connection (ETIMEDOUT): nothing was acknowledged any more.
    TimedOut,
    /// RST on an established connection.
    Reset,
    /// Closed by the server before the answer was whole.
    Closed,
    /// Connected, but TLS was not agreed upon: the port does not speak it, or its certificate is not trusted.
    TlsFailed,
    /// An answer other than 2xx, such as a proxy's 502.
    Status,
    /// The client's own side failed (EADDRNOTAVAIL, EMFILE, ENOBUFS, EPERM).
    LocalError,
}

impl Outcome {
    pub const ALL: [Outcome; 11] = [
        Outcome::Served,
        Outcome::Refused,
        Outcome::Unreachable,
        Outcome::ConnectTimeout,
        Outcome::ResponseTimeout,
        Outcome::TimedOut,
        Outcome::Reset,
        Outcome::Closed,
        Outcome::TlsFailed,
        Outcome::Status,
        Outcome::LocalError,
    ];

    /// The word for it in a scenario and in an outcome.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Served => "served",
            Outcome::Refused => "refused",
            Outcome::Unreachable => "unreachable",
            Outcome::ConnectTimeout => "connect-timeout",
            Outcome::ResponseTimeout => "response-timeout",
            Outcome::TimedOut => "timed-out",
            Outcome::Reset => "reset",
            Outcome::Closed => "closed",
            Outcome::TlsFailed => "tls-failed",
            Outcome::Status => "status",
            Outcome::LocalError => "local-error",
        }
    }
}

/// Clients with one outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub clients: u64,
    /// From the start of the visit to the last byte of the last answer, or to what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Spread>,
}

/// Conntrack entries of one group of clients, followed by ctnetlink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entries {
    pub clients: String,
    /// Entries created.
    pub created: u64,
    /// Entries created by an ACK without a SYN before it (`nf_conntrack_tcp_loose`).
    pub picked_up: u64,
    /// Entries still unexpired at the end.
    pub alive_at_end: u64,
    /// From creation to expiry of the entry that lived longest, in milliseconds. Expiry is when its timer ran out,
    /// not when the kernel's gc came by. For an entry alive at the end: when its timer will run out.
    pub longest_life_ms: u64,
    /// The last state of that entry, by the kernel's name: `ESTABLISHED`, `TIME_WAIT`.
    pub longest_state: String,
    /// Lives in milliseconds of all entries, by the last state: shortest, median, longest.
    pub lives_by_state: BTreeMap<String, Lives>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lives {
    pub entries: u64,
    pub shortest_ms: u64,
    pub median_ms: u64,
    pub longest_ms: u64,
}
