//! Captures every packet that passes the server's interfaces, as pcap-savefile(5) with the guest's own time, by a port
//! of its own. Segments are as the kernel hands them to the (virtual) card: joined, and with their checksums left to
//! it.

use crate::fd;
use crate::net::link_address;
use crate::ports;
use anyhow::{Context, Result};
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use tokio::io::unix::AsyncFd;
use tunelab_protocol::PACKET_PORT;

/// The longest packet there is, in bytes: a segment that the card would have to cut.
const LONGEST: usize = 256 << 10;
/// The buffer for a burst, in bytes.
const ROOM: usize = 32 << 20;

/// Nanosecond time stamps, version 2.4, Ethernet.
const MAGIC: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;

/// A capture, from when it is made until the run ends.
#[derive(Clone)]
pub struct Packets(Rc<Inner>);

struct Inner {
    socket: AsyncFd<Socket>,
    /// The index of `lo`: packets that the machine sends to itself are not packets of the network.
    loopback: usize,
}

impl Packets {
    pub fn capture() -> Result<Self> {
        ports::allow(PACKET_PORT, 1)?;
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0))).context("AF_PACKET")?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RcvBufForce, &ROOM)?;
        socket.bind(&link_address(0)?)?;
        ports::write(PACKET_PORT, &file_header());
        let loopback = crate::net::index("lo")? as usize;
        let packets = Packets(Rc::new(Inner { socket: fd::watch(socket)?, loopback }));
        let reader = packets.clone();
        tokio::task::spawn_local(async move {
            while let Ok(mut ready) = reader.0.socket.readable().await {
                reader.drain();
                ready.clear_ready();
            }
        });
        Ok(packets)
    }

    /// Writes the packets that have passed and were not written yet.
    pub fn drain(&self) {
        let mut buffer = vec![0; LONGEST];
        while let Ok(Some((at, length))) = self.next(&mut buffer) {
            if let Some(at) = at {
                ports::write(PACKET_PORT, &packet_header(at, length));
                ports::write(PACKET_PORT, &buffer[..length]);
            }
        }
    }

    /// Gives the next packet's time and length, without a time if it is none of ours; `None` if there is no more.
    fn next(&self, buffer: &mut [u8]) -> Result<Option<(Option<TimeSpec>, usize)>> {
        let (mut parts, mut control) = ([IoSliceMut::new(buffer)], cmsg_space!(TimeSpec));
        let socket = self.0.socket.get_ref().as_raw_fd();
        let message = match recvmsg::<LinkAddr>(socket, &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT) {
            Err(nix::errno::Errno::EAGAIN) => return Ok(None),
            message => message?,
        };
        let ours = message.address.is_none_or(|address| address.ifindex() != self.0.loopback);
        let at = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(at) => Some(at),
            _ => None,
        });
        Ok(Some((at.filter(|_| ours), message.bytes)))
    }
}

fn file_header() -> Vec<u8> {
    let mut header = MAGIC.to_le_bytes().to_vec();
    header.extend(2u16.to_le_bytes());
    header.extend(4u16.to_le_bytes());
    header.extend([0; 8]);
    header.extend((LONGEST as u32).to_le_bytes());
    header.extend(ETHERNET.to_le_bytes());
    header
}

fn packet_header(at: TimeSpec, length: usize) -> Vec<u8> {
    let numbers = [at.tv_sec() as u32, at.tv_nsec() as u32, length as u32, length as u32];
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_long_as_readers_expect() {
        assert_eq!(file_header().len(), 24);
        let header = packet_header(TimeSpec::new(1_767_225_600, 5), 60);
        assert_eq!(header.len(), 16);
        assert_eq!(header[4..8], [5, 0, 0, 0]);
    }
}
