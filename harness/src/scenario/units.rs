//! Values with units, as people write them: `10 ms`, `1 h`, `6 d`, `1 GiB`, `0.5 %`.

use std::time::Duration;

/// Units of time and their length in microseconds, the finest there is in a plan.
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

/// A span of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Micros(pub u64);

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(pub u64);

/// A share in millionths; written in per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ppm(pub u32);

impl Micros {
    pub fn as_duration(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl std::str::FromStr for Micros {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, TIMES).map(Micros).ok_or_else(|| format!("`{text}` is not a time such as `10 ms`, `1 h` or `6 d`"))
    }
}

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, SIZES).map(Bytes).ok_or_else(|| format!("`{text}` is not a size such as `512 B` or `1 GiB`"))
    }
}

impl std::str::FromStr for Ppm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ppm = scaled(text, &[("%", 10_000)]).and_then(|ppm| u32::try_from(ppm).ok()).filter(|p| *p <= 1_000_000);
        ppm.map(Ppm).ok_or_else(|| format!("`{text}` is not a share such as `0.5 %`"))
    }
}

/// `1.5 h` by the table of units; `None` if it is no number, the unit is none of these, or it comes out broken.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = (&text[..split], text[split..].trim());
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()?.checked_mul(*factor)? };
    if part % scale != 0 {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_mul(*factor)?.checked_add(part / scale)
}

/// `3d 18h`, `10min 4s`, `250ms`: the two largest units that are not zero.
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
