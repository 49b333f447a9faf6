//! What decides how visitors fared: the scenario alone, or also what two builds of a machine do not share.
//!
//! The scenario says who that reaches, and how far (`[give-or-take]`); nobody else's number is near. Where the table was
//! full, an expired entry makes room only once early_drop or the gc worker comes by: hash seed and phase decide whose SYN it
//! is. That is so in phases in which the table refused somebody, and in no other; or in those that the scenario names, where
//! the first who is refused may be of one phase or of the next.

use super::num::Num;
use crate::scenario::GiveOrTake;
use std::collections::BTreeSet;
use tunelab_protocol::Plan;

#[derive(Debug)]
pub struct Chance {
    any_time: u64,
    crowded: Vec<Crowded>,
}

/// One population in one phase in which the table was full.
#[derive(Debug)]
struct Crowded {
    phase: String,
    population: String,
    within: u64,
}

/// How far a number of visitors may be from the stored one.
#[derive(Debug, Clone, Copy)]
pub struct Band {
    any_time: u64,
    /// How many may have found room, or not, against the other build.
    pub crowded: u64,
}

impl Chance {
    /// `full`: the phases in which the table refused somebody. Of those who come in one, the most that is left to chance is three
    /// in four: the gc worker's phase decides for all the rounds of a boot at once, and yet a band that reaches from none to all
    /// asserts nothing.
    pub fn of(give_or_take: &GiveOrTake, plan: &Plan, full: &BTreeSet<String>) -> Self {
        let named = &give_or_take.crowded_in;
        let crowded_in = if full.is_empty() || named.is_empty() { full } else { named };
        let phases = plan.phases.iter().filter(|phase| crowded_in.contains(&phase.name));
        let crowded = phases.flat_map(|phase| {
            phase.traffic.iter().filter_map(move |traffic| {
                let within = *give_or_take.crowded.get(&traffic.population)?;
                let came = u64::from(traffic.visitors) * u64::from(phase.rounds);
                let (phase, population) = (phase.name.clone(), traffic.population.clone());
                Some(Crowded { phase, population, within: within.min(came * 3 / 4) })
            })
        });
        Chance { any_time: give_or_take.visitors.of(&plan.variant), crowded: crowded.collect() }
    }

    pub fn of_population(&self, population: &str) -> Band {
        self.band(|crowded| crowded.population == population)
    }

    pub fn in_phase(&self, phase: &str, population: &str) -> Band {
        self.band(|crowded| crowded.phase == phase && crowded.population == population)
    }

    /// Added up as in [`Num::sum`].
    fn band(&self, about: impl Fn(&Crowded) -> bool) -> Band {
        let squares: u64 = self.crowded.iter().filter(|c| about(c)).map(|c| c.within * c.within).sum();
        Band { any_time: self.any_time, crowded: squares.isqrt() }
    }
}

impl Band {
    /// Without what a full table does.
    pub fn uncrowded(self) -> Self {
        Band { crowded: 0, ..self }
    }

    /// Visitors of a kind that the table's chance can make some of where there were none.
    pub fn count(self, value: u64) -> Num {
        let any_time = if value > 0 { self.any_time } else { 0 };
        Num { value, within: any_time.max(self.crowded) }
    }

    /// Of a kind that nobody is by chance alone: none remains none.
    pub fn some(self, value: u64) -> Num {
        if value == 0 { Num::exact(0) } else { self.count(value) }
    }
}
