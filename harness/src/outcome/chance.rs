//! What decides who is served: by the scenario alone, or by chance too.

use super::num::{Num, Tolerance};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    /// Nobody but the scenario.
    None,
    /// The conntrack table was full at some time.
    Crowded,
    /// The scenario knows of something that two builds of a machine do not share, and says how far it reaches.
    Within(u64),
}

const CROWDED: Tolerance = Tolerance {
    percent: 35,
    least: 30,
    why: "an expired entry makes room once early_drop or the gc worker comes by: hash seed and phase decide whose SYN it is",
};

impl Chance {
    /// Who was served, and who waited in vain.
    pub fn count(self, value: u64) -> Num {
        match self {
            Chance::Crowded => Num::near(value, CROWDED),
            _ => self.failure(value),
        }
    }

    /// Who failed otherwise. Nobody does for want of room in the table, so that none remains none; but how many come so far
    /// is chance.
    pub fn failure(self, value: u64) -> Num {
        match self {
            Chance::Crowded if value > 0 => Num::near(value, CROWDED),
            Chance::Within(within) if value > 0 => Num { value, within },
            _ => Num::exact(value),
        }
    }
}
