//! Hosts and the links between them.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network stack. The first host of a plan is the guest's first namespace; each other one has a namespace of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    pub name: String,
    /// Its own addresses, on `lo`, so that it can be reached by each of its links. Packets that it sends by a route have
    /// the first address of their family.
    pub addresses: Vec<IpAddr>,
    /// Ranges of which every address is its own: clients live there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// Forwards packets of others (`net.ipv4.ip_forward`, `net.ipv6.conf.all.forwarding`).
    pub forwards: bool,
    pub routes: Vec<Route>,
    /// Loaded in this order, before the sysctls: conntrack's exist only once a rule needs it.
    pub firewall: Vec<Ruleset>,
    /// sysctl.d files, applied in order; a setting that the kernel does not take is an outcome.
    pub sysctl_files: Vec<String>,
    /// Single sysctls, applied after the files.
    pub sysctls: Vec<Sysctl>,
    /// sysctls to report with their effective values in [`crate::Event::Sysctl`] once everything is applied.
    pub report_sysctls: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sysctl {
    /// Any of its names, with dots ([`crate::spellings`]).
    pub name: String,
    pub value: String,
    /// If the kernel has it under no name, or refuses the value, this ends the run if true, else it is an outcome.
    pub required: bool,
}

/// Addresses of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub subnet: IpNet,
    /// The addresses answer nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

/// A route of a host to a subnet, by one of its links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub to: IpNet,
    /// The link's number.
    pub link: u8,
    /// Each address is looked for on the link itself, by ARP; else the other end of the link is the next hop. (Peers on
    /// the link would fill the neighbour table, which all namespaces share.)
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_link: bool,
    /// The source address of the host's own packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Segments of a connection's first flight (RTAX_INITCWND); `None`: the kernel's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initcwnd: Option<u32>,
    /// The shortest retransmission timeout (RTAX_RTO_MIN); `None`: the kernel's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_min_us: Option<u64>,
}

/// A file of firewall rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruleset {
    pub format: Format,
    /// A guest path.
    pub file: String,
}

/// The format of a file of firewall rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// iptables-save(8).
    Iptables,
    /// ip6tables-save(8).
    Ip6tables,
    /// `nft list ruleset`, nft(8).
    Nftables,
    /// `ipset save`, ipset(8): the sets that rules of later files match.
    Ipset,
    /// ipvsadm-save(8): virtual services of IPVS.
    Ipvs,
}

impl Format {
    pub const ALL: [Format; 5] = [Format::Iptables, Format::Ip6tables, Format::Nftables, Format::Ipset, Format::Ipvs];

    /// The ending of the names of such files.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Iptables => ".v4",
            Format::Ip6tables => ".v6",
            Format::Nftables => ".nft",
            Format::Ipset => ".ipset",
            Format::Ipvs => ".ipvs",
        }
    }

    /// A command that reads what the program that loads the format needs, and changes nothing.
    pub fn rehearsal(self) -> [&'static str; 2] {
        match self {
            Format::Iptables => ["iptables-restore", "--version"],
            Format::Ip6tables => ["ip6tables-restore", "--version"],
            Format::Nftables => ["nft", "--version"],
            Format::Ipset => ["ipset", "--version"],
            Format::Ipvs => ["ipvsadm", "--version"],
        }
    }

    /// The format of a file by its name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| name.ends_with(format.ending()))
    }
}

/// A link between two hosts: a veth pair, or two TAP devices with the agent between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its number among all links, from 1: addresses follow from it.
    pub number: u8,
    /// The name of the network that it is a part of.
    pub network: String,
    pub ends: [End; 2],
    pub conditions: Conditions,
    /// The largest packet, in bytes; `None`: Ethernet's 1500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The link carries IPv6 too; else IPv6 is turned off on it, as its timers would wake the machine.
    pub ipv6: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub host: String,
    pub interface: String,
}

