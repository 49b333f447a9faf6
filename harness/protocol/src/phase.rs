//! Phases: which clients come when, and what changes meanwhile.

use crate::{Conditions, Ruleset, Search, Sysctl};
use serde::{Deserialize, Serialize};

/// A stretch of the run: rounds of clients, evenly spaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub name: String,
    /// Rounds, at least 1. A phase of pure waiting has one round without clients.
    pub rounds: u32,
    /// From the start of one round to the start of the next; the phase lasts `rounds * every_us`.
    pub every_us: u64,
    /// Changes to the running machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Each round is a trial at a rate that the rounds before it decide; `arrivals` is the first trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    pub arrivals: Vec<Arrivals>,
}

/// Clients of one group that come in each round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    pub clients: String,
    pub count: u32,
    /// From the round's start to the first client.
    pub after_us: u64,
    /// Between the arrivals of two clients.
    pub spacing_us: u64,
    /// At most this many at once; 0 is no limit.
    pub at_once: u32,
    /// They come in the first rounds only; `None`: in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// Report the times of each client, not only the shortest and the longest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each_time: bool,
}

impl Arrivals {
    /// Whether these clients come in this round, counted from 0.
    pub fn come_in(&self, round: u32) -> bool {
        self.rounds.is_none_or(|rounds| round < rounds)
    }
}

/// A change to the running machine, as an administrator or an accident makes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// From the start of the phase.
    pub at_us: u64,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    Sysctl {
        host: String,
        sysctl: Sysctl,
    },
    /// Loads files in the place of the rules of their formats that are there; of iptables, of their tables.
    Firewall {
        host: String,
        rules: Vec<Ruleset>,
    },
    /// Forgets all conntrack entries of the host, as `conntrack -F`.
    FlushConntrack {
        host: String,
    },
    Service {
        service: String,
        operation: Operation,
    },
    /// Our own server answers after this time from now on.
    ResponseTime {
        service: String,
        us: u64,
    },
    /// All links of the network from now on.
    Network {
        network: String,
        conditions: Conditions,
    },
    /// The host loses power, and with it all of its state, or it is up again, as at the start: its links lose every packet
    /// meanwhile.
    Power {
        host: String,
        on: bool,
    },
    /// All links of the network lose every packet, or none any more.
    Cut {
        network: String,
        cut: bool,
    },
}

/// An operation on a service that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// SIGTERM, and SIGKILL to what is left after two seconds.
    Stop,
    Start,
    /// Stops, then starts.
    Restart,
    /// SIGHUP.
    Reload,
    /// SIGSTOP: its connections stay, and nothing answers.
    Freeze,
    /// SIGCONT.
    Thaw,
}

impl Operation {
    pub const ALL: [Operation; 6] =
        [Operation::Stop, Operation::Start, Operation::Restart, Operation::Reload, Operation::Freeze, Operation::Thaw];

    /// The word for it in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Operation::Stop => "stop",
            Operation::Start => "start",
            Operation::Restart => "restart",
            Operation::Reload => "reload",
            Operation::Freeze => "freeze",
            Operation::Thaw => "thaw",
        }
    }
}

impl Phase {
    /// The time from its start to its end, in microseconds.
    pub fn lasts_us(&self) -> u64 {
        u64::from(self.rounds) * self.every_us
    }

    /// Whether the phase searches for a rate of these clients.
    pub fn searches(&self, clients: &str) -> bool {
        self.search.is_some() && self.arrivals.iter().any(|arrivals| arrivals.clients == clients)
    }

    /// The number of these clients that come in the whole phase, at most.
    pub fn come(&self, clients: &str) -> u64 {
        let of = self.arrivals.iter().filter(|arrivals| arrivals.clients == clients);
        let rounds = |arrivals: &Arrivals| u64::from(arrivals.rounds.unwrap_or(self.rounds).min(self.rounds));
        of.map(|arrivals| u64::from(arrivals.count) * rounds(arrivals)).sum()
    }

    /// The same phase with this search: as many rounds as it may take, and clients for the highest rate.
    pub fn with_search(&self, search: Search) -> Phase {
        let (count, spacing_us) = search.clients(search.most);
        let arrivals = self.arrivals.iter().map(|arrivals| Arrivals { count, spacing_us, ..arrivals.clone() });
        Phase { rounds: search.rounds(), search: Some(search), arrivals: arrivals.collect(), ..self.clone() }
    }
}
