//! A client that sends one IPv6 packet with a header of its own, to an address on the link.

use super::client::Client;
use super::failed::Failed;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv6Addr, SocketAddrV6};

/// The client is served once its packet was taken. The packet waits for the neighbour to be found (3 s: mcast_solicit
/// times retrans_time_ms), and holds what the kernel needs to reach it.
pub fn send(client: &Client) -> Result<(), Failed> {
    let [source, target] = client.beyond()?.on_link();
    // IPPROTO_RAW: the IPv6 header is ours.
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)));
    let sent =
        socket.and_then(|socket| socket.send_to(&packet(source, target), &SocketAddrV6::new(target, 0, 0, 0).into()));
    sent.map(drop).map_err(|e| Failed::of(&e))
}

/// A header that nothing follows: version 6, no length, no next header (59), a hop limit of 64.
fn packet(source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    [&[0x60, 0, 0, 0, 0, 0, 59, 64][..], &source.octets(), &target.octets()].concat()
}
