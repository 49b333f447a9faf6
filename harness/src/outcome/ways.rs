//! How each population fared: who was served, and what became of its conntrack entries.

use super::{Visitors, chance::Band, num::Num};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};
use tunelab_protocol::{Entries, Leave, Population, Visits};

/// One population, which is one way of leaving.
#[derive(Debug, Clone, Serialize)]
pub struct Way {
    /// Visitors who got every answer they asked for.
    pub served: Num,
    pub refused: Num,
    #[serde(flatten)]
    pub entries: Option<Kept>,
}

/// The conntrack entries of one population's addresses.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    pub entries: Num,
    /// Of these, made by a packet in the middle of a connection (`nf_conntrack_tcp_loose`).
    pub picked_up: Num,
    /// Still there when the run ended.
    pub alive_at_end: Num,
    /// From birth to expiry of the entry that lived longest, to 10 s; where chance decided who found room, of the usual ones.
    pub longest_life_s: Num,
    /// The state it was in last, by the kernel's name.
    pub last_state: String,
    /// The kernel's timer that explains the life; empty if none of the reported ones does.
    pub timer: String,
    /// It outlived its visitor by more than an hour: see [`LEAK`].
    pub leaks: bool,
}

/// An entry that is still there so long after its visitor must have gone is a leak. An hour is far above what TCP needs
/// to close (all of conntrack's timers but one are 5 minutes at most) and far below the one that is not, five days.
pub const LEAK: Duration = Duration::from_secs(3600);

/// A life is told to so many seconds.
const LIFE_S: u64 = 10;
const LIFE_MS: u64 = 1000 * LIFE_S;
/// One so near to where the rounding turns may be on its other side on another build, by the kernel's ticks.
const EDGE_MS: u64 = 1_500;

impl Way {
    pub fn of(population: &Population, visits: Visits, entries: Option<&Entries>, timers: &Timers, band: Band) -> Self {
        let Visitors { served, refused, .. } = Visitors::of(visits, band);
        Way { served, refused, entries: entries.map(|e| kept(population, e, timers, band)) }
    }

    pub fn leaks(&self) -> bool {
        self.entries.as_ref().is_some_and(|e| e.leaks)
    }
}

fn kept(population: &Population, entries: &Entries, timers: &Timers, band: Band) -> Kept {
    let (state, life_ms) = longest(entries, band.crowded > 0);
    let life = Duration::from_millis(life_ms);
    let (mut created, mut picked_up) = (band.count(entries.created), band.some(entries.picked_up));
    // A late duplicate brings back what the full table dropped early: by chance, and one entry more.
    if let Leave::LateDuplicate { .. } = population.visit.leave {
        created.within += band.crowded;
        picked_up = band.count(entries.picked_up);
    }
    Kept {
        entries: created,
        picked_up,
        alive_at_end: band.some(entries.alive_at_end),
        longest_life_s: to_ten_seconds(life_ms),
        last_state: state.to_owned(),
        timer: timers.explain(state, life).unwrap_or_default(),
        leaks: population.visit.leave != Leave::Stay && life > LEAK + stay(population),
    }
}

fn to_ten_seconds(life_ms: u64) -> Num {
    let rounded = life_ms + LIFE_MS / 2;
    let far_from_the_edge = (EDGE_MS..=LIFE_MS - EDGE_MS).contains(&(rounded % LIFE_MS));
    Num { value: rounded / LIFE_MS * LIFE_S, within: if far_from_the_edge { 0 } else { LIFE_S } }
}

/// The last state and the life in milliseconds of the entry that lived longest. In a full table the gc worker also kills
/// entries that are closing, and a late packet may then make a new one: what fewer than a tenth came to is chance.
fn longest(entries: &Entries, crowded: bool) -> (&str, u64) {
    let total: u64 = entries.lives_by_state.values().map(|lives| lives.entries).sum();
    let usual = entries.lives_by_state.iter().filter(|(_, lives)| lives.entries * 10 >= total);
    match usual.max_by_key(|(_, lives)| lives.longest_ms) {
        Some((state, lives)) if crowded => (state, lives.longest_ms),
        _ => (&entries.longest_state, entries.longest_life_ms),
    }
}

/// The longest a visitor can be there by the plan; what its entry lives beyond that, it lives alone.
fn stay(population: &Population) -> Duration {
    let visit = &population.visit;
    let requests = visit.paths.len() as u64;
    let late = match visit.leave {
        Leave::LateDuplicate { after_us, .. } => after_us,
        _ => 0,
    };
    let pauses: u64 = visit.pauses_us.iter().sum();
    Duration::from_micros(visit.patience_us * (requests + 1) + pauses + late)
}

/// conntrack's TCP timeouts in effect, in seconds, as far as the run reported them.
#[derive(Debug, Default)]
pub struct Timers(BTreeMap<String, u64>);

const PREFIX: &str = "net.netfilter.nf_conntrack_tcp_timeout_";

impl Timers {
    pub fn of<'a>(sysctls: impl Iterator<Item = (&'a String, &'a String)>) -> Self {
        let timer =
            |(name, value): (&String, &String)| Some((name.strip_prefix(PREFIX)?.to_owned(), value.parse().ok()?));
        Timers(sysctls.filter_map(timer).collect())
    }

    /// The timer of the last state, if the life is long enough for it. Else a cap: the kernel takes `max_retrans` or
    /// `unacknowledged` instead where they are shorter and the peer did not answer (tcp_packet(),
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

    /// Timers run in the kernel's ticks: a second of grace.
    fn reached(&self, timer: &str, life: Duration) -> bool {
        self.0.get(timer).is_some_and(|seconds| life + Duration::from_secs(1) >= Duration::from_secs(*seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_near_the_edge_of_its_ten_seconds_is_near() {
        let told = |life_ms| to_ten_seconds(life_ms).to_string();
        let exact = [0, 998, 119_998, 123_400, 432_000_400].map(told);
        assert_eq!(exact, ["0", "0", "120", "120", "432000"]);
        assert_eq!([3_600, 124_999, 125_000, 126_400].map(told), ["0 ± 10", "120 ± 10", "130 ± 10", "130 ± 10"]);
    }
}
