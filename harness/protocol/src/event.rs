//! The events: what happened in the guest, one JSON object a line.

use crate::LinkBy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of the record. Before the plan starts `at_us` is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Microseconds of the guest's CLOCK_MONOTONIC since the plan started; under the virtual clock, virtual.
    pub at_us: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// A closed vocabulary: silence, a second [`Event::Done`] and an unknown word are three different errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Deployed, warmed and quiet; waiting for a plan. The machine's state is saved here.
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
    /// Effective value after everything was applied; `None` where this kernel has it under none of its names
    /// ([`crate::spellings`]).
    Sysctl {
        name: String,
        value: Option<String>,
    },
    /// This kernel does not have the name that was written, and has the setting under another: that was used.
    SysctlRenamed {
        name: String,
        used: String,
    },
    /// Who makes the network between these clients and the server, where it delays or loses anything.
    Link {
        population: String,
        by: LinkBy,
    },
    /// A write that the kernel refused or a setting it does not have under any name, and what was asked of it.
    SysctlRefused {
        name: String,
        value: String,
        why: String,
    },
    /// How many files may be open, soft and hard; `of` as [`crate::LimitOf`] is written.
    OpenFileLimit {
        of: String,
        soft: u64,
        hard: u64,
    },
    Phase {
        name: String,
    },
    /// One round of one population is over: how its visitors fared.
    Round {
        phase: String,
        round: u32,
        population: String,
        visits: Visits,
        /// From SYN to an established connection, of those who got one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connect: Option<Spread>,
        /// From SYN to the last byte of the last answer, of those who were served.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visit: Option<Spread>,
        /// The rate, of a trial in a search ([`crate::Search`]).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per_1000_s: Option<u32>,
        /// Of the local errors, how many of which kind, by errno's name; of the error statuses, by number.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        errors: BTreeMap<String, u64>,
        /// Of visitors who are to tell of flights ([`crate::Visit`]), in the order of their leaving.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        answers: Vec<Answer>,
    },
    /// Readings of one probe at one moment. Names carry the probe (`conntrack.count`) and the unit where there is one
    /// (`_bytes`). A probe's first has all it reads; later ones, but for conntrack's, what has changed since.
    Sample {
        values: BTreeMap<String, u64>,
    },
    /// The conntrack table refused entries since the last look: `drop` of /proc/net/stat/nf_conntrack rose by so many.
    TableFull {
        drops: u64,
    },
    /// A line of the kernel's log written since the plan started, without its time stamp.
    Log {
        level: u8,
        text: String,
    },
    /// What nginx wrote into its error log since it started, or since this was told last: each kind of line, without times,
    /// processes and addresses, and how often it came. Told as a phase ends, before the next begins, and at the end.
    NginxLog {
        texts: BTreeMap<String, u64>,
    },
    /// What the entries of one population's addresses did, over the whole run.
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

/// Whose fault it is that a plan cannot go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The guest's own.
    #[default]
    Guest,
    /// A file's that was deployed: its path in the guest, and its line, counted from 1, if it is known.
    File { path: String, line: Option<u32> },
    /// The scenario's own: words that stand in its file where it says so.
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
    /// All of them, where the plan asks for each ([`crate::Traffic`]).
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

/// How one answer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Idle before it was asked for; 0 for a visit's first.
    pub paused_us: u64,
    /// From the request to the last byte.
    pub took_us: u64,
    /// Bytes of each flight: what arrived within half a round trip of its first byte.
    pub flights: Vec<u64>,
    /// Bytes that a segment of this connection carries.
    pub mss: u32,
    /// Retransmission timeout of the server's socket as the request was sent, in the 10 ms of /proc/net/tcp; `None` if the
    /// visitor talked to another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_rto_ms: Option<u64>,
    /// And its congestion window, in segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cwnd: Option<u32>,
    /// The same as the first bytes of the answer came, before they were acknowledged: what it was sent with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_with_cwnd: Option<u32>,
}

/// How visitors fared; each is counted once, in `served` or by what first went wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {
    /// Got every answer asked for.
    pub served: u64,
    /// No connection within the visitor's patience: SYNs vanish.
    pub connect_timeout: u64,
    /// Connected, but no (whole) answer within the patience.
    pub answer_timeout: u64,
    /// RST, when connecting or later.
    pub reset: u64,
    /// Closed by the server before the answer was whole.
    pub closed: u64,
    /// An answer other than 2xx, such as nginx's 502.
    pub error_status: u64,
    /// The visitor's own side could not (EADDRNOTAVAIL, EMFILE, ENOBUFS, EPERM).
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

/// Conntrack entries of one population, followed by ctnetlink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entries {
    pub population: String,
    /// Entries created.
    pub created: u64,
    /// Of these, by an ACK without a SYN before it (`nf_conntrack_tcp_loose`).
    pub picked_up: u64,
    /// Entries still unexpired at the end.
    pub alive_at_end: u64,
    /// From creation to expiry of the entry that lived longest, in milliseconds. Expiry is when its timer ran out,
    /// not when the kernel's gc came by. For an entry alive at the end: when its timer will run out.
    pub longest_life_ms: u64,
    /// The state that entry was in last, by the kernel's name: `ESTABLISHED`, `TIME_WAIT`.
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
