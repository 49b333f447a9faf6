//! ctnetlink: what is said and asked.

use crate::release;
use anyhow::{Result, anyhow};
use netlink_packet_core::{
    NLA_TYPE_MASK, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, Nla, NlasIterator,
};
use netlink_packet_netfilter::conntrack::{
    ConntrackAttribute, ConntrackMessage, IPTuple, ProtoInfo, ProtoInfoTCP, Tuple,
};
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use std::net::{IpAddr, Ipv4Addr};

/// NFNLGRP_CONNTRACK_NEW and _DESTROY.
const GROUPS: [u32; 2] = [1, 3];
/// NFNLGRP_CONNTRACK_UPDATE: changes of state, three times as many, each of which costs the guest as much as a packet.
/// Heard only where the news of a death does not say the last state (before Linux 5.12, commit 86d21fc74745).
const CHANGES: u32 = 2;
const DEATHS_TELL: (u32, u32) = (5, 12);
/// Room for the news of a whole burst while the agent is busy with visitors.
const BUFFER: usize = 16 << 20;
/// CTA_ID: the kernel's own number of an entry, big-endian.
const ID: u16 = 12;
/// CTA_TIMESTAMP, and in it CTA_TIMESTAMP_START and _STOP: nanoseconds of CLOCK_REALTIME, big-endian.
const TIMESTAMP: u16 = 20;
const START: u16 = 1;
const STOP: u16 = 2;

/// One entry at one moment.
#[derive(Debug, Clone)]
pub struct News {
    pub what: What,
    /// One entry has one for as long as it lives.
    pub id: u32,
    pub source: Ipv4Addr,
    /// The kernel's number of the TCP state; `None` for other protocols, and at death before Linux 5.12.
    pub tcp_state: Option<u8>,
    /// Milliseconds from birth to expiry: known at death, and of a listed entry from the time it has left.
    pub life_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Born,
    Changed,
    Died,
    Listed,
}

fn open() -> Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    Ok(socket)
}

/// A socket that hears of every entry.
pub fn open_news() -> Result<Socket> {
    let socket = open()?;
    setsockopt(&socket, RcvBufForce, &BUFFER)?;
    let changes = (!release::at_least(DEATHS_TELL)).then_some(CHANGES);
    GROUPS.into_iter().chain(changes).try_for_each(|group| socket.add_membership(group))?;
    Ok(socket)
}

/// A question to the kernel, on a socket of its own.
fn ask(question: ConntrackMessage, flags: u16) -> Result<Socket> {
    let socket = open()?;
    let header = NetfilterHeader::new(NetfilterProtoFamily::IPv4, 0, 0);
    let mut message =
        NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(NetfilterMessage::new(header, question)));
    message.header.flags = NLM_F_REQUEST | flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
    Ok(socket)
}

/// Everything in the table that has not expired.
pub fn list() -> Result<Vec<News>> {
    let socket = ask(ConntrackMessage::Get(Vec::new()), NLM_F_DUMP)?;
    let mut entries = Vec::new();
    loop {
        let (bytes, _) = socket.recv_from_full()?;
        for message in messages(&bytes)? {
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(entries),
                NetlinkPayload::Error(e) => return Err(e.to_io().into()),
                _ => entries.extend(interpret(message, true)),
            }
        }
    }
}

/// Deletes every entry, expired or not.
pub fn flush() -> Result<()> {
    let socket = ask(ConntrackMessage::Delete(Vec::new()), NLM_F_ACK)?;
    let (bytes, _) = socket.recv_from_full()?;
    for message in messages(&bytes)? {
        if let NetlinkPayload::Error(e) = message.payload
            && e.code.is_some()
        {
            return Err(e.to_io().into());
        }
    }
    Ok(())
}

/// All entries that one datagram speaks of.
pub fn read(bytes: &[u8]) -> Result<Vec<News>> {
    Ok(messages(bytes)?.into_iter().filter_map(|message| interpret(message, false)).collect())
}

