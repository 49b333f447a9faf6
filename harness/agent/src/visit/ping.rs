//! A client that pings: an ICMP echo request for each path. It uses a raw socket: those made for it (SOCK_DGRAM) are
//! only for the groups of net.ipv4.ping_group_range.

use super::client::Client;
use super::failed::Failed;
use super::segment::{fold, sum_words};
use crate::fd;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind::WouldBlock, Read};
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;
use tunelab_protocol::Outcome;

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

pub async fn ask(client: &Client) -> Result<(), Failed> {
    let socket = client.host.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        if let Some(source) = client.own_address() {
            socket.bind(&source.into())?;
        }
        // A connected socket hears the target only.
        socket.connect(&client.target().into())?;
        fd::watch(socket)
    });
    let socket = socket.map_err(|e| Failed::of_any(&e))?;
    let id = client.number as u16;
    client
        .each_path(async |number, _| {
            socket.get_ref().send(&request(id, number as u16)).map_err(|e| Failed::of(&e))?;
            let heard = timeout(client.response_timeout(), reply(&socket, id, number as u16)).await;
            heard.map_err(|_| Failed::as_(Outcome::ResponseTimeout))?.map_err(|e| Failed::of(&e))
        })
        .await
}

fn request(id: u16, sequence: u16) -> Vec<u8> {
    let mut packet = vec![ECHO_REQUEST, 0, 0, 0];
    packet.extend(id.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend(*b"tunelab.");
    let sum = fold(sum_words(&packet));
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// Waits for our answer: such a socket hears the answers to other clients, too.
async fn reply(socket: &AsyncFd<Socket>, id: u16, sequence: u16) -> io::Result<()> {
    let mut packet = [0; 2048];
    loop {
        let mut ready = socket.readable().await?;
        match (&mut socket.get_ref()).read(&mut packet) {
            Ok(length) if answers(&packet[..length], id, sequence) => return Ok(()),
            Ok(_) => {}
            Err(e) if e.kind() == WouldBlock => ready.clear_ready(),
            Err(e) => return Err(e),
        }
    }
}

/// A raw socket's packets begin with the IP header.
fn answers(packet: &[u8], id: u16, sequence: u16) -> bool {
    let Some(first) = packet.first() else { return false };
    let Some(icmp) = packet.get(usize::from(first & 15) * 4..) else { return false };
    let expected = [id.to_be_bytes(), sequence.to_be_bytes()].concat();
    icmp.first() == Some(&ECHO_REPLY) && icmp.get(4..8) == Some(&expected[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_and_its_answer() {
        let mut icmp = request(7, 1);
        assert_eq!(fold(sum_words(&icmp)), 0, "the checksum verifies");
        icmp[0] = ECHO_REPLY;
        let packet = [vec![0x45; 20], icmp].concat();
        assert!(answers(&packet, 7, 1));
        assert!(!answers(&packet, 7, 2), "another one's");
        assert!(!answers(&packet[..24], 7, 1), "cut short");
        assert!(!answers(&[], 7, 1));
    }
}
