//! rtnetlink: one request, one acknowledgement.

use super::fixed::{self, Route, octets};
use crate::netlink::{self, Attribute, Body, attribute, nested, number, text};
use anyhow::{Context, Result};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;
use tunelab_protocol::{self as protocol, IpNet, Link};

/// linux/if_link.h, linux/veth.h.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
/// linux/if_addr.h.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// linux/rtnetlink.h: the metrics of a route.
const RTAX_LOCK: u16 = 1;
const RTAX_INITCWND: u16 = 11;
const RTAX_RTO_MIN: u16 = 13;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Acts on the namespace in which it was opened.
pub struct Rtnl(Socket);

/// The options of a route, as `ip route add ... initcwnd N rto_min TIME`.
fn metrics(route: &protocol::Route) -> Vec<Attribute> {
    let initcwnd = route.initcwnd.map(|segments| number(RTAX_INITCWND, segments));
    // The kernel looks at this one only if it is locked (tcp_rto_min(), net/ipv4/tcp_input.c).
    let rto_min_ms = route.rto_min_us.map(|us| (us / 1000) as u32);
    let rto_min = rto_min_ms.map(|ms| [number(RTAX_LOCK, 1 << RTAX_RTO_MIN), number(RTAX_RTO_MIN, ms)]);
    initcwnd.into_iter().chain(rto_min.into_iter().flatten()).collect()
}

const BEHIND: Route = Route { kind: libc::RTN_UNICAST, table: libc::RT_TABLE_MAIN, scope: libc::RT_SCOPE_UNIVERSE };
const ON_LINK: Route = Route { kind: libc::RTN_UNICAST, table: libc::RT_TABLE_MAIN, scope: libc::RT_SCOPE_LINK };
const OURS: Route = Route { kind: libc::RTN_LOCAL, table: libc::RT_TABLE_LOCAL, scope: libc::RT_SCOPE_HOST };
const BLACK_HOLE: Route =
    Route { kind: libc::RTN_BLACKHOLE, table: libc::RT_TABLE_LOCAL, scope: libc::RT_SCOPE_UNIVERSE };

