//! Counters that lnstat(8) shows of the route cache and of the neighbour table: `rt_cache.entries`,
//! `arp_cache.table_fulls`; and what there is of the kind for IPv6's routes: `rt6_stats.dst`.

use super::conntrack::sum_columns;
use super::{Look, Read, Sampled, Scope, Values, reading, since, text};
use crate::reading::Unit::Count;

const TABLES: [&str; 2] = ["rt_cache", "arp_cache"];

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "lnstat",
    about: "the route cache, neighbours, and routes of IPv6: what lnstat(8) shows",
    scope: Scope::Guest,
    modules: &[],
    readings: &[
        reading("rt_cache.entries", Count, "/proc/net/stat/rt_cache", "cached routes; always few from 3.6 on, which has no route cache"),
        reading("rt_cache.COLUMN", Count, "/proc/net/stat/rt_cache", "the column of that name"),
        reading("arp_cache.entries", Count, "/proc/net/stat/arp_cache", "neighbours known by ARP"),
        since(reading("arp_cache.table_fulls", Count, "/proc/net/stat/arp_cache", "neighbours that found no room"), "4.3"),
        reading("arp_cache.COLUMN", Count, "/proc/net/stat/arp_cache", "the column of that name"),
        reading("rt6_stats.routes", Count, "/proc/net/rt6_stats", "routes of IPv6 in use"),
        reading("rt6_stats.cached", Count, "/proc/net/rt6_stats", "cached routes of IPv6"),
        reading("rt6_stats.dst", Count, "/proc/net/rt6_stats", "what is held against net.ipv6.route.max_size, up to 6.2"),
    ],
    read,
};

/// Reads the tables; one that a kernel does not have is left out. (The route cache's went with it in Linux 3.6, but the
/// file has stayed; `table_fulls` came with 4.3.)
fn read(_: &Look<'_>) -> Read {
    let table = |name| parse(name, &text(&format!("/proc/net/stat/{name}")).unwrap_or_default());
    let rt6 = text("/proc/net/rt6_stats").unwrap_or_default();
    Ok(TABLES.into_iter().flat_map(table).chain(parse_rt6(&rt6)).collect())
}

/// Parses the output of rt6_stats_seq_show(), net/ipv6/route.c: seven hexadecimal numbers; the last but one is held
/// against net.ipv6.route.max_size.
fn parse_rt6(text: &str) -> Values {
    const NAMES: [(usize, &str); 3] = [(3, "routes"), (4, "cached"), (5, "dst")];
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |at: usize| u64::from_str_radix(words.get(at)?, 16).ok();
    NAMES.into_iter().filter_map(|(at, name)| Some((format!("rt6_stats.{name}"), number(at)?))).collect()
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
    fn routes_of_ipv6() {
        let values = super::parse_rt6("0008 0006 0010 000a 0002 00ff 0000\n");
        assert_eq!([values["rt6_stats.routes"], values["rt6_stats.cached"], values["rt6_stats.dst"]], [10, 2, 255]);
        assert!(super::parse_rt6("").is_empty());
    }

    #[test]
    fn entries_are_the_tables_own() {
        let values = super::parse("arp_cache", "entries allocs\n00000010 00000002\n00000010 00000003\n");
        assert_eq!((values["arp_cache.entries"], values["arp_cache.allocs"]), (16, 5));
        assert!(super::parse("rt_cache", "").is_empty());
    }
}
