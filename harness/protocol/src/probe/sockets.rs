//! /proc/net/sockstat: TCP sockets in use, orphans, TIME_WAIT, and memory in pages; and how many may be in TIME_WAIT.

use super::{Look, Read, Sampled, Scope, Values, reading, sysctl, text};
use crate::reading::Unit::{Bytes, Count};

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "sockets",
    about: "sockets in use, orphans, TIME_WAIT",
    scope: Scope::Host,
    modules: &[],
    readings: &[
        reading("sockets.used", Count, "/proc/net/sockstat", "sockets of all kinds"),
        reading("tcp.inuse", Count, "/proc/net/sockstat", "TCP sockets in use, without those in TIME_WAIT"),
        reading("tcp.orphan", Count, "/proc/net/sockstat", "TCP sockets that no process holds"),
        reading("tcp.time_wait", Count, "/proc/net/sockstat", "sockets in TIME_WAIT"),
        reading("tcp.alloc", Count, "/proc/net/sockstat", "TCP sockets allocated"),
        reading("tcp.mem_pages", Count, "/proc/net/sockstat", "pages of memory that TCP's buffers take"),
        reading("tcp.time_wait_limit", Count, "net.ipv4.tcp_max_tw_buckets", "the most sockets that may be in TIME_WAIT"),
        reading("udp.inuse", Count, "/proc/net/sockstat", "UDP sockets in use"),
        reading("udp.mem_pages", Count, "/proc/net/sockstat", "pages of memory that UDP's buffers take"),
        reading("udplite.inuse", Count, "/proc/net/sockstat", "UDP-Lite sockets in use"),
        reading("raw.inuse", Count, "/proc/net/sockstat", "raw sockets in use"),
        reading("frag.inuse", Count, "/proc/net/sockstat", "datagrams that wait for fragments"),
        reading("frag.memory", Bytes, "/proc/net/sockstat", "memory that fragments take"),
    ],
    read,
};

fn read(_: &Look<'_>) -> Read {
    let mut values = parse(&text("/proc/net/sockstat")?);
    let limit = sysctl("net.ipv4.tcp_max_tw_buckets").and_then(|text| text.trim().parse().ok());
    values.extend(limit.map(|limit| ("tcp.time_wait_limit".to_string(), limit)));
    Ok(values)
}

/// `TCP: inuse 4 orphan 0 tw 2 alloc 6 mem 1`
fn parse(text: &str) -> Values {
    let mut values = Values::new();
    for (family, rest) in text.lines().filter_map(|line| line.split_once(": ")) {
        let words: Vec<&str> = rest.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            if let Ok(value) = pair[1].parse() {
                values.insert(format!("{}.{}", family.to_lowercase(), name(pair[0])), value);
            }
        }
    }
    values
}

fn name(column: &str) -> &str {
    match column {
        "tw" => "time_wait",
        "mem" => "mem_pages",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_wait_is_spelled_out() {
        let values = super::parse("sockets: used 9\nTCP: inuse 4 orphan 0 tw 2 alloc 6 mem 1\n");
        assert_eq!(values["tcp.time_wait"], 2);
        assert_eq!(values["sockets.used"], 9);
    }
}
