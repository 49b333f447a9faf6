//! ctnetlink: what is said and asked.

use anyhow::{Context, Result, anyhow};
use netlink_packet_core::{
    NLM_F_CREATE, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload, Nla,
};
use netlink_packet_netfilter::conntrack::{
    ConntrackAttribute, ConntrackMessage, IPTuple, ProtoInfo, ProtoInfoTCP, Tuple,
};
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use std::net::{IpAddr, Ipv4Addr};

/// NFNLGRP_CONNTRACK_NEW, _UPDATE, _DESTROY.
const GROUPS: [u32; 3] = [1, 2, 3];
/// Room for the news of a whole burst while the agent is busy with visitors.
const BUFFER: usize = 16 << 20;
/// CTA_ID.
const ID: u16 = 12;

/// One entry at one moment.
pub struct News {
    pub what: What,
    pub id: u32,
    pub source: Ipv4Addr,
    pub tuple: Vec<Tuple>,
    /// Seconds until the timer runs out; not said at death.
    pub left_s: Option<u32>,
    /// The kernel's number of the TCP state, `None` for other protocols.
    pub tcp_state: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Born,
    Changed,
    Died,
}

pub fn open() -> Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    Ok(socket)
}

/// A socket that hears of every entry.
pub fn open_news() -> Result<Socket> {
    let socket = open()?;
    setsockopt(&socket, RcvBufForce, &BUFFER)?;
    GROUPS.into_iter().try_for_each(|group| socket.add_membership(group))?;
    Ok(socket)
}

/// All entries that one datagram speaks of.
pub fn read(mut bytes: &[u8]) -> Result<Vec<News>> {
    let mut news = Vec::new();
    while !bytes.is_empty() {
        let message = parse(bytes)?;
        let length = NetlinkBuffer::new_checked(&bytes).map_err(|e| anyhow!("{e}"))?.length() as usize;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        news.extend(interpret(message));
    }
    Ok(news)
}

/// The entry of this tuple as it is now; `None` if it is gone.
pub fn ask(socket: &Socket, tuple: Vec<Tuple>) -> Result<Option<News>> {
    let inner = ConntrackMessage::Get(vec![ConntrackAttribute::CtaTupleOrig(tuple)]);
    let message = NetfilterMessage::new(NetfilterHeader::new(NetfilterProtoFamily::IPv4, 0, 0), inner);
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0).context("failed to ask conntrack")?;
    let (answer, _) = socket.recv_from_full()?;
    Ok(interpret(parse(&answer)?))
}

fn parse(bytes: &[u8]) -> Result<NetlinkMessage<NetfilterMessage>> {
    NetlinkMessage::deserialize(bytes).map_err(|e| anyhow!("ctnetlink: {e}"))
}

fn interpret(message: NetlinkMessage<NetfilterMessage>) -> Option<News> {
    let flags = message.header.flags;
    let NetlinkPayload::InnerMessage(message) = message.payload else { return None };
    let NetfilterMessageInner::Conntrack(message) = message.inner else { return None };
    let (what, attributes) = match message {
        ConntrackMessage::New(attributes) if flags & NLM_F_CREATE != 0 => (What::Born, attributes),
        ConntrackMessage::New(attributes) => (What::Changed, attributes),
        ConntrackMessage::Delete(attributes) => (What::Died, attributes),
        _ => return None,
    };
    let (mut id, mut tuple, mut left_s, mut tcp_state) = (None, Vec::new(), None, None);
    for attribute in attributes {
        match attribute {
            ConntrackAttribute::CtaTupleOrig(said) => tuple = said,
            ConntrackAttribute::CtaTimeout(said) => left_s = Some(said),
            ConntrackAttribute::CtaProtoInfo(said) => tcp_state = state(&said),
            ConntrackAttribute::Other(other) if other.kind() == ID => id = number(&other),
            _ => {}
        }
    }
    Some(News { what, id: id?, source: source(&tuple)?, tuple, left_s, tcp_state })
}

fn number(attribute: &impl Nla) -> Option<u32> {
    let mut bytes = [0; 4];
    (attribute.value_len() == 4).then(|| attribute.emit_value(&mut bytes))?;
    Some(u32::from_be_bytes(bytes))
}

fn source(tuple: &[Tuple]) -> Option<Ipv4Addr> {
    let addresses = tuple.iter().find_map(|t| if let Tuple::Ip(ip) = t { Some(ip) } else { None })?;
    addresses.iter().find_map(|a| if let IPTuple::SourceAddress(IpAddr::V4(ip)) = a { Some(*ip) } else { None })
}

fn state(info: &[ProtoInfo]) -> Option<u8> {
    let tcp = info.iter().find_map(|i| if let ProtoInfo::TCP(tcp) = i { Some(tcp) } else { None })?;
    tcp.iter().find_map(|t| if let ProtoInfoTCP::State(state) = t { Some(*state) } else { None })
}
