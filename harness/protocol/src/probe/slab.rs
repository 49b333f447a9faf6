//! The network's caches, from /proc/slabinfo: `slab.nf_conntrack.object_bytes`, and the number of objects in use
//! (nearly: each CPU keeps a few at hand that count as used).

use super::{Look, Read, Sampled, Scope, Values, reading, text};
use crate::reading::Unit::{Bytes, Count};

/// SLUB merges caches of one size unless the kernel was booted with slub_nomerge: a missing cache may be in another.
const CACHES: [&str; 6] = ["nf_conntrack", "ip_dst_cache", "arp_cache", "TCP", "tw_sock_TCP", "request_sock_TCP"];

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "slab",
    about: "the network's caches in /proc/slabinfo",
    scope: Scope::Guest,
    modules: &[],
    readings: &[
        reading("slab.CACHE.objects", Count, "/proc/slabinfo", "objects in use; each CPU keeps some at hand that count"),
        reading("slab.CACHE.object_bytes", Bytes, "/proc/slabinfo", "what one of them takes"),
    ],
    read,
};

fn read(_: &Look<'_>) -> Read {
    Ok(parse(&text("/proc/slabinfo").map_err(|e| format!("{e} (CONFIG_SLUB_DEBUG)"))?))
}

/// `name active_objs num_objs objsize ...`
fn parse(text: &str) -> Values {
    let mut values = Values::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(cache) = words.first().and_then(|name| known(name)) else { continue };
        for (column, what) in [(1, "objects"), (3, "object_bytes")] {
            if let Some(value) = words.get(column).and_then(|word| word.parse().ok()) {
                values.insert(format!("slab.{cache}.{what}"), value);
            }
        }
    }
    values
}

/// Finds a cache by the name that it had first: `ip_dst_cache` is `rtable` today (KMEM_CACHE() names caches by their
/// structures). Up to Linux 4.6 each namespace has an nf_conntrack cache of its own, named by its address. The newest
/// stands first, and the server's, which is the oldest, last.
fn known(name: &str) -> Option<&'static str> {
    let name = if name == "rtable" { "ip_dst_cache" } else { name };
    CACHES.into_iter().find(|cache| match name.strip_prefix(cache) {
        Some("") => true,
        Some(rest) => *cache == "nf_conntrack" && rest.starts_with("_ffff"),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_and_objects() {
        let text = "slabinfo - version: 2.1\n# name <active_objs>\nnf_conntrack_ffff88003c1e 0 0 296 27 2\n\
                    nf_conntrack_ffffffff81c2 12 32 296 27 2 : tunables\n\
                    nf_conntrack_expect 0 0 240 17 1\nTCP 4 8 1984 16 8\n";
        let values = super::parse(text);
        assert_eq!(values["slab.nf_conntrack.objects"], 12);
        assert_eq!(values["slab.nf_conntrack.object_bytes"], 296);
        assert_eq!(values.len(), 4);
        assert_eq!(super::parse("rtable 0 0 192 21 1\n")["slab.ip_dst_cache.object_bytes"], 192);
    }
}
