//! What is known of each entry, and when to ask for it again. No kernel here.

use super::wire::{News, What};
use netlink_packet_netfilter::conntrack::Tuple;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use tunelab_protocol::{Entries, Lives, Subnet};

/// The kernel says whole seconds; asked so long before the expiry, an entry is surely still there.
const AHEAD_US: u64 = 1_500_000;

/// TCP states by the kernel's numbers (enum tcp_conntrack), as /proc/net/nf_conntrack spells them.
const STATES: [&str; 10] = [
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
];
const SYN_SENT: &str = STATES[1];

struct Entry {
    /// Index of its population.
    population: usize,
    tuple: Vec<Tuple>,
    born_us: u64,
    expires_us: u64,
    state: &'static str,
}

/// What is kept of an entry that is gone.
#[derive(Clone, Copy)]
struct Life {
    ms: u64,
    state: &'static str,
}

#[derive(Default)]
struct Tally {
    created: u64,
    picked_up: u64,
    lives: Vec<Life>,
}

pub struct Table {
    populations: Vec<(String, Subnet)>,
    tallies: Vec<Tally>,
    alive: HashMap<u32, Entry>,
    /// (when to look, entry); an entry's later change makes a row stale, which is seen when it comes up.
    due: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Table {
    pub fn new(populations: Vec<(String, Subnet)>) -> Self {
        let tallies = populations.iter().map(|_| Tally::default()).collect();
        Table { populations, tallies, alive: HashMap::new(), due: BinaryHeap::new() }
    }

    pub fn note(&mut self, news: Vec<News>, now_us: u64) {
        for one in news {
            match one.what {
                What::Born => self.born(one, now_us),
                What::Changed => self.changed(&one, now_us, true),
                What::Died => self.died(one.id, now_us),
            }
        }
    }

    /// An answer to our own question: nothing more is to be asked if the timer was not set anew.
    pub fn note_look(&mut self, news: News, now_us: u64) {
        self.changed(&news, now_us, false);
    }

    fn born(&mut self, news: News, now_us: u64) {
        let Some(population) = self.populations.iter().position(|(_, subnet)| subnet.contains(news.source)) else {
            return;
        };
        let (state, expires_us) = (state(news.tcp_state), expiry(&news, now_us));
        self.tallies[population].created += 1;
        self.tallies[population].picked_up += u64::from(news.tcp_state.is_some() && state != SYN_SENT);
        self.due.push(Reverse((expires_us.saturating_sub(AHEAD_US), news.id)));
        self.alive.insert(news.id, Entry { population, tuple: news.tuple, born_us: now_us, expires_us, state });
    }

    fn changed(&mut self, news: &News, now_us: u64, told: bool) {
        let Some(entry) = self.alive.get_mut(&news.id) else { return };
        let expires_us = expiry(news, now_us);
        let moved = expires_us.abs_diff(entry.expires_us) > 2 * AHEAD_US;
        entry.expires_us = expires_us;
        if let Some(number) = news.tcp_state {
            entry.state = state(Some(number));
        }
        if told || moved {
            self.due.push(Reverse((expires_us.saturating_sub(AHEAD_US), news.id)));
        }
    }

    fn died(&mut self, id: u32, now_us: u64) {
        if let Some(entry) = self.alive.remove(&id) {
            self.tallies[entry.population].lives.push(entry.life(now_us));
        }
    }

    pub fn next_due(&mut self) -> Option<u64> {
        while let Some(&Reverse((at, id))) = self.due.peek() {
            if self.is_current(at, id) {
                return Some(at);
            }
            self.due.pop();
        }
        None
    }

    /// The entries to look at now.
    pub fn take_due(&mut self, now_us: u64) -> Vec<u32> {
        let mut due = Vec::new();
        while let Some(&Reverse((at, id))) = self.due.peek().filter(|Reverse((at, _))| *at <= now_us) {
            self.due.pop();
            if self.is_current(at, id) {
                due.push(id);
            }
        }
        due
    }

    fn is_current(&self, at: u64, id: u32) -> bool {
        self.alive.get(&id).is_some_and(|e| e.expires_us.saturating_sub(AHEAD_US) == at)
    }

    pub fn tuple(&self, id: u32) -> Option<Vec<Tuple>> {
        self.alive.get(&id).map(|e| e.tuple.clone())
    }

    pub fn alive(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.alive.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// The end: one summary for each population.
    pub fn summary(&mut self, now_us: u64) -> Vec<Entries> {
        let mut alive = vec![0; self.populations.len()];
        for (_, entry) in self.alive.drain() {
            alive[entry.population] += u64::from(entry.expires_us > now_us);
            self.tallies[entry.population].lives.push(entry.life(u64::MAX));
        }
        let rows = self.populations.iter().zip(&self.tallies).zip(alive);
        rows.map(|(((population, _), tally), alive)| tally.summary(population, alive)).collect()
    }
}

impl Entry {
    /// Expired, or killed before that (early_drop, a new connection on the same ports).
    fn life(&self, died_us: u64) -> Life {
        let end = self.expires_us.min(died_us);
        Life { ms: end.saturating_sub(self.born_us) / 1000, state: self.state }
    }
}

impl Tally {
    fn summary(&self, population: &str, alive_at_end: u64) -> Entries {
        let longest = self.lives.iter().max_by_key(|life| life.ms);
        let mut by_state: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for life in &self.lives {
            by_state.entry(life.state).or_default().push(life.ms);
        }
        Entries {
            population: population.to_string(),
            created: self.created,
            picked_up: self.picked_up,
            alive_at_end,
            longest_life_ms: longest.map_or(0, |l| l.ms),
            longest_state: longest.map_or(STATES[0], |l| l.state).to_string(),
            lives_by_state: by_state.into_iter().map(|(state, ms)| (state.to_string(), lives(ms))).collect(),
        }
    }
}

fn lives(mut ms: Vec<u64>) -> Lives {
    ms.sort_unstable();
    Lives {
        entries: ms.len() as u64,
        shortest_ms: ms.first().copied().unwrap_or(0),
        median_ms: ms.get(ms.len() / 2).copied().unwrap_or(0),
        longest_ms: ms.last().copied().unwrap_or(0),
    }
}

fn state(number: Option<u8>) -> &'static str {
    number.and_then(|n| STATES.get(usize::from(n)).copied()).unwrap_or(STATES[0])
}

fn expiry(news: &News, now_us: u64) -> u64 {
    now_us + u64::from(news.left_s.unwrap_or(0)) * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(what: What, left_s: u32, state: u8) -> News {
        News {
            what,
            id: 7,
            source: "10.1.0.1".parse().unwrap(),
            tuple: Vec::new(),
            left_s: Some(left_s),
            tcp_state: Some(state),
        }
    }

    fn table() -> Table {
        Table::new(vec![("clean".into(), "10.1.0.0/16".parse().unwrap())])
    }

    #[test]
    fn life_ends_when_the_timer_does_not_when_the_gc_comes() {
        let mut table = table();
        table.note(vec![news(What::Born, 120, 1)], 0);
        table.note(vec![news(What::Changed, 432_000, 3)], 1_000_000);
        assert_eq!(table.next_due(), Some(432_001_000_000 - AHEAD_US));
        table.note(vec![news(What::Changed, 1, 7)], 2_000_000);
        table.note(vec![news(What::Died, 0, 7)], 60_000_000);
        let summary = table.summary(100_000_000).remove(0);
        assert_eq!((summary.longest_life_ms, summary.longest_state.as_str()), (3_000, "TIME_WAIT"));
        assert_eq!((summary.created, summary.picked_up, summary.alive_at_end), (1, 0, 0));
    }

    #[test]
    fn a_timer_set_anew_in_silence_is_found_by_looking() {
        let mut table = table();
        table.note(vec![news(What::Born, 300, 3)], 0);
        let at = table.next_due().unwrap();
        assert_eq!(table.take_due(at), [7]);
        table.note_look(news(What::Changed, 300, 3), at);
        assert_eq!(table.next_due(), Some(at + 300_000_000 - AHEAD_US));
        let at = table.next_due().unwrap();
        assert_eq!(table.take_due(at), [7]);
        table.note_look(news(What::Changed, 1, 3), at);
        assert_eq!(table.next_due(), None, "its timer runs out as known");
        let summary = table.summary(at).remove(0);
        assert_eq!((summary.picked_up, summary.alive_at_end), (1, 1));
    }

    #[test]
    fn others_do_not_count() {
        let mut table = table();
        let mut stranger = news(What::Born, 10, 1);
        stranger.source = "192.168.0.1".parse().unwrap();
        table.note(vec![stranger], 0);
        assert_eq!(table.summary(1).remove(0).created, 0);
    }
}
