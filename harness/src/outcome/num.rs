//! A number of an outcome: its unit, and whether it is exact.

use crate::scenario::units::{self, Rate};
use serde::{Serialize, Serializer};
use std::{fmt, time::Duration};
use tunelab_protocol::readings::Unit;

/// A number of an outcome. One saved machine repeats exactly, but two builds of it have different hash seeds and phases
/// of the kernel's workers. A number that depends on them has a tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Num {
    pub value: u64,
    /// How far another build's number may be from it; 0: exact.
    pub tolerance: u64,
    pub unit: Unit,
}

impl Num {
    /// Makes an exact count.
    pub fn exact(value: u64) -> Self {
        Num { value, tolerance: 0, unit: Unit::Count }
    }

    /// Reads a number as it was written: `700`, `"2400 ± 240"`, `"1480 ms"`, `"1480 ± 5 ms"`. Anything else is `None`.
    pub fn of(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::Integer(n) => Some(Num::exact(u64::try_from(*n).ok()?)),
            toml::Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(rate) = Self::rate(text) {
            return Some(rate);
        }
        let units = [Unit::Milliseconds, Unit::Bytes, Unit::Percent];
        let with_unit = |unit: Unit| Some((text.strip_suffix(unit.word())?.strip_suffix(' ')?, unit));
        let (number, unit) = units.into_iter().find_map(with_unit).unwrap_or((text, Unit::Count));
        match number.split_once(" ± ") {
            Some((value, tolerance)) => {
                Some(Num { value: value.parse().ok()?, tolerance: tolerance.parse().ok()?, unit })
            }
            // A text of digits alone is a text: a setting's value.
            None if unit == Unit::Count => None,
            None => Some(Num { value: number.parse().ok()?, tolerance: 0, unit }),
        }
    }

    /// Reads `467/s`, `0.5/s ± 0.02/s`.
    fn rate(text: &str) -> Option<Self> {
        let (value, tolerance) = text.split_once(" ± ").unwrap_or((text, "0/s"));
        let thousandths = |text: &str| {
            let (whole, part) = text.strip_suffix("/s")?.split_once('.').unwrap_or((text.strip_suffix("/s")?, ""));
            format!("{whole}{part:0<3}").parse().ok()
        };
        Some(Num { value: thousandths(value)?, tolerance: thousandths(tolerance)?, unit: Unit::PerThousandSeconds })
    }

    /// Returns the number as people read it: `5d ± 10s`, `1480 ± 5 ms`.
    pub fn shown(&self) -> String {
        let whole = |ms: u64| ms >= 10_000 && ms.is_multiple_of(1_000);
        if self.unit != Unit::Milliseconds || !whole(self.value) || !(self.tolerance == 0 || whole(self.tolerance)) {
            return self.to_string();
        }
        let time = |ms| units::show(Duration::from_millis(ms));
        match self.tolerance {
            0 => time(self.value),
            tolerance => format!("{} ± {}", time(self.value), time(tolerance)),
        }
    }

    /// Whether another run's number is as good as this one: it has the same unit, and differs by no more than the
    /// tolerance. An exact number admits none.
    pub fn admits(&self, other: &Num) -> bool {
        self.unit == other.unit && self.tolerance > 0 && self.value.abs_diff(other.value) <= self.tolerance
    }

    /// Whether both have their tolerance by one rule: a fixed amount, or a share of the number, rounded down. A share
    /// of zero is zero, so a zero is written as exact; it passes too where the stored number near it has a tolerance.
    pub fn is_as_near_as(&self, other: &Num) -> bool {
        let share = |a: &Num, b: &Num| u128::from(a.tolerance) * u128::from(b.value);
        let near = |number: &Num| number.value > 0 && number.tolerance > 0;
        let one_share = near(self)
            && near(other)
            && share(self, other).abs_diff(share(other, self)) < u128::from(self.value.max(other.value));
        let none = near(self) && other.value == 0 && other.tolerance == 0;
        none || one_share || self.tolerance == other.tolerance
    }
}

/// Returns a part of an outcome as people read it: numbers without their tolerance, lists without brackets.
pub fn plain(value: &toml::Value) -> String {
    use toml::Value;
    match (Num::of(value), value) {
        (Some(number), _) => Num { tolerance: 0, ..number }.shown(),
        (None, Value::String(text)) => text.clone(),
        (None, Value::Array(parts)) if parts.is_empty() => "none".into(),
        (None, Value::Array(parts)) => parts.iter().map(plain).collect::<Vec<_>>().join(", "),
        (None, Value::Table(table)) => table.keys().cloned().collect::<Vec<_>>().join(", "),
        (None, other) => other.to_string(),
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.tolerance, self.unit) {
            (0, Unit::Count) => serializer.serialize_u64(self.value),
            _ => serializer.collect_str(self),
        }
    }
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unit == Unit::PerThousandSeconds {
            f.write_str(&Rate::show(self.value))?;
            let tolerance = Some(self.tolerance).filter(|tolerance| *tolerance > 0);
            return tolerance.map_or(Ok(()), |tolerance| write!(f, " ± {}", Rate::show(tolerance)));
        }
        write!(f, "{}", self.value)?;
        if self.tolerance > 0 {
            write!(f, " ± {}", self.tolerance)?;
        }
        if self.unit != Unit::Count {
            write!(f, " {}", self.unit.word())?;
        }
        Ok(())
    }
}
