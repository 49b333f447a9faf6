//! rtnetlink: one request, one acknowledgement.

use anyhow::{Context, Result, anyhow, bail};
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::tc::TcMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use tunelab_protocol::Subnet;

/// `RT_TABLE_LOCAL`: what is ours.
const TABLE_LOCAL: u8 = 255;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Speaks for the namespace it was opened in.
pub struct Rtnl {
    socket: Socket,
    sequence: u32,
}

/// How a route is used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// What we speak from there, unless a socket says otherwise.
    pub source: Option<Ipv4Addr>,
    /// The first flight of connections there in segments, as `ip route add ... initcwnd N`.
    pub initcwnd: Option<u32>,
    /// The shortest retransmission timeout of connections there, as `ip route add ... rto_min TIME`.
    pub rto_min_ms: Option<u32>,
}

impl Manner {
    fn metrics(self) -> Vec<RouteMetric> {
        /// linux/rtnetlink.h. The kernel looks at the metric only if it is locked (tcp_rto_min(), net/ipv4/tcp_input.c).
        const RTAX_RTO_MIN: u32 = 13;
        let initcwnd = self.initcwnd.map(RouteMetric::InitCwnd);
        let rto_min = self.rto_min_ms.map(|ms| [RouteMetric::Lock(1 << RTAX_RTO_MIN), RouteMetric::RtoMin(ms)]);
        initcwnd.into_iter().chain(rto_min.into_iter().flatten()).collect()
    }
}

