//! The events: what happened in the guest, one JSON object per line.

use crate::LinkBy;
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
    /// The maker of the network between these clients and the server, if it delays or loses anything.
    Link {
        population: String,
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
    /// One round of one group of clients is over; these are the outcomes of its clients.
    Round {
        phase: String,
        round: u32,
        population: String,
        visits: Visits,
        /// From SYN to an established connection, for clients that got one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connect: Option<Spread>,
        /// From SYN to the last byte of the last answer, for clients that were served.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visit: Option<Spread>,
        /// The rate of a trial in a search ([`crate::Search`]).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per_1000_s: Option<u32>,
        /// Counts of the local errors by the errno's name, and of the error statuses by number.
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
    /// The conntrack table refused entries since the last look: `drop` of /proc/net/stat/nf_conntrack rose by this.
    TableFull {
        drops: u64,
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

/// The shortest and the longest of some times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    pub shortest_us: u64,
    pub longest_us: u64,
    /// All of the times, if the plan asks for each ([`crate::Traffic`]).
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

/// Outcomes of clients; each client is counted once, in `served` or by what first went wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {
    /// The client got every answer that it asked for.
    pub served: u64,
    /// No connection within the client's timeout: SYNs vanish.
    pub connect_timeout: u64,
    /// Connected, but no (whole) answer within the timeout.
    pub answer_timeout: u64,
    /// RST, when connecting or later.
    pub reset: u64,
    /// Closed by the server before the answer was whole.
    pub closed: u64,
    /// An answer other than 2xx, such as nginx's 502.
    pub error_status: u64,
    /// The client's own side failed (EADDRNOTAVAIL, EMFILE, ENOBUFS, EPERM).
    pub local_error: u64,
}

impl Visits {
    pub fn refused(&self) -> u64 {
        self.total() - self.served
    }

    pub fn total(&self) -> u64 {
        self.served
            + self.connect_timeout
            + self.answer_timeout
            + self.reset
            + self.closed
            + self.error_status
            + self.local_error
    }
}

impl std::ops::AddAssign for Visits {
    fn add_assign(&mut self, other: Self) {
        self.served += other.served;
        self.connect_timeout += other.connect_timeout;
        self.answer_timeout += other.answer_timeout;
        self.reset += other.reset;
        self.closed += other.closed;
        self.error_status += other.error_status;
        self.local_error += other.local_error;
    }
}

/// Conntrack entries of one group of clients, followed by ctnetlink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entries {
    pub population: String,
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
