//! sysctls that have had several names: conntrack's.
//!
//! Linux calls them `net.netfilter.nf_conntrack_*`. Up to 4.8 the names of the IPv4-only conntrack before it were kept
//! beside them (`net.ipv4.netfilter.ip_conntrack_*`, tables in nf_conntrack_proto_tcp.c, _udp.c, _icmp.c, _sctp.c,
//! _generic.c and nf_conntrack_l3proto_ipv4_compat.c under `CONFIG_NF_CONNTRACK_PROC_COMPAT`); they are gone since
//! commit adf0516845bc. Both were names of one variable, and differ in the prefix alone.

/// Today's prefix comes first.
const PREFIXES: [&str; 2] = ["net.netfilter.nf_conntrack_", "net.ipv4.netfilter.ip_conntrack_"];

/// The size of the table has two names today (nf_conntrack_standalone.c), and had a third up to 2.6.21.
const MAX: [&str; 4] = [
    "net.netfilter.nf_conntrack_max",
    "net.nf_conntrack_max",
    "net.ipv4.netfilter.ip_conntrack_max",
    "net.ipv4.ip_conntrack_max",
];

/// All names of a sysctl that are known, in dots, the newest first; most have one.
pub fn spellings(name: &str) -> Vec<String> {
    if MAX.contains(&name) {
        return MAX.map(str::to_owned).into();
    }
    match PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        Some(rest) => PREFIXES.map(|prefix| format!("{prefix}{rest}")).into(),
        None => vec![name.to_owned()],
    }
}

/// The current kernel's name: the one name in all outcomes, whatever was written and whichever kernel it was.
pub fn todays_name(name: &str) -> String {
    spellings(name).swap_remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_name_and_todays_are_one() {
        let (old, new) = (
            "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait",
            "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
        );
        assert_eq!(spellings(old), [new, old]);
        assert_eq!(spellings(new), [new, old]);
        assert_eq!(todays_name(old), new);
    }

    #[test]
    fn the_limit_has_four() {
        for name in MAX {
            assert_eq!(spellings(name), MAX, "{name}");
            assert_eq!(todays_name(name), "net.netfilter.nf_conntrack_max");
        }
    }

    #[test]
    fn others_have_one() {
        for name in ["net.ipv4.tcp_tw_recycle", "net.ipv4.ip_conntrack_maximum", "net.netfilter.nf_log.2"] {
            assert_eq!(spellings(name), [name]);
        }
    }
}
