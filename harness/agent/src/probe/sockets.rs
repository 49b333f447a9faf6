//! /proc/net/sockstat: TCP sockets in use, orphans, TIME_WAIT, and memory in pages; and how many may be in TIME_WAIT.

use super::Values;
use crate::tune;
use anyhow::{Context, Result};

pub fn read() -> Result<Values> {
    let text = std::fs::read_to_string("/proc/net/sockstat").context("no /proc/net/sockstat")?;
    let mut values = parse(&text);
    let limit = tune::read("net.ipv4.tcp_max_tw_buckets").and_then(|text| text.trim().parse().ok());
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
