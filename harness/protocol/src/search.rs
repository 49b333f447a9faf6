//! A search for the rate of clients that can be sustained: halving, decided by nothing but the trials before.

use serde::{Deserialize, Serialize};

/// Rates are clients in 1000 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub least: u32,
    pub most: u32,
    /// The search ends once the highest rate without an error and the lowest with one differ by this part of the
    /// former.
    pub to_ppm: u32,
    /// How long each rate is held; the rest of a round is for what it leaves behind.
    pub lasts_us: u64,
}

/// One rate, held for [`Search::lasts_us`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    pub per_1000_s: u32,
    /// Every client was served.
    pub sustained: bool,
}

impl Search {
    /// First the top: if it is sustained, no search is needed. Then the middle of what is still open; `None`: found.
    pub fn next(&self, so_far: &[Trial]) -> Option<u32> {
        let failed = so_far.iter().filter(|t| !t.sustained).map(|t| t.per_1000_s).min();
        let Some(failed) = failed else { return so_far.is_empty().then_some(self.most) };
        let held = sustained(so_far).unwrap_or(self.least);
        (failed.saturating_sub(held) > self.step(held)).then(|| held + (failed - held) / 2)
    }

    /// A number of rounds that is enough, whatever each of them shows.
    pub fn rounds(&self) -> u32 {
        let (mut open, mut rounds) = (self.most - self.least, 1);
        while open > self.step(self.least) {
            // The larger half.
            open -= open / 2;
            rounds += 1;
        }
        rounds
    }

    /// The clients of a trial, and the time between two of them in microseconds.
    pub fn clients(&self, per_1000_s: u32) -> (u32, u64) {
        let spacing_us = 1_000_000_000 / u64::from(per_1000_s);
        ((self.lasts_us / spacing_us) as u32, spacing_us)
    }

    fn step(&self, rate: u32) -> u32 {
        ((u64::from(rate) * u64::from(self.to_ppm) / 1_000_000) as u32).max(1)
    }
}

/// The highest rate at which every client was served.
pub fn sustained(trials: &[Trial]) -> Option<u32> {
    trials.iter().filter(|t| t.sustained).map(|t| t.per_1000_s).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search { least: 200, most: 1000, to_ppm: 20_000, lasts_us: 300_000_000 };

    fn trials(limit: u32) -> Vec<Trial> {
        let mut trials = Vec::new();
        while let Some(per_1000_s) = SEARCH.next(&trials) {
            trials.push(Trial { per_1000_s, sustained: per_1000_s <= limit });
        }
        trials
    }

    #[test]
    fn any_limit_is_found_within_the_rounds() {
        for limit in 200..=1000 {
            let trials = trials(limit);
            assert!(trials.len() <= SEARCH.rounds() as usize, "{limit} took {} trials", trials.len());
            let found = sustained(&trials).unwrap_or(SEARCH.least);
            assert!(found <= limit && limit - found <= found / 50, "{found} instead of {limit}");
        }
    }

    #[test]
    fn a_sustained_top_needs_one_trial() {
        assert_eq!(trials(2000), [Trial { per_1000_s: 1000, sustained: true }]);
    }

    #[test]
    fn where_nothing_is_sustained_there_is_no_rate() {
        let trials = trials(0);
        assert_eq!(sustained(&trials), None);
        assert!(trials.len() <= SEARCH.rounds() as usize);
    }

    #[test]
    fn a_rate_is_held_for_its_time() {
        assert_eq!(SEARCH.clients(1000), (300, 1_000_000));
        assert_eq!(SEARCH.clients(400), (120, 2_500_000));
    }
}
