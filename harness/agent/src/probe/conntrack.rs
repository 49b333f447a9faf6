//! The conntrack table's fill and its counters.
//!
//! The count is read before anything lists the table: since Linux 4.9 listing reaps what has expired.

use super::Values;
use anyhow::{Context, Result};

/// Columns of /proc/net/stat/nf_conntrack that count what went wrong.
const COUNTERS: [&str; 4] = ["drop", "early_drop", "insert_failed", "invalid"];

pub fn read() -> Result<Values> {
    let mut values = Values::new();
    for name in ["count", "max"] {
        let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
        let text = std::fs::read_to_string(&path).with_context(|| format!("no {path}: no rule needs conntrack"))?;
        values.insert(format!("conntrack.{name}"), text.trim().parse()?);
    }
    // Ubuntu's kernels from 3.5 on lack this file (CONFIG_NF_CONNTRACK_PROCFS): then there are no counters.
    let table = std::fs::read_to_string("/proc/net/stat/nf_conntrack").unwrap_or_default();
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
