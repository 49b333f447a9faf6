//! A number of an outcome: exact, or near with a tolerance that says why.

use serde::{Serialize, Serializer};
use std::fmt;

/// One saved machine repeats exactly, but two builds of it have different hash seeds and phases of the kernel's
/// workers. A number that depends on them is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Num {
    pub value: u64,
    /// 0: exact.
    pub within: u64,
}

/// How far a number may be from its stored value, and why it varies at all.
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    pub percent: u64,
    pub least: u64,
    pub why: &'static str,
}

impl Num {
    pub fn exact(value: u64) -> Self {
        Num { value, within: 0 }
    }

    /// Chances add up as independent ones do, by their squares: ten groups are not all lucky at once.
    pub fn sum(of: impl Iterator<Item = Num>) -> Self {
        let (value, squares) = of.fold((0, 0), |(value, squares), n| (value + n.value, squares + n.within * n.within));
        Num { value, within: squares.isqrt() }
    }

    pub fn near(value: u64, tolerance: Tolerance) -> Self {
        Num { value, within: tolerance.least.max(value * tolerance.percent / 100) }
    }

    /// Reads what [`Num`] was written as: `700` or `"2400 ± 240"`.
    pub fn of(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::Integer(n) => Some(Num::exact(u64::try_from(*n).ok()?)),
            toml::Value::String(text) => {
                let (value, within) = text.split_once(" ± ")?;
                Some(Num { value: value.parse().ok()?, within: within.parse().ok()? })
            }
            _ => None,
        }
    }

    /// Whether another run's number is as good as this one.
    pub fn admits(&self, other: &Num) -> bool {
        self.within > 0 && self.value.abs_diff(other.value) <= self.within
    }

    /// Whether both are near by one rule: by so many, or by such a share of the number, rounded down. A zero that is written
    /// as exact is near all the same where something near it is stored.
    pub fn is_as_near_as(&self, other: &Num) -> bool {
        let share = |a: &Num, b: &Num| u128::from(a.within) * u128::from(b.value);
        let near = |number: &Num| number.value > 0 && number.within > 0;
        let one_share = near(self)
            && near(other)
            && share(self, other).abs_diff(share(other, self)) < u128::from(self.value.max(other.value));
        let none = near(self) && other.value == 0 && other.within == 0;
        none || one_share || self.within == other.within
    }
}

/// A part of an outcome as people read it: numbers without how near they have to be, lists without brackets.
pub fn plain(value: &toml::Value) -> String {
    use toml::Value;
    match (Num::of(value), value) {
        (Some(number), _) => number.value.to_string(),
        (None, Value::String(text)) => text.clone(),
        (None, Value::Array(parts)) if parts.is_empty() => "none".into(),
        (None, Value::Array(parts)) => parts.iter().map(plain).collect::<Vec<_>>().join(", "),
        (None, Value::Table(table)) => table.keys().cloned().collect::<Vec<_>>().join(", "),
        (None, other) => other.to_string(),
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.within {
            0 => serializer.serialize_u64(self.value),
            _ => serializer.collect_str(self),
        }
    }
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.within {
            0 => write!(f, "{}", self.value),
            within => write!(f, "{} ± {within}", self.value),
        }
    }
}
