//! Values with units, as people write them: `10 ms`, `1 h`, `6 d`, `1 GiB`, `0.5 %`.

use std::time::Duration;
use tunelab_protocol::scale::part as part_of;

/// Units of time and their length in microseconds, the finest unit of a plan.
const TIMES: &[(&str, u64)] =
    &[("us", 1), ("ms", 1_000), ("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000)];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

const BIT_RATES: &[(&str, u64)] = &[("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)];
/// The slowest network: below it a packet takes longer than a second.
const SLOWEST: u64 = 8_000;
/// The fastest network.
const FASTEST: u64 = 10_000_000_000;

/// The longest time in microseconds: ten years. Nothing here lasts longer.
pub const LONGEST: u64 = 3_653 * 86_400_000_000;

/// A span of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Micros(pub u64);

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(pub u64);

/// A share in millionths; written in per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ppm(pub u32);

/// A rate of a network in bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BitRate(pub u64);

/// So many clients in a time, such as `200/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub clients: u32,
    pub in_us: u64,
}

impl Rate {
    /// Returns the number of clients that come within a time in microseconds, and the time between two of them.
    pub fn arrivals(self, within_us: u64) -> (u32, u64) {
        let spacing_us = (self.in_us / u64::from(self.clients)).max(1);
        (u32::try_from(within_us / spacing_us).unwrap_or(u32::MAX), spacing_us)
    }

    /// Returns the number of clients in 1000 s, rounded.
    pub fn per_1000_s(self) -> u64 {
        (u64::from(self.clients) * 1_000_000_000 + self.in_us / 2) / self.in_us
    }

    /// Writes so many clients in 1000 s as `467/s`, or `0.5/s`.
    pub fn show(per_1000_s: u64) -> String {
        let text = format!("{}.{:03}", per_1000_s / 1000, per_1000_s % 1000);
        format!("{}/s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate such as `200/min`");
        let (clients, unit) = text.split_once('/').ok_or_else(wrong)?;
        let (_, in_us) = TIMES.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
        let clients = clients.trim().parse().ok().filter(|clients| *clients > 0).ok_or_else(wrong)?;
        Ok(Rate { clients, in_us: *in_us })
    }
}

/// The part of an incident that a run has: one of so many; written `1/100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale(pub u32);

/// The smallest scale.
const SMALLEST: u32 = 100_000;

impl Default for Scale {
    fn default() -> Self {
        Scale(1)
    }
}

impl std::str::FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a scale from `1` to `1/{SMALLEST}`");
        let by = if text.trim() == "1" { "1" } else { text.trim().strip_prefix("1/").ok_or_else(wrong)? };
        by.trim().parse().ok().filter(|by| (1..=SMALLEST).contains(by)).map(Scale).ok_or_else(wrong)
    }
}

impl Scale {
    /// The hint where a number does not fit the scale.
    pub const HINT: &str = "a larger scale, or a number of clients that it divides";

    /// Returns the number that a run has.
    pub fn part(self, count: u32) -> u32 {
        part_of(u64::from(count), 0, self.0) as u32
    }

    /// Returns the reason if so many clients, or so many in a time, cannot be run at this scale: rounded by more than a
    /// twentieth it would be another incident.
    pub fn misfits(self, count: u32) -> Option<String> {
        let part = self.part(count);
        let told = u64::from(part) * u64::from(self.0);
        (told.abs_diff(u64::from(count)) * 20 > u64::from(count))
            .then(|| format!("at the scale {self}, {count} clients would be {part}, which stands for {told}"))
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == 1 { f.write_str("1") } else { write!(f, "1/{}", self.0) }
    }
}

impl Micros {
    pub fn as_duration(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl std::str::FromStr for Micros {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match with_unit(text, TIMES) {
            Ok(time) if time <= LONGEST => Ok(Micros(time)),
            Err(Wrong::Form) => Err(format!("`{text}` is not a time such as `10 ms`, `1 h` or `6 d`")),
            _ => Err(format!("`{text}` is longer than ten years, the longest time here")),
        }
    }
}

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        with_unit(text, SIZES).map(Bytes).map_err(|wrong| match wrong {
            Wrong::Form => format!("`{text}` is not a size such as `512 B` or `1 GiB`"),
            Wrong::TooMuch => format!("`{text}` is more than 16 EiB"),
        })
    }
}

impl std::str::FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match with_unit(text, BIT_RATES) {
            Ok(bps @ SLOWEST..=FASTEST) => Ok(BitRate(bps)),
            Err(Wrong::Form) => Err(format!("`{text}` is not a rate such as `10 Mbit/s`")),
            _ => Err(format!("`{text}` is not between `8 kbit/s` and `10 Gbit/s`")),
        }
    }
}