impl Rtnl {
    pub fn open() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE).context("failed to open a netlink socket")?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Rtnl { socket, sequence: 0 })
    }

    pub fn up(&mut self, name: &str) -> Result<()> {
        self.set_flags(name, LinkFlags::Up)
    }

    pub fn down(&mut self, name: &str) -> Result<()> {
        self.set_flags(name, LinkFlags::empty())
    }

    fn set_flags(&mut self, name: &str, flags: LinkFlags) -> Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index(name)?;
        link.header.flags = flags;
        link.header.change_mask = LinkFlags::Up;
        // RTM_NEWLINK changes an existing link; RTM_SETLINK came later.
        self.request(RouteNetlinkMessage::NewLink(link), 0).with_context(|| format!("failed to set the link of {name}"))
    }

    pub fn set_mac(&mut self, name: &str, mac: Mac) -> Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index(name)?;
        link.attributes = vec![LinkAttribute::Address(mac.into())];
        self.request(RouteNetlinkMessage::NewLink(link), 0)
            .with_context(|| format!("failed to set the address of {name}"))
    }

    /// A pair: `name` here, `peer` in the other namespace.
    pub fn add_veth(&mut self, (name, mac): (&str, Mac), peer: (&str, Mac), there: &impl AsRawFd) -> Result<()> {
        let mut other = LinkMessage::default();
        other.attributes = vec![
            LinkAttribute::IfName(peer.0.into()),
            LinkAttribute::Address(peer.1.into()),
            LinkAttribute::NetNsFd(there.as_raw_fd()),
        ];
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Address(mac.into()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(other))),
            ]),
        ];
        self.request(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
            .with_context(|| format!("failed to make the veth pair {name}/{} (CONFIG_VETH)", peer.0))
    }

    /// Where `address` is, once and for all: nobody asks by ARP, and no timer looks whether it is still there.
    pub fn add_neighbour(&mut self, nic: &str, address: impl Into<IpAddr>, mac: Mac) -> Result<()> {
        let address = address.into();
        let mut neighbour = NeighbourMessage::default();
        neighbour.header.family = family(address);
        neighbour.header.ifindex = index(nic)?;
        neighbour.header.state = NeighbourState::Permanent;
        neighbour.attributes = vec![
            NeighbourAttribute::Destination(match address {
                IpAddr::V4(address) => NeighbourAddress::Inet(address),
                IpAddr::V6(address) => NeighbourAddress::Inet6(address),
            }),
            NeighbourAttribute::LinkLayerAddress(mac.into()),
        ];
        self.request(RouteNetlinkMessage::NewNeighbour(neighbour), NLM_F_CREATE)
            .with_context(|| format!("failed to say where {address} is"))
    }

    pub fn add_address(&mut self, nic: &str, address: impl Into<IpAddr>, prefix: u8) -> Result<()> {
        let address = address.into();
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = prefix;
        message.header.index = index(nic)?;
        message.header.scope = AddressScope::Universe;
        message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        self.request(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
            .with_context(|| format!("failed to give {nic} the address {address}/{prefix}"))
    }

    /// Everything in `subnet` (or, with `None`, everything) lies behind `gateway`.
    pub fn add_route(&mut self, subnet: Option<Subnet>, gateway: Ipv4Addr, manner: Manner) -> Result<()> {
        let (destination, prefix) = subnet.map_or((None, 0), |s| (Some(s.address()), s.prefix()));
        let mut route = route(RouteType::Unicast, RouteHeader::RT_TABLE_MAIN, RouteScope::Universe, prefix);
        route.attributes.extend(destination.map(|d| RouteAttribute::Destination(RouteAddress::Inet(d))));
        route.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
        route.attributes.extend(manner.source.map(|s| RouteAttribute::PrefSource(RouteAddress::Inet(s))));
        let metrics = manner.metrics();
        route.attributes.extend((!metrics.is_empty()).then_some(RouteAttribute::Metrics(metrics)));
        self.add(route).with_context(|| format!("failed to route through {gateway}"))
    }

    /// The network of IPv6 that this address is in lies behind `gateway`, which needs no route to it: it is of the link.
    pub fn add_network6(&mut self, inside: Ipv6Addr, prefix: u8, gateway: Ipv6Addr, nic: &str) -> Result<()> {
        let mut route = route(RouteType::Unicast, RouteHeader::RT_TABLE_MAIN, RouteScope::Universe, prefix);
        route.header.address_family = AddressFamily::Inet6;
        route.attributes.push(RouteAttribute::Destination(RouteAddress::Inet6(inside)));
        route.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet6(gateway)));
        route.attributes.push(RouteAttribute::Oif(index(nic)?));
        self.add(route).with_context(|| format!("failed to route {inside}/{prefix} through {gateway}"))
    }

    /// Every address of the subnet is on the link of `nic`, to be found by ARP.
    pub fn add_on_link(&mut self, subnet: Subnet, nic: &str, source: Ipv4Addr) -> Result<()> {
        let mut route = route(RouteType::Unicast, RouteHeader::RT_TABLE_MAIN, RouteScope::Link, subnet.prefix());
        route.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(subnet.address())));
        route.attributes.push(RouteAttribute::Oif(index(nic)?));
        route.attributes.push(RouteAttribute::PrefSource(RouteAddress::Inet(source)));
        self.add(route).with_context(|| format!("failed to put {subnet} on the link of {nic}"))
    }

    /// Every address of the subnet is ours (AnyIP): `ip route add local SUBNET dev lo`.
    pub fn add_local(&mut self, subnet: Subnet) -> Result<()> {
        let mut route = route(RouteType::Local, TABLE_LOCAL, RouteScope::Host, subnet.prefix());
        route.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(subnet.address())));
        route.attributes.push(RouteAttribute::Oif(index("lo")?));
        self.add(route).with_context(|| format!("failed to take all of {subnet} for our own"))
    }

    /// Addresses (one of an AnyIP subnet: 32) are not, or no longer, ours: what comes for them is dropped in silence, and
    /// no socket can send from them (the kernel refuses a source that is not local).
    pub fn black_hole(&mut self, address: Ipv4Addr, prefix: u8) -> Result<()> {
        let mut route = route(RouteType::BlackHole, TABLE_LOCAL, RouteScope::Universe, prefix);
        route.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(address)));
        self.add(route).with_context(|| format!("failed to make {address} vanish"))
    }

    pub fn add_qdisc(&mut self, qdisc: TcMessage) -> Result<()> {
        self.request(RouteNetlinkMessage::NewQueueDiscipline(qdisc), NLM_F_CREATE | NLM_F_EXCL)
    }

    fn add(&mut self, route: RouteMessage) -> Result<()> {
        self.request(RouteNetlinkMessage::NewRoute(route), NLM_F_CREATE | NLM_F_EXCL)
    }

    fn request(&mut self, payload: RouteNetlinkMessage, flags: u16) -> Result<()> {
        let mut message = NetlinkMessage::from(payload);
        self.sequence += 1;
        message.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let (answer, _) = self.socket.recv_from_full()?;
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(|e| anyhow!("{e}"))?.payload {
            NetlinkPayload::Error(e) => match e.code {
                None => Ok(()),
                Some(_) => Err(e.to_io().into()),
            },
            other => bail!("the kernel answered {other:?}"),
        }
    }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn route(kind: RouteType, table: u8, scope: RouteScope, prefix: u8) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header.address_family = AddressFamily::Inet;
    route.header.table = table;
    route.header.protocol = RouteProtocol::Static;
    route.header.scope = scope;
    route.header.kind = kind;
    route.header.destination_prefix_length = prefix;
    route
}

/// Interface index of a name in the current namespace.
pub fn index(name: &str) -> Result<u32> {
    nix::net::if_::if_nametoindex(name).with_context(|| format!("no interface `{name}` here"))
}
