//! The network delivers a second copy of an old packet: the very frame, captured on its way out and sent again.

use crate::net::Host;
use anyhow::{Context, Result, bail};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use socket2::{Domain, Protocol, Socket, Type};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use tunelab_protocol::{Duplicate, IpNet};

const ETHERNET: usize = 14;
/// Room for the packets of a burst, in bytes.
const ROOM: usize = 16 << 20;

/// Packets that clients of a host sent lately and that may be sent again.
///
/// One socket for all clients of a host: closing one waits for an RCU grace period, in which no other client is served.
pub struct Capture {
    socket: RefCell<Socket>,
    seen: RefCell<HashMap<IpAddr, Seen>>,
}

/// The first of each kind from one address.
#[derive(Default)]
struct Seen {
    ack: Option<Vec<u8>>,
    request: Option<Vec<u8>>,
}

impl Capture {
    /// Captures on one interface of the host.
    pub fn start(host: &Host, interface: &str, subnet: IpNet) -> Result<Self> {
        host.enter(|| {
            // Protocol 0 hears nothing until the socket is bound, so that nothing slips past the filter.
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0))).context("AF_PACKET")?;
            attach_filter(&socket, subnet)?;
            socket.bind(&crate::net::link_address(crate::net::index(interface)?)?)?;
            socket.set_nonblocking(true)?;
            setsockopt(&socket, RcvBufForce, &ROOM)?;
            Ok(Capture { socket: socket.into(), seen: RefCell::default() })
        })
    }

    /// Keeps what has been sent since the last call. To be called more often than the socket can fill up.
    pub fn drain(&self) {
        let (mut socket, mut seen) = (self.socket.borrow_mut(), self.seen.borrow_mut());
        let mut buffer = [0; 2048];
        while let Ok(length) = socket.read(&mut buffer) {
            let frame = &buffer[..length];
            let Some(segment) = Segment::of(frame) else { continue };
            let seen = seen.entry(segment.source.into()).or_default();
            let place = match segment {
                _ if segment.is_pure_ack() => &mut seen.ack,
                _ if segment.payload > 0 => &mut seen.request,
                _ => continue,
            };
            place.get_or_insert_with(|| frame.to_vec());
        }
    }

    /// Sends the chosen packet of this address once more.
    pub fn replay(&self, source: IpAddr, of: Duplicate) -> Result<()> {
        self.drain();
        let seen = self.seen.borrow_mut().remove(&source).unwrap_or_default();
        let frame = match of {
            Duplicate::Ack => seen.ack,
            Duplicate::Request => seen.request,
        };
        let mut frame = frame.with_context(|| format!("no {of:?} was seen to send again"))?;
        complete_checksum(&mut frame);
        self.socket.borrow().send(&frame).context("failed to send the duplicate")?;
        Ok(())
    }
}

/// The positions of the parts of a frame.
struct Segment {
    source: Ipv4Addr,
    tcp: usize,
    end: usize,
    flags: u8,
    payload: usize,
}

impl Segment {
    fn of(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(ETHERNET..)?;
        let (header, total) =
            (usize::from(*ip.first()? & 15) * 4, usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?])));
        if ip[0] >> 4 != 4 || *ip.get(9)? != libc::IPPROTO_TCP as u8 {
            return None;
        }
        let tcp = ETHERNET + header;
        let end = (ETHERNET + total).min(frame.len());
        let offset = usize::from(*frame.get(tcp + 12)? >> 4) * 4;
        let source = <[u8; 4]>::try_from(ip.get(12..16)?).ok()?.into();
        Some(Segment { source, tcp, end, flags: *frame.get(tcp + 13)?, payload: end.checked_sub(tcp + offset)? })
    }

    /// Says whether it is an ACK and nothing else, without data.
    fn is_pure_ack(&self) -> bool {
        self.flags == 0x10 && self.payload == 0
    }
}

/// Fills in the checksum that our own kernel leaves to the (virtual) card in a captured packet; we are that card now.
fn complete_checksum(frame: &mut [u8]) {
    let Some(Segment { tcp, end, .. }) = Segment::of(frame) else { return };
    frame[tcp + 16..tcp + 18].fill(0);
    let addresses = &frame[ETHERNET + 12..ETHERNET + 20];
    let pseudo = [0, libc::IPPROTO_TCP as u8, ((end - tcp) >> 8) as u8, (end - tcp) as u8];
    let sum = [addresses, &pseudo, &frame[tcp..end]].into_iter().map(sum_words).sum();
    frame[tcp + 16..tcp + 18].copy_from_slice(&fold(sum).to_be_bytes());
}

pub(super) fn sum_words(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

pub(super) fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Attaches a filter in classic BPF: IPv4 from this subnet, whole; nothing else.
fn attach_filter(socket: &Socket, subnet: IpNet) -> Result<()> {
    let IpNet::V4(subnet) = subnet else { bail!("packets of IPv6 are not sent twice") };
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let (load_half, load_word) =
        (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
    let (equal, give) = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::BPF_RET | libc::BPF_K);
    let mut program = [
        step(load_half, 0, 0, 12),
        step(equal, 0, 4, libc::ETH_P_IP as u32),
        step(load_word, 0, 0, (ETHERNET + 12) as u32),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, u32::from(subnet.netmask())),
        step(equal, 0, 1, subnet.network().into()),
        step(give, 0, 0, u32::MAX),
        step(give, 0, 0, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which outlives the call.
    let failed = unsafe {
        let (pointer, size) = ((&raw const filter).cast(), mem::size_of_val(&filter) as u32);
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, pointer, size)
    };
    if failed != 0 { Err(std::io::Error::last_os_error()).context("SO_ATTACH_FILTER") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pure ACK as tcpdump shows one: 10.5.0.1:40000 > 10.0.0.1:80, without options.
    fn ack() -> Vec<u8> {
        let mut frame = vec![0; ETHERNET];
        frame[12] = 8;
        frame.extend([0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 5, 0, 1, 10, 0, 0, 1]);
        frame.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0xaa, 0xaa, 0, 0]);
        frame
    }

    #[test]
    fn finds_a_pure_ack() {
        assert!(Segment::of(&ack()).unwrap().is_pure_ack());
        let mut fin = ack();
        fin[ETHERNET + 20 + 13] = 0x11;
        assert!(!Segment::of(&fin).unwrap().is_pure_ack());
        assert!(Segment::of(&[0; 20]).is_none());
    }

    #[test]
    fn completed_checksum_verifies() {
        let mut frame = ack();
        complete_checksum(&mut frame);
        let tcp = ETHERNET + 20;
        let pseudo = [0, 6, 0, 20];
        let sum = [&frame[ETHERNET + 12..tcp], &pseudo, &frame[tcp..]].into_iter().map(sum_words).sum();
        assert_eq!(fold(sum), 0);
    }
}
