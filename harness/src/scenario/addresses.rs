//! Checks which IPv4 addresses the server, its upstreams and its clients can have.

use super::problems::Problems;
use std::{net::Ipv4Addr, ops::RangeInclusive};
use toml::Spanned;
use tunelab_protocol::Subnet;

type Taken = (RangeInclusive<Ipv4Addr>, &'static str);

/// Addresses that no host of a scenario can have, and why. The lab's own are QEMU's network, which carries SSH, and the
/// network that joins the server to its clients.
const TAKEN: [Taken; 6] = [
    (Ipv4Addr::new(0, 0, 0, 0)..=Ipv4Addr::new(0, 255, 255, 255), "stands for no host"),
    (Ipv4Addr::new(10, 0, 2, 0)..=Ipv4Addr::new(10, 0, 2, 255), "is the lab's own, for SSH into the guest"),
    (Ipv4Addr::new(10, 255, 0, 0)..=Ipv4Addr::new(10, 255, 255, 255), "is the lab's own, between server and clients"),
    (Ipv4Addr::new(127, 0, 0, 0)..=Ipv4Addr::new(127, 255, 255, 255), "is for loopback"),
    (Ipv4Addr::new(224, 0, 0, 0)..=Ipv4Addr::new(239, 255, 255, 255), "is for multicast"),
    (Ipv4Addr::new(240, 0, 0, 0)..=Ipv4Addr::new(255, 255, 255, 255), "is reserved, or for broadcast"),
];

const HINT: &str = "for example `10.8.0.1`; all of 10.0.0.0/8 but 10.0.2.0/24 and 10.255.0.0/16 is free";

/// Checks the address of the server, or of an upstream.
pub fn check_host(address: &Spanned<Ipv4Addr>, problems: &Problems) {
    let host = *address.get_ref();
    let taken = TAKEN.iter().find(|(taken, _)| taken.contains(&host)).map(|(_, why)| *why);
    let why = taken.or(match host.octets()[3] {
        0 => Some("is the address of a network"),
        255 => Some("is the broadcast address of a network"),
        _ => None,
    });
    if let Some(why) = why {
        problems.report_with_hint(address.span(), format!("`{host}` {why}"), "not a host's address", HINT);
    }
}

/// Returns the smallest network around an upstream's address, such as `10.8.0.0/30`: each upstream is alone in its own.
pub fn around(host: Ipv4Addr) -> String {
    format!("{}/30", Ipv4Addr::from(u32::from(host) & !3))
}

/// Checks the subnet of clients: none of them may have an address that no host can have.
pub fn check_subnet(subnet: &Spanned<Subnet>, problems: &Problems) {
    let clients = subnet.get_ref();
    let last =
        Ipv4Addr::from(u32::from(clients.address()) | u32::MAX.checked_shr(clients.prefix().into()).unwrap_or(0));
    let overlaps = |taken: &RangeInclusive<Ipv4Addr>| *taken.start() <= last && clients.address() <= *taken.end();
    if let Some((taken, why)) = TAKEN.iter().find(|(taken, _)| overlaps(taken)) {
        let message = format!("`{clients}` has addresses from {} to {} in it: that {why}", taken.start(), taken.end());
        problems.report_with_hint(subnet.span(), message, "not for clients", HINT.replace(".8.0.1", ".1.0.0/16"));
    }
}
