//! Counts what the entries of each group of clients did. No kernel is needed here.

use super::wire::{News, What};
use std::collections::BTreeMap;
use tunelab_protocol::{Entries, IpNet, Lives};

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
const SYN_SENT: u8 = 1;

#[derive(Clone)]
pub struct Tallies {
    tallies: Vec<Tally>,
    /// States of living entries by id: before Linux 5.12 an entry's death does not say which state it was in.
    states: BTreeMap<u32, u8>,
}

#[derive(Clone)]
struct Tally {
    clients: String,
    addresses: Vec<IpNet>,
    created: u64,
    picked_up: u64,
    /// The state seen last, and the life in milliseconds.
    lives: Vec<(&'static str, u64)>,
}

impl Tallies {
    pub fn new(clients: Vec<(String, Vec<IpNet>)>) -> Self {
        let one = |(clients, addresses)| Tally { clients, addresses, created: 0, picked_up: 0, lives: Vec::new() };
        Tallies { tallies: clients.into_iter().map(one).collect(), states: BTreeMap::new() }
    }

    pub fn note(&mut self, news: &News) {
        let Some(tally) = self.tallies.iter_mut().find(|tally| tally.is_about(news)) else { return };
        match news.what {
            What::Born => {
                tally.created += 1;
                tally.picked_up += u64::from(news.tcp_state.is_some_and(|state| state != SYN_SENT));
                self.states.extend(news.tcp_state.map(|state| (news.id, state)));
            }
            What::Changed => self.states.extend(news.tcp_state.map(|state| (news.id, state))),
            What::Died | What::Listed => {
                let known = self.states.remove(&news.id);
                tally.lives.push((state(news.tcp_state.or(known)), news.life_ms));
            }
        }
    }

    /// Gives one summary for each group of clients at the end, with the entries that are still `alive`.
    pub fn summary(&self, alive: &[News]) -> Vec<Entries> {
        let mut all = self.clone();
        alive.iter().for_each(|news| all.note(news));
        let alive_of = |tally: &Tally| alive.iter().filter(|news| tally.is_about(news)).count() as u64;
        all.tallies.iter().map(|tally| tally.summary(alive_of(tally))).collect()
    }
}

impl Tally {
    fn is_about(&self, news: &News) -> bool {
        self.addresses.iter().any(|subnet| subnet.contains(&news.source))
    }

    fn summary(&self, alive_at_end: u64) -> Entries {
        let longest = self.lives.iter().max_by_key(|(_, ms)| *ms);
        let mut by_state: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (state, ms) in &self.lives {
            by_state.entry(state).or_default().push(*ms);
        }
        Entries {
            clients: self.clients.clone(),
            created: self.created,
            picked_up: self.picked_up,
            alive_at_end,
            longest_life_ms: longest.map_or(0, |(_, ms)| *ms),
            longest_state: longest.map_or(STATES[0], |(state, _)| state).to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn news(what: What, source: &str, state: u8, life_ms: u64) -> News {
        let id = u32::from(source.parse::<std::net::Ipv4Addr>().unwrap());
        News { what, id, source: source.parse().unwrap(), tcp_state: Some(state), life_ms }
    }

    fn tallies() -> Tallies {
        Tallies::new(vec![("clean".into(), vec!["10.1.0.0/16".parse().unwrap()])])
    }

    #[test]
    fn the_longest_life_may_be_of_one_that_is_alive() {
        let mut tallies = tallies();
        tallies.note(&news(What::Born, "10.1.0.1", 1, 0));
        tallies.note(&news(What::Died, "10.1.0.1", 7, 121_000));
        tallies.note(&news(What::Born, "10.1.0.2", 3, 0));
        let summary = tallies.summary(&[news(What::Listed, "10.1.0.2", 3, 432_000_000)]).remove(0);
        assert_eq!((summary.created, summary.picked_up, summary.alive_at_end), (2, 1, 1));
        assert_eq!((summary.longest_life_ms, summary.longest_state.as_str()), (432_000_000, "ESTABLISHED"));
        assert_eq!(summary.lives_by_state["TIME_WAIT"].longest_ms, 121_000);
    }

    #[test]
    fn a_death_that_does_not_say_its_state_was_in_the_last_one_heard_of() {
        let mut tallies = tallies();
        tallies.note(&news(What::Born, "10.1.0.1", 1, 0));
        tallies.note(&news(What::Changed, "10.1.0.1", 3, 0));
        tallies.note(&News { tcp_state: None, ..news(What::Died, "10.1.0.1", 0, 600_000) });
        assert_eq!(tallies.summary(&[]).remove(0).longest_state, "ESTABLISHED");
    }

    #[test]
    fn others_do_not_count() {
        let mut tallies = tallies();
        tallies.note(&news(What::Born, "192.168.0.1", 1, 0));
        assert_eq!(tallies.summary(&[]).remove(0).created, 0);
    }
}
