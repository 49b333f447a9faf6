//! Checks which addresses hosts and clients can have.

use super::problems::Problems;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};
use toml::Spanned;
use tunelab_protocol::IpNet;

/// Addresses that no host of a scenario can have, and why. The lab's own are QEMU's network, which carries SSH, and the
/// networks that join hosts.
const TAKEN: [(RangeInclusive<Ipv4Addr>, &str); 6] = [
    (Ipv4Addr::new(0, 0, 0, 0)..=Ipv4Addr::new(0, 255, 255, 255), "stands for no host"),
    (Ipv4Addr::new(10, 0, 2, 0)..=Ipv4Addr::new(10, 0, 2, 255), "is the lab's own, for SSH into the guest"),
    (Ipv4Addr::new(10, 255, 0, 0)..=Ipv4Addr::new(10, 255, 255, 255), "is the lab's own, between hosts"),
    (Ipv4Addr::new(127, 0, 0, 0)..=Ipv4Addr::new(127, 255, 255, 255), "is for loopback"),
    (Ipv4Addr::new(224, 0, 0, 0)..=Ipv4Addr::new(239, 255, 255, 255), "is for multicast"),
    (Ipv4Addr::new(240, 0, 0, 0)..=Ipv4Addr::new(255, 255, 255, 255), "is reserved, or for broadcast"),
];

/// The same for IPv6.
const TAKEN6: [(RangeInclusive<Ipv6Addr>, &str); 3] = [
    (
        Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0)..=Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0xffff, 0xffff),
        "stands for no host",
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)
            ..=Ipv6Addr::new(0xfebf, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff),
        "belongs to one link",
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)
            ..=Ipv6Addr::new(0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff),
        "is for multicast",
    ),
];

const HINT: &str = "for example `10.8.0.1`; all of 10.0.0.0/8 but 10.0.2.0/24 and 10.255.0.0/16 is free, and fd00::/8";

/// Checks the address of a host.
pub fn check_host(address: &Spanned<IpAddr>, problems: &Problems) {
    let host = *address.get_ref();
    let why = match host {
        IpAddr::V4(host) => {
            let taken = TAKEN.iter().find(|(taken, _)| taken.contains(&host)).map(|(_, why)| *why);
            taken.or(match host.octets()[3] {
                0 => Some("is the address of a network"),
                255 => Some("is the broadcast address of a network"),
                _ => None,
            })
        }
        IpAddr::V6(host) => TAKEN6.iter().find(|(taken, _)| taken.contains(&host)).map(|(_, why)| *why),
    };
    if let Some(why) = why {
        problems.report_with_hint(address.span(), format!("`{host}` {why}"), "not a host's address", HINT);
    }
}

/// Checks the addresses of clients: none of them may have an address that no host can have.
pub fn check_range(range: &Spanned<IpNet>, problems: &Problems) {
    let clients = range.get_ref();
    let refused = match clients {
        IpNet::V4(net) => first_taken(&TAKEN, net.network(), net.broadcast()),
        IpNet::V6(net) => first_taken(&TAKEN6, net.network(), net.broadcast()),
    };
    if let Some((first, last, why)) = refused {
        let message = format!("`{clients}` has addresses from {first} to {last} in it: that {why}");
        problems.report_with_hint(range.span(), message, "not for clients", HINT.replace(".8.0.1", ".1.0.0/16"));
    }
}

/// Returns the first of these ranges that has one of the addresses from `first` to `last`.
fn first_taken<A: Ord + Copy + Into<IpAddr>>(
    taken: &'static [(RangeInclusive<A>, &'static str)],
    first: A,
    last: A,
) -> Option<(IpAddr, IpAddr, &'static str)> {
    let (range, why) = taken.iter().find(|(range, _)| *range.start() <= last && first <= *range.end())?;
    Some(((*range.start()).into(), (*range.end()).into(), why))
}
