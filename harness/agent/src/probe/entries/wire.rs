//! ctnetlink: its messages and requests.

use crate::netlink::{self, Body, Message, attributes, messages};
use crate::release;
use anyhow::Result;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NetlinkPayload};
use netlink_sys::{Socket, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use std::net::{IpAddr, Ipv4Addr};

/// NFNLGRP_CONNTRACK_NEW and _DESTROY.
const GROUPS: [u32; 2] = [1, 3];
/// NFNLGRP_CONNTRACK_UPDATE: changes of state, three times as many, each of which costs the guest as much as a packet.
/// Joined only where the news of a death does not say the last state (before Linux 5.12, commit 86d21fc74745).
const CHANGES: u32 = 2;
const DEATHS_TELL: (u32, u32) = (5, 12);
/// Buffer in bytes for the news of a whole burst while the agent is busy with clients.
const BUFFER: usize = 16 << 20;
/// linux/netfilter/nfnetlink_conntrack.h: a message's kind is the subsystem's number and one of these.
const CTNETLINK: u16 = (libc::NFNL_SUBSYS_CTNETLINK as u16) << 8;
const NEW: u16 = CTNETLINK;
const GET: u16 = CTNETLINK | 1;
const DELETE: u16 = CTNETLINK | 2;
/// `struct nfgenmsg`: family (any), version, and a field that is 0 here.
const FIXED: [u8; 4] = [libc::AF_UNSPEC as u8, 0, 0, 0];
/// Attributes by the kernel's names. Numbers are big-endian, time stamps nanoseconds of CLOCK_REALTIME.
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_IP: u16 = 1;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_PROTOINFO: u16 = 4;
const CTA_PROTOINFO_TCP: u16 = 1;
const CTA_PROTOINFO_TCP_STATE: u16 = 1;
/// Seconds.
const CTA_TIMEOUT: u16 = 7;
const CTA_ID: u16 = 12;
const CTA_TIMESTAMP: u16 = 20;
const CTA_TIMESTAMP_START: u16 = 1;
const CTA_TIMESTAMP_STOP: u16 = 2;

/// One entry at one moment.
#[derive(Debug, Clone)]
pub struct News {
    pub what: What,
    /// An entry keeps its id for as long as it lives.
    pub id: u32,
    pub source: IpAddr,
    /// The kernel's number of the TCP state; `None` for other protocols, and at death before Linux 5.12.
    pub tcp_state: Option<u8>,
    /// Milliseconds from birth to expiry: known at death; for a listed entry, from the time it has left.
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

/// Opens a socket that receives the news of every entry.
pub fn open_news() -> Result<Socket> {
    let socket = open()?;
    setsockopt(&socket, RcvBufForce, &BUFFER)?;
    let changes = (!release::at_least(DEATHS_TELL)).then_some(CHANGES);
    GROUPS.into_iter().chain(changes).try_for_each(|group| socket.add_membership(group))?;
    Ok(socket)
}

/// Lists everything in the table that has not expired.
pub fn list() -> Result<Vec<News>> {
    let socket = open()?;
    netlink::send(&socket, Body::new(GET, &FIXED, &[]), NLM_F_DUMP)?;
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
    netlink::ask(&open()?, Body::new(DELETE, &FIXED, &[]), 0)
}

/// Reads the news of all entries in one datagram.
pub fn read(bytes: &[u8]) -> Result<Vec<News>> {
    Ok(messages(bytes)?.into_iter().filter_map(|message| interpret(message, false)).collect())
}

fn interpret(message: Message, listed: bool) -> Option<News> {
    let flags = message.header.flags;
    let NetlinkPayload::InnerMessage(body) = message.payload else { return None };
    let what = match body.kind {
        NEW if listed => What::Listed,
        NEW if flags & NLM_F_CREATE != 0 => What::Born,
        NEW => What::Changed,
        DELETE => What::Died,
        _ => return None,
    };
    let mut news = News { what, id: 0, source: Ipv4Addr::UNSPECIFIED.into(), tcp_state: None, life_ms: 0 };
    let (mut left_ms, mut stamps) = (0, (None, None));
    for (kind, value) in attributes(body.bytes.get(FIXED.len()..)?) {
        match kind {
            CTA_TUPLE_ORIG => news.source = source(value)?,
            CTA_TIMEOUT => left_ms = u64::from(u32::from_be_bytes(value.try_into().ok()?)) * 1000,
            CTA_PROTOINFO => news.tcp_state = tcp_state(value),
            CTA_TIMESTAMP => stamps = time_stamps(value),
            CTA_ID => news.id = u32::from_be_bytes(value.try_into().ok()?),
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

/// The times of birth and death.
fn time_stamps(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let stamp = |kind| netlink::value(bytes, kind)?.try_into().ok().map(u64::from_be_bytes);
    (stamp(CTA_TIMESTAMP_START), stamp(CTA_TIMESTAMP_STOP))
}

fn source(tuple: &[u8]) -> Option<IpAddr> {
    let addresses = netlink::value(tuple, CTA_TUPLE_IP)?;
    match netlink::value(addresses, CTA_IP_V4_SRC) {
        Some(address) => Some(<[u8; 4]>::try_from(address).ok()?.into()),
        None => Some(<[u8; 16]>::try_from(netlink::value(addresses, CTA_IP_V6_SRC)?).ok()?.into()),
    }
}

fn tcp_state(info: &[u8]) -> Option<u8> {
    netlink::value(netlink::value(info, CTA_PROTOINFO_TCP)?, CTA_PROTOINFO_TCP_STATE)?.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::{attribute, nested};

    fn message(kind: u16, flags: u16) -> Vec<u8> {
        let address = nested(CTA_TUPLE_IP, &[], &[attribute(CTA_IP_V4_SRC, [10, 1, 0, 7])]);
        let tcp = nested(CTA_PROTOINFO_TCP, &[], &[attribute(CTA_PROTOINFO_TCP_STATE, [3])]);
        let stamp = |kind, seconds: u64| attribute(kind, (seconds * 1_000_000_000).to_be_bytes());
        let stamps = [stamp(CTA_TIMESTAMP_START, 100), stamp(CTA_TIMESTAMP_STOP, 400)];
        let body = Body::new(
            kind,
            &FIXED,
            &[
                nested(CTA_TUPLE_ORIG, &[], &[address]),
                nested(CTA_PROTOINFO, &[], &[tcp]),
                attribute(CTA_TIMEOUT, 120u32.to_be_bytes()),
                attribute(CTA_ID, 5u32.to_be_bytes()),
                nested(CTA_TIMESTAMP, &[], &stamps),
            ],
        );
        netlink::framed(body, flags)
    }

    #[test]
    fn birth_change_and_death_are_told_apart() {
        let datagram = [message(NEW, NLM_F_CREATE), message(NEW, 0), message(DELETE, 0), message(GET, 0)].concat();
        let news = read(&datagram).unwrap();
        assert_eq!(news.iter().map(|news| news.what).collect::<Vec<_>>(), [What::Born, What::Changed, What::Died]);
        assert_eq!(news.iter().map(|news| news.life_ms).collect::<Vec<_>>(), [0, 0, 300_000]);
        for news in news {
            assert_eq!((news.id, news.source, news.tcp_state), (5, Ipv4Addr::new(10, 1, 0, 7).into(), Some(3)));
        }
    }
}
