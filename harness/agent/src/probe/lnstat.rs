//! What lnstat(8) shows of the route cache and of the neighbour table: `rt_cache.entries`, `arp_cache.table_fulls`.

use super::{Values, conntrack::sum_columns};

const TABLES: [&str; 2] = ["rt_cache", "arp_cache"];

/// A table that a kernel does not have is left out. (The route cache's went with it in Linux 3.6, but the file has stayed;
/// `table_fulls` came with 4.3.)
pub fn read() -> Values {
    let text = |table| std::fs::read_to_string(format!("/proc/net/stat/{table}")).unwrap_or_default();
    TABLES.into_iter().flat_map(|table| parse(table, &text(table))).collect()
}

/// Counters are each CPU's own; `entries` is the table's, repeated in each line.
fn parse(table: &str, text: &str) -> Values {
    let first_cpu: String = text.lines().take(2).flat_map(|line| [line, "\n"]).collect();
    let entries = sum_columns(&first_cpu).into_iter().filter(|(name, _)| *name == "entries");
    let others = sum_columns(text).into_iter().filter(|(name, _)| *name != "entries");
    others.chain(entries).map(|(name, value)| (format!("{table}.{name}"), value)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn entries_are_the_tables_own() {
        let values = super::parse("arp_cache", "entries allocs\n00000010 00000002\n00000010 00000003\n");
        assert_eq!((values["arp_cache.entries"], values["arp_cache.allocs"]), (16, 5));
        assert!(super::parse("rt_cache", "").is_empty());
    }
}
