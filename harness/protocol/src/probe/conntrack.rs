//! The conntrack table's fill and its counters.
//!
//! The count is read before anything lists the table: since Linux 4.9 listing reaps what has expired.

use super::{Look, Read, Sampled, Scope, Values, reading, text};
use crate::reading::Unit::Count;

/// Columns of /proc/net/stat/nf_conntrack that count what went wrong.
const COUNTERS: [&str; 4] = ["drop", "early_drop", "insert_failed", "invalid"];

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "conntrack",
    about: "the conntrack table: its fill, its limit, its counters",
    scope: Scope::Host,
    modules: &[],
    readings: &[
        reading("conntrack.count", Count, "net.netfilter.nf_conntrack_count", "entries in the conntrack table"),
        reading("conntrack.max", Count, "net.netfilter.nf_conntrack_max", "the most that it may have"),
        reading("conntrack.drop", Count, "/proc/net/stat/nf_conntrack", "packets dropped because there was no room for their entry, or for want of a port in NAT"),
        reading("conntrack.early_drop", Count, "/proc/net/stat/nf_conntrack", "entries without an answer that made room for others"),
        reading("conntrack.insert_failed", Count, "/proc/net/stat/nf_conntrack", "entries that could not be put into the table"),
        reading("conntrack.invalid", Count, "/proc/net/stat/nf_conntrack", "packets that belong to no connection conntrack knows"),
    ],
    read,
};

fn read(_: &Look<'_>) -> Read {
    let mut values = Values::new();
    for name in ["count", "max"] {
        let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
        let text = text(&path).map_err(|e| format!("{e}: no rule needs conntrack"))?;
        let value = text.trim().parse().map_err(|_| format!("{path} holds no number"))?;
        values.insert(format!("conntrack.{name}"), value);
    }
    // Ubuntu's kernels from 3.5 on lack this file (CONFIG_NF_CONNTRACK_PROCFS): then there are no counters.
    let table = text("/proc/net/stat/nf_conntrack").unwrap_or_default();
    for (name, sum) in sum_columns(&table) {
        if COUNTERS.contains(&name) {
            values.insert(format!("conntrack.{name}"), sum);
        }
    }
    Ok(values)
}

/// Sums the columns: one line of names, then one line of hexadecimal numbers for each CPU.
pub(super) fn sum_columns(table: &str) -> Vec<(&str, u64)> {
    let mut lines = table.lines();
    let names = lines.next().unwrap_or_default().split_whitespace();
    let mut columns: Vec<(&str, u64)> = names.map(|name| (name, 0)).collect();
    for line in lines {
        for (column, text) in columns.iter_mut().zip(line.split_whitespace()) {
            column.1 += u64::from_str_radix(text, 16).unwrap_or(0);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::sum_columns;

    #[test]
    fn sums_over_cpus() {
        let table = "entries  drop early_drop\n00000010  0000000a 00000001\n00000010  00000002 00000000\n";
        assert_eq!(sum_columns(table), [("entries", 32), ("drop", 12), ("early_drop", 1)]);
    }
}
