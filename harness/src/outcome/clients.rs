//! The outcomes of each kind of clients, and their conntrack entries.

use super::record::Record;
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};
use tunelab_protocol::{self as protocol, Close, Entries, Event, Plan, Stamped, Visit, probe::CONNTRACK_ENTRIES};

/// The number of clients with each outcome. Each client is counted once, as served or by what first went wrong; see
/// [`protocol::Outcome`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClientOutcomes {
    pub served: u64,
    /// All clients that were not served.
    pub failed: u64,
    /// The clients that failed, by outcome.
    #[serde(flatten)]
    pub by_outcome: BTreeMap<&'static str, u64>,
}

impl ClientOutcomes {
    /// Adds up all rounds that are wanted, by phase and clients, without the trials of a search.
    pub fn of(events: &[Stamped], wanted: impl Fn(&str, &str) -> bool) -> Self {
        let mut all = ClientOutcomes::default();
        for stamped in events {
            if let Event::Round { phase, clients, outcomes, per_1000_s: None, .. } = &stamped.event
                && wanted(phase, clients)
            {
                outcomes.iter().for_each(|(outcome, counted)| all.add(*outcome, counted.clients));
            }
        }
        all
    }

    fn add(&mut self, outcome: protocol::Outcome, clients: u64) {
        if outcome == protocol::Outcome::Served {
            self.served += clients;
        } else {
            self.failed += clients;
            *self.by_outcome.entry(outcome.word()).or_default() += clients;
        }
    }
}

/// Clients of one name.
#[derive(Debug, Clone, Serialize)]
pub struct Clients {
    #[serde(flatten)]
    pub outcomes: ClientOutcomes,
    #[serde(flatten)]
    pub entries: Option<Kept>,
}

/// The conntrack entries of the clients' addresses.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kept {
    pub entries: u64,
    /// Entries that were made by a packet in the middle of a connection (`nf_conntrack_tcp_loose`).
    pub picked_up: u64,
    /// Entries that were still there when the run ended.
    pub alive_at_end: u64,
    /// The time from birth to expiry of the entry that lived longest, rounded to seconds.
    pub longest_life_s: u64,
    /// The last state of that entry, by the kernel's name.
    pub last_state: String,
    /// The kernel's timer that explains its life; empty if none of the reported ones does.
    pub timer: String,
    /// Whether it outlived its client by more than an hour: see [`LEAK`].
    pub leaks: bool,
}

/// An entry that is still there so long after its client must have gone is a leak. An hour is far above what TCP needs
/// to close (all of conntrack's timers but one are 5 minutes at most) and far below that one timer, five days.
pub const LEAK: Duration = Duration::from_secs(3600);

impl Clients {
    /// Computes the outcomes and the entries of one group of clients.
    pub fn of(clients: &protocol::Clients, record: &Record, timers: &Timers) -> Self {
        let outcomes = ClientOutcomes::of(&record.events, |_, of| of == clients.name);
        let entries = entries(record, &clients.name);
        Clients { outcomes, entries: entries.map(|entries| kept(clients, entries, timers)) }
    }
}

/// Returns the names of clients with entries that outlive them; `None` if no probe followed entries.
pub fn leaks(record: &Record, plan: &Plan) -> Option<Vec<String>> {
    let followed = plan.probes(CONNTRACK_ENTRIES);
    let leak = |clients: &&protocol::Clients| entries(record, &clients.name).is_some_and(|e| outlives(clients, e));
    followed.then(|| plan.clients.iter().filter(leak).map(|clients| clients.name.clone()).collect())
}

fn entries<'a>(record: &'a Record, of: &str) -> Option<&'a Entries> {
    record.events.iter().find_map(|e| match &e.event {
        Event::Entries(entries) if entries.clients == of => Some(entries),
        _ => None,
    })
}

fn kept(clients: &protocol::Clients, entries: &Entries, timers: &Timers) -> Kept {
    let life = Duration::from_millis(entries.longest_life_ms);
    Kept {
        entries: entries.created,
        picked_up: entries.picked_up,
        alive_at_end: entries.alive_at_end,
        longest_life_s: (entries.longest_life_ms + 500) / 1000,
        last_state: entries.longest_state.clone(),
        timer: timers.explain(&entries.longest_state, life).unwrap_or_default(),
        leaks: outlives(clients, entries),
    }
}

fn outlives(clients: &protocol::Clients, entries: &Entries) -> bool {
    let life = Duration::from_millis(entries.longest_life_ms);
    !clients.visit.close.stays() && life > LEAK + stay(clients)
}

/// Returns the longest time that a client can be there by the plan: after that its entry lives alone.
fn stay(clients: &protocol::Clients) -> Duration {
    let visit = &clients.visit;
    let requests = visit.paths.len() as u64;
    let late = match visit.close {
        Close::LateDuplicate { after_us, .. } => after_us,
        _ => 0,
    };
    let pauses: u64 = visit.pauses_us.iter().sum();
    let waits = visit.connect_timeout_us + visit.response_timeout_us * requests;
    let attempt = (waits + pauses).saturating_add(sending_us(visit));
    let attempts = attempt.saturating_mul(u64::from(visit.retries) + 1);
    let between = visit.backoff_us.unwrap_or(0).saturating_mul((1 << visit.retries.min(40)) - 1);
    Duration::from_micros(attempts.saturating_add(between).saturating_add(late))
}

/// The longest time that a client takes to send all of its requests in pieces.
fn sending_us(visit: &Visit) -> u64 {
    let Some(pace) = visit.sends else { return 0 };
    let pieces = visit.paths.iter().map(|path| visit.request_bytes(path).div_ceil(pace.bytes));
    pieces.sum::<u64>().saturating_mul(pace.every_us)
}

/// conntrack's TCP timeouts in effect, in seconds, as far as the run reported them.
#[derive(Debug, Default)]
pub struct Timers(BTreeMap<String, u64>);

const PREFIX: &str = "net.netfilter.nf_conntrack_tcp_timeout_";

impl Timers {
    /// Takes the timeouts out of the sysctls' effective values.
    pub fn of<'a>(sysctls: impl Iterator<Item = (&'a String, &'a String)>) -> Self {
        let timer =
            |(name, value): (&String, &String)| Some((name.strip_prefix(PREFIX)?.to_owned(), value.parse().ok()?));
        Timers(sysctls.filter_map(timer).collect())
    }

    /// Returns the timer of the last state, if the life is long enough for it. Else it returns a cap: the kernel takes
    /// `max_retrans` or `unacknowledged` instead where they are shorter and the peer did not answer (tcp_packet(),
    /// nf_conntrack_proto_tcp.c).
    fn explain(&self, state: &str, life: Duration) -> Option<String> {
        let own = match state {
            "SYN_SENT2" => "syn_sent".to_owned(),
            other => other.to_lowercase(),
        };
        if self.reached(&own, life) {
            return Some(format!("nf_conntrack_tcp_timeout_{own}"));
        }
        let caps = ["max_retrans", "unacknowledged"].into_iter().filter(|cap| self.reached(cap, life));
        let names: Vec<String> = caps.map(|cap| format!("nf_conntrack_tcp_timeout_{cap}")).collect();
        (!names.is_empty()).then(|| names.join(" or "))
    }

    /// Whether the life is as long as the timer. Timers run in the kernel's ticks, hence a second of grace.
    fn reached(&self, timer: &str, life: Duration) -> bool {
        self.0.get(timer).is_some_and(|seconds| life + Duration::from_secs(1) >= Duration::from_secs(*seconds))
    }
}
