//! A reading: its name, its unit, and where the kernel tells it.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    Count,
    Milliseconds,
    Bytes,
    Percent,
    /// A rate: so many in 1000 s.
    PerThousandSeconds,
}

impl Unit {
    /// The word after a number; nothing for a count.
    pub fn word(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::Milliseconds => "ms",
            Unit::Bytes => "B",
            Unit::Percent => "%",
            Unit::PerThousandSeconds => "/s",
        }
    }
}

/// One name, or several that differ in one word: `slab.CACHE.objects`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub name: &'static str,
    pub unit: Unit,
    /// The file in which the kernel tells it.
    pub source: &'static str,
    /// The first kernel that has it, where that is later than 3.2.
    pub since: Option<&'static str>,
    pub meaning: &'static str,
}