impl Link {
    /// The IPv4 address of one end: 10.255.N.1 or 10.255.N.2, of a /30 of its own.
    pub fn address(&self, end: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 255, self.number, 1 + end as u8)
    }

    /// The link-local address of one end.
    pub fn address6(&self, end: usize) -> Ipv6Addr {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, u16::from(self.number), 1 + end as u16)
    }

    /// The Ethernet address of one end, locally administered.
    pub fn mac(&self, end: usize) -> [u8; 6] {
        [2, 0, 0, 0, self.number, 1 + end as u8]
    }

    /// The end that this host has; `None` if it is not on the link.
    pub fn end_of(&self, host: &str) -> Option<usize> {
        self.ends.iter().position(|end| end.host == host)
    }
}

/// The effects of a link on packets, in each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    pub delay_us: u64,
    /// Lost packets in a million.
    pub loss_ppm: u32,
    /// Packets in a million that are not delayed and so overtake others.
    #[serde(default)]
    pub reorder_ppm: u32,
    /// Bits a second, with Ethernet's header; packets wait for each other. 0: as fast as they come.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rate_bps: u64,
    /// `None`: the kernel if it has netem, else the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<LinkBy>,
}

impl Conditions {
    /// Whether packets simply arrive at once, so that nothing has to be done.
    pub fn is_plain(&self) -> bool {
        self.delay_us == 0 && self.loss_ppm == 0 && self.reorder_ppm == 0 && self.rate_bps == 0
    }
}

fn is_zero(bps: &u64) -> bool {
    *bps == 0
}

/// The part that delays and loses packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkBy {
    /// The kernel's sch_netem.
    Netem,
    /// The agent, between two TAP devices.
    Agent,
}

impl LinkBy {
    /// The word for it in a scenario and in an outcome.
    pub fn word(self) -> &'static str {
        match self {
            LinkBy::Netem => "netem",
            LinkBy::Agent => "agent",
        }
    }
}

/// Addresses of a subnet that clients can have.
pub trait Addresses {
    /// The number of addresses: all but an IPv4 network's own and its broadcast address (a /31 or /32 has neither).
    fn count(&self) -> u64;
    /// The `n`th address, counted from 0, wrapping round at the end of the subnet.
    fn nth(&self, n: u64) -> IpAddr;
}

impl Addresses for IpNet {
    fn count(&self) -> u64 {
        match self {
            IpNet::V4(net) if net.prefix_len() >= 31 => 1 << (32 - net.prefix_len()),
            IpNet::V4(net) => (1 << (32 - net.prefix_len())) - 2,
            // Its own address is the anycast address of its routers (RFC 4291, 2.6.1).
            IpNet::V6(net) if net.prefix_len() < 128 => (1u64 << (128 - net.prefix_len()).min(63)) - 1,
            IpNet::V6(_) => 1,
        }
    }

    fn nth(&self, n: u64) -> IpAddr {
        let n = n % self.count();
        match self {
            IpNet::V4(net) => {
                let first = u32::from(net.network()) + u32::from(net.prefix_len() < 31);
                Ipv4Addr::from(first + n as u32).into()
            }
            IpNet::V6(net) => {
                let first = net.network().to_bits() + u128::from(net.prefix_len() < 128);
                Ipv6Addr::from_bits(first + u128::from(n)).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_a_subnet() {
        let of = |subnet: &str, n| {
            let subnet: IpNet = subnet.parse().unwrap();
            (subnet.count(), subnet.nth(n).to_string())
        };
        assert_eq!(of("10.1.0.0/16", 0), (65534, "10.1.0.1".into()));
        assert_eq!(of("10.1.0.0/30", 3), (2, "10.1.0.2".into()), "it wraps round");
        assert_eq!(of("10.1.0.7/32", 5), (1, "10.1.0.7".into()));
        assert_eq!(of("fd01::/64", 1), ((1 << 63) - 1, "fd01::2".into()));
        assert_eq!(of("fd01::7/128", 9), (1, "fd01::7".into()));
        assert_eq!(of("0.0.0.0/0", 0).0, (1 << 32) - 2);
    }

    #[test]
    fn a_format_follows_from_the_ending() {
        assert_eq!(Format::of("rules.v4"), Some(Format::Iptables));
        assert_eq!(Format::of("rules.nft"), Some(Format::Nftables));
        assert_eq!(Format::of("rules"), None);
    }
}
