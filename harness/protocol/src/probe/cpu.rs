//! The time that the CPUs were busy and idle, in milliseconds, from /proc/stat, which counts in ticks of 10 ms. The
//! kernel sums up idle time exactly before that; busy time is what its own ticks came upon.

use super::{Look, Read, Sampled, Scope, Values, reading, text};
use crate::reading::Unit::Milliseconds;

/// A tick of the kernel's output (USER_HZ, 100 everywhere).
const TICK_MS: u64 = 10;

/// Columns: user, nice, system, idle, iowait, irq, softirq, steal; later ones (guests') are counted in these already.
const COLUMNS: usize = 8;
const IDLE: [usize; 2] = [3, 4];

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "cpu",
    about: "time that the CPUs were busy and idle",
    scope: Scope::Guest,
    modules: &[],
    readings: &[
        reading("cpu.idle_ms", Milliseconds, "/proc/stat", "time that the CPUs were idle, together"),
        reading("cpu.busy_ms", Milliseconds, "/proc/stat", "time that they were not"),
    ],
    read,
};

fn read(_: &Look<'_>) -> Read {
    parse(&text("/proc/stat")?).ok_or_else(|| "/proc/stat has no line for all CPUs".into())
}

fn parse(text: &str) -> Option<Values> {
    let columns = text.lines().find_map(|line| line.strip_prefix("cpu "))?.split_whitespace().take(COLUMNS);
    let (mut idle, mut busy) = (0, 0);
    for (column, ticks) in columns.enumerate() {
        *if IDLE.contains(&column) { &mut idle } else { &mut busy } += ticks.parse::<u64>().ok()? * TICK_MS;
    }
    Some([("cpu.idle_ms", idle), ("cpu.busy_ms", busy)].map(|(name, ms)| (name.to_string(), ms)).into())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn busy_and_idle() {
        let values = parse("cpu  1 2 3 100 10 4 5 6 1 0\ncpu0 1 2 3 100 10 4 5 6 1 0\n").unwrap();
        assert_eq!((values["cpu.idle_ms"], values["cpu.busy_ms"]), (1100, 210));
        assert!(parse("intr 7\n").is_none());
    }
}
