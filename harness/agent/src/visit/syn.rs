//! One SYN from an address that answers nothing: a half-open connection, made by hand, as no socket would leave one.

use super::client::Client;
use super::failed::Failed;
use super::segment::{SYN, fold, sum_words};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddrV4;

/// The client is served once its SYN has left; nothing waits for an answer.
pub fn send(client: &Client) -> Result<(), Failed> {
    // IPPROTO_RAW: the IP header is ours, and with it the source.
    let socket = client.host.enter(|| Ok(Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?));
    let socket = socket.map_err(|e| Failed::of_any(&e))?;
    let port = 1024 + (client.number % 60_000) as u16;
    let target = client.target_v4()?;
    let packet = packet(SocketAddrV4::new(client.source_v4(), port), target, client.number);
    socket.send_to(&packet, &target.into()).map(drop).map_err(|e| Failed::of(&e))
}

/// The kernel fills in length, identification and checksum of the IP header (raw_send_hdrinc()), not of TCP's.
fn packet(source: SocketAddrV4, target: SocketAddrV4, sequence: u32) -> Vec<u8> {
    let addresses = [source.ip().octets(), target.ip().octets()].concat();
    let mut tcp = [source.port().to_be_bytes(), target.port().to_be_bytes()].concat();
    tcp.extend(sequence.to_be_bytes());
    // No acknowledgement; 6 words of header; a window of 65535; checksum and urgent pointer 0; a maximal segment of 1460.
    tcp.extend([0, 0, 0, 0, 6 << 4, SYN, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 0x05, 0xb4]);
    let pseudo = [0, libc::IPPROTO_TCP as u8, 0, tcp.len() as u8];
    let sum = fold(sum_words(&addresses) + sum_words(&pseudo) + sum_words(&tcp));
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, libc::IPPROTO_TCP as u8, 0, 0];
    packet.extend(addresses);
    packet.extend(tcp);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_syn_that_verifies() {
        let [source, target] = [[10, 9, 0, 1], [10, 0, 0, 1]].map(Ipv4Addr::from);
        let packet = packet(SocketAddrV4::new(source, 1024), SocketAddrV4::new(target, 80), 7);
        assert_eq!((packet.len(), packet[20 + 13]), (44, SYN));
        let sum = sum_words(&packet[12..20]) + sum_words(&[0, 6, 0, 24]) + sum_words(&packet[20..]);
        assert_eq!(fold(sum), 0);
    }
}