impl std::str::FromStr for Ppm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match with_unit(text, &[("%", 10_000)]) {
            Ok(ppm @ 0..=1_000_000) => Ok(Ppm(ppm as u32)),
            Err(Wrong::Form) => Err(format!("`{text}` is not a share such as `0.5 %`")),
            _ => Err(format!("`{text}` is more than `100 %`")),
        }
    }
}

enum Wrong {
    /// It is no number, the unit is not in the table, or the result is no whole number.
    Form,
    TooMuch,
}

/// Parses `1.5 h` by the table of units.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Result<u64, Wrong> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(Wrong::Form)?;
    let (number, unit) = (&text[..split], text[split..].trim());
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or(Wrong::Form)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let part = part(fraction, *factor).ok_or(Wrong::Form)?;
    if whole.is_empty() || whole.contains('.') {
        return Err(Wrong::Form);
    }
    // Only digits are left: if they do not parse, the number is too large.
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(*factor)?.checked_add(part));
    whole.ok_or(Wrong::TooMuch)
}

/// Returns the part of a unit that the digits after the point stand for; `None` if it is no whole number.
fn part(fraction: &str, factor: u64) -> Option<u64> {
    if fraction.is_empty() {
        return Some(0);
    }
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u64>().ok()?.checked_mul(factor)?;
    part.is_multiple_of(scale).then_some(part / scale)
}

/// Writes a time as `3d 18h`, `10min 4s`, `250ms`: the two largest units that are not zero.
pub fn show(time: Duration) -> String {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let mut rest = micros;
    let mut parts = Vec::new();
    for (unit, length) in TIMES.iter().rev() {
        if rest >= *length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".into() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let micros = |text: &str| text.parse::<Micros>().ok().map(|m| m.0);
        assert_eq!(micros("10 ms"), Some(10_000));
        assert_eq!(micros("6d"), Some(6 * 86_400_000_000));
        assert_eq!(micros("1.5 h"), Some(5_400_000_000));
        for wrong in ["10", "ms", "10 m", "-1 s", "1.2.3 s", "0.5 us", "99999999999999 d", ""] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_too_much_is_said_to_be() {
        let said = |text: &str| text.parse::<Micros>().unwrap_err();
        for much in ["99999999999999999999999 s", "99999999999999 d", "3654 d"] {
            assert!(said(much).contains("longer than ten years"), "{much}");
        }
        assert!("99999999999 GiB".parse::<Bytes>().unwrap_err().contains("more than 16 EiB"));
        assert!("101 %".parse::<Ppm>().unwrap_err().contains("more than `100 %`"));
    }

    #[test]
    fn rates() {
        let rate: Rate = "200/min".parse().unwrap();
        assert_eq!(rate.arrivals(3_600_000_000), (12_000, 300_000));
        for wrong in ["200", "0/min", "x/min", "200/fortnight", "/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_in_a_thousand_seconds() {
        let rate = |text: &str| text.parse::<Rate>().unwrap().per_1000_s();
        assert_eq!((rate("467/s"), rate("2/min"), rate("1/h")), (467_000, 33, 0));
        assert_eq!([467_000, 500, 1].map(Rate::show), ["467/s", "0.5/s", "0.001/s"]);
    }

    #[test]
    fn scales() {
        assert_eq!(("1/100".parse(), "1".parse()), (Ok(Scale(100)), Ok(Scale(1))));
        for wrong in ["100", "2/100", "1/0", "1/1000000", "0.01", ""] {
            assert!(wrong.parse::<Scale>().unwrap_err().contains("not a scale"), "{wrong}");
        }
        assert_eq!([200, 2000, 195, 0].map(|count| Scale(100).misfits(count)), [None, None, None, None]);
        assert!(Scale(100).misfits(150).unwrap().contains("150 clients would be 2, which stands for 200"));
    }

    #[test]
    fn rates_of_networks() {
        assert_eq!("1.5 Mbit/s".parse(), Ok(BitRate(1_500_000)));
        assert!("10 Mbps".parse::<BitRate>().unwrap_err().contains("`10 Mbit/s`"));
        for wrong in ["7 kbit/s", "11 Gbit/s", "99999999999999999999 Gbit/s"] {
            assert!(wrong.parse::<BitRate>().unwrap_err().contains("not between"), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!("1 GiB".parse::<Bytes>(), Ok(Bytes(1 << 30)));
        assert_eq!("0.5 %".parse::<Ppm>(), Ok(Ppm(5_000)));
        assert!("101 %".parse::<Ppm>().is_err());
    }

    #[test]
    fn shown() {
        assert_eq!(show(Duration::from_secs(90 * 3600)), "3d 18h");
        assert_eq!(show(Duration::from_millis(1_250)), "1s 250ms");
        assert_eq!(show(Duration::ZERO), "0s");
    }
}