impl Rtnl {
    pub fn open() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE).context("failed to open a netlink socket")?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Rtnl(socket))
    }

    pub fn up(&self, name: &str) -> Result<()> {
        self.set_flags(name, libc::IFF_UP as u32)
    }

    pub fn down(&self, name: &str) -> Result<()> {
        self.set_flags(name, 0)
    }

    fn set_flags(&self, name: &str, flags: u32) -> Result<()> {
        // RTM_NEWLINK changes an existing link; RTM_SETLINK came later.
        let link = Body::new(libc::RTM_NEWLINK, &fixed::link(index(name)?, flags, libc::IFF_UP as u32), &[]);
        netlink::ask(&self.0, link, 0).with_context(|| format!("failed to set the link of {name}"))
    }

    pub fn set_mac(&self, name: &str, mac: Mac) -> Result<()> {
        let link = Body::new(libc::RTM_NEWLINK, &fixed::link(index(name)?, 0, 0), &[attribute(IFLA_ADDRESS, mac)]);
        netlink::ask(&self.0, link, 0).with_context(|| format!("failed to set the address of {name}"))
    }

    pub fn set_mtu(&self, name: &str, bytes: u32) -> Result<()> {
        let link = Body::new(libc::RTM_NEWLINK, &fixed::link(index(name)?, 0, 0), &[number(IFLA_MTU, bytes)]);
        netlink::ask(&self.0, link, 0).with_context(|| format!("failed to set the MTU of {name} to {bytes}"))
    }

    /// Makes a veth pair: `name` here, `peer` in the other namespace.
    pub fn add_veth(&self, (name, mac): (&str, Mac), peer: (&str, Mac), there: &impl AsRawFd) -> Result<()> {
        let new = fixed::link(0, 0, 0);
        let end = |(name, mac): (&str, Mac)| [text(IFLA_IFNAME, name), attribute(IFLA_ADDRESS, mac)].to_vec();
        let mut other = end(peer);
        other.push(number(IFLA_NET_NS_FD, there.as_raw_fd() as u32));
        let other = nested(VETH_INFO_PEER, &new, &other);
        let info = [text(IFLA_INFO_KIND, "veth"), nested(IFLA_INFO_DATA, &[], &[other])];
        let mut ours = end((name, mac));
        ours.push(nested(IFLA_LINKINFO, &[], &info));
        netlink::ask(&self.0, Body::new(libc::RTM_NEWLINK, &new, &ours), NLM_F_CREATE | NLM_F_EXCL)
            .with_context(|| format!("failed to make the veth pair {name}/{} (CONFIG_VETH)", peer.0))
    }

    /// Says where `address` is, once and for all: no ARP request asks, and no timer checks whether it is still there.
    pub fn add_neighbour(&self, nic: &str, address: impl Into<IpAddr>, mac: Mac) -> Result<()> {
        let address = address.into();
        let fixed = fixed::neighbour(address, index(nic)?, libc::NUD_PERMANENT);
        let attributes = [attribute(libc::NDA_DST, octets(address)), attribute(libc::NDA_LLADDR, mac)];
        netlink::ask(&self.0, Body::new(libc::RTM_NEWNEIGH, &fixed, &attributes), NLM_F_CREATE)
            .with_context(|| format!("failed to say where {address} is"))
    }

    pub fn add_address(&self, nic: &str, address: impl Into<IpAddr>, prefix: u8) -> Result<()> {
        let address = address.into();
        let fixed = fixed::address(address, prefix, index(nic)?);
        let attributes = [attribute(IFA_LOCAL, octets(address)), attribute(IFA_ADDRESS, octets(address))];
        netlink::ask(&self.0, Body::new(libc::RTM_NEWADDR, &fixed, &attributes), NLM_F_CREATE | NLM_F_EXCL)
            .with_context(|| format!("failed to give {nic} the address {address}/{prefix}"))
    }

    /// Adds a route by a link, of which this host has one end.
    pub fn add_route(&self, route: &protocol::Route, link: &Link, end: usize) -> Result<()> {
        let (to, nic) = (route.to, link.ends[end].interface.as_str());
        let mut attributes = vec![attribute(libc::RTA_DST, octets(to.network()))];
        let form = if route.on_link { ON_LINK } else { BEHIND };
        match to {
            IpNet::V4(_) if route.on_link => attributes.push(number(libc::RTA_OIF, index(nic)?)),
            IpNet::V4(_) => attributes.push(attribute(libc::RTA_GATEWAY, octets(link.address(1 - end)))),
            IpNet::V6(_) => {
                attributes.push(number(libc::RTA_OIF, index(nic)?));
                // A link-local address belongs to a link.
                let gateway = (!route.on_link).then(|| attribute(libc::RTA_GATEWAY, octets(link.address6(1 - end))));
                attributes.extend(gateway);
            }
        }
        attributes.extend(route.source.map(|source| attribute(libc::RTA_PREFSRC, octets(source))));
        let metrics = metrics(route);
        attributes.extend((!metrics.is_empty()).then(|| nested(libc::RTA_METRICS, &[], &metrics)));
        self.add(form.bytes(family(to), to.prefix_len()), &attributes)
            .with_context(|| format!("failed to route {to} by {nic}"))
    }

    /// Routes the IPv6 network of this address through `gateway`, which needs no route itself: it is on the link.
    pub fn add_network6(&self, inside: Ipv6Addr, prefix: u8, gateway: Ipv6Addr, nic: &str) -> Result<()> {
        let attributes = [
            attribute(libc::RTA_DST, octets(inside)),
            attribute(libc::RTA_GATEWAY, octets(gateway)),
            number(libc::RTA_OIF, index(nic)?),
        ];
        self.add(BEHIND.bytes(libc::AF_INET6, prefix), &attributes)
            .with_context(|| format!("failed to route {inside}/{prefix} through {gateway}"))
    }

    /// Makes every address of the subnet our own (AnyIP): `ip route add local SUBNET dev lo`.
    pub fn add_local(&self, subnet: IpNet) -> Result<()> {
        self.add(OURS.bytes(family(subnet), subnet.prefix_len()), &to_ourselves(subnet)?)
            .with_context(|| format!("failed to take all of {subnet} for our own"))
    }

    /// Takes [`Rtnl::add_local`] back.
    pub fn remove_local(&self, subnet: IpNet) -> Result<()> {
        self.remove(OURS.bytes(family(subnet), subnet.prefix_len()), &to_ourselves(subnet)?)
            .with_context(|| format!("failed to give {subnet} up"))
    }

    /// Makes addresses (one of an AnyIP subnet, or all) not, or no longer, ours: packets for them are dropped in silence,
    /// and no socket can send from them (the kernel refuses a source that is not local).
    pub fn black_hole(&self, subnet: IpNet) -> Result<()> {
        let (route, to) = hole(subnet);
        self.add(route, &[to]).with_context(|| format!("failed to make {subnet} vanish"))
    }

    /// Takes [`Rtnl::black_hole`] back.
    pub fn fill_hole(&self, subnet: IpNet) -> Result<()> {
        let (route, to) = hole(subnet);
        self.remove(route, &[to]).with_context(|| format!("failed to make {subnet} come back"))
    }

    /// Puts this queueing discipline on what leaves by `nic`, in the place of any other.
    pub fn add_qdisc(&self, nic: &str, kind: &str, options: Vec<u8>) -> Result<()> {
        /// `1:`, in place of the link's own one (linux/pkt_sched.h).
        const HANDLE: u32 = 1 << 16;
        const TC_H_ROOT: u32 = u32::MAX;
        const TCA_OPTIONS: u16 = 2;
        let attributes = [text(libc::TCA_KIND, kind), attribute(TCA_OPTIONS, options)];
        let qdisc = Body::new(libc::RTM_NEWQDISC, &fixed::qdisc(index(nic)?, HANDLE, TC_H_ROOT), &attributes);
        netlink::ask(&self.0, qdisc, NLM_F_CREATE | NLM_F_REPLACE)
    }

    fn add(&self, route: Vec<u8>, attributes: &[Attribute]) -> Result<()> {
        netlink::ask(&self.0, Body::new(libc::RTM_NEWROUTE, &route, attributes), NLM_F_CREATE | NLM_F_EXCL)
    }

    fn remove(&self, route: Vec<u8>, attributes: &[Attribute]) -> Result<()> {
        netlink::ask(&self.0, Body::new(libc::RTM_DELROUTE, &route, attributes), 0)
    }
}

fn hole(subnet: IpNet) -> (Vec<u8>, Attribute) {
    (BLACK_HOLE.bytes(family(subnet), subnet.prefix_len()), attribute(libc::RTA_DST, octets(subnet.network())))
}

fn to_ourselves(subnet: IpNet) -> Result<[Attribute; 2]> {
    Ok([attribute(libc::RTA_DST, octets(subnet.network())), number(libc::RTA_OIF, index("lo")?)])
}

fn family(net: IpNet) -> i32 {
    if matches!(net, IpNet::V4(_)) { libc::AF_INET } else { libc::AF_INET6 }
}

/// The interface index of a name in the current namespace.
pub fn index(name: &str) -> Result<u32> {
    nix::net::if_::if_nametoindex(name).with_context(|| format!("no interface `{name}` here"))
}