fn messages(mut bytes: &[u8]) -> Result<Vec<NetlinkMessage<NetfilterMessage>>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        messages.push(NetlinkMessage::deserialize(bytes).map_err(|e| anyhow!("ctnetlink: {e}"))?);
        let length = NetlinkBuffer::new_checked(&bytes).map_err(|e| anyhow!("ctnetlink: {e}"))?.length() as usize;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(messages)
}

fn interpret(message: NetlinkMessage<NetfilterMessage>, listed: bool) -> Option<News> {
    let flags = message.header.flags;
    let NetlinkPayload::InnerMessage(message) = message.payload else { return None };
    let NetfilterMessageInner::Conntrack(message) = message.inner else { return None };
    let (what, attributes) = match message {
        ConntrackMessage::New(attributes) if listed => (What::Listed, attributes),
        ConntrackMessage::New(attributes) if flags & NLM_F_CREATE != 0 => (What::Born, attributes),
        ConntrackMessage::New(attributes) => (What::Changed, attributes),
        ConntrackMessage::Delete(attributes) => (What::Died, attributes),
        _ => return None,
    };
    let mut news = News { what, id: 0, source: Ipv4Addr::UNSPECIFIED, tcp_state: None, life_ms: 0 };
    let (mut left_ms, mut stamps) = (0, (None, None));
    for attribute in attributes {
        match attribute {
            ConntrackAttribute::CtaTupleOrig(tuple) => news.source = source(&tuple)?,
            ConntrackAttribute::CtaTimeout(seconds) => left_ms = u64::from(seconds) * 1000,
            ConntrackAttribute::CtaProtoInfo(info) => news.tcp_state = state(&info),
            ConntrackAttribute::Other(other) if other.kind() & NLA_TYPE_MASK == TIMESTAMP => {
                stamps = time_stamps(&other)
            }
            ConntrackAttribute::Other(other) if other.kind() & NLA_TYPE_MASK == ID => {
                news.id = value(&other).try_into().map_or(0, u32::from_be_bytes);
            }
            _ => {}
        }
    }
    news.life_ms = match (what, stamps) {
        (What::Died, (Some(start), Some(stop))) => stop.saturating_sub(start) / 1_000_000,
        (What::Listed, (Some(start), _)) => real_ns().saturating_sub(start) / 1_000_000 + left_ms,
        _ => 0,
    };
    Some(news)
}

/// The entries' own clock, CLOCK_REALTIME, in nanoseconds.
fn real_ns() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}

fn value(attribute: &impl Nla) -> Vec<u8> {
    let mut bytes = vec![0; attribute.value_len()];
    attribute.emit_value(&mut bytes);
    bytes
}

fn time_stamps(attribute: &impl Nla) -> (Option<u64>, Option<u64>) {
    let bytes = value(attribute);
    let (mut start, mut stop) = (None, None);
    for nested in NlasIterator::new(&bytes).flatten() {
        let value = nested.value().try_into().ok().map(u64::from_be_bytes);
        match nested.kind() {
            START => start = value,
            STOP => stop = value,
            _ => {}
        }
    }
    (start, stop)
}

fn source(tuple: &[Tuple]) -> Option<Ipv4Addr> {
    let addresses = tuple.iter().find_map(|t| if let Tuple::Ip(ip) = t { Some(ip) } else { None })?;
    addresses.iter().find_map(|a| if let IPTuple::SourceAddress(IpAddr::V4(ip)) = a { Some(*ip) } else { None })
}

fn state(info: &[ProtoInfo]) -> Option<u8> {
    let tcp = info.iter().find_map(|i| if let ProtoInfo::TCP(tcp) = i { Some(tcp) } else { None })?;
    tcp.iter().find_map(|t| if let ProtoInfoTCP::State(state) = t { Some(*state) } else { None })
}
