//! The network delivers packets in a client's name: a second copy of an old one, or one made after the last. The frames
//! are captured on their way out.

use super::segment::{ACK, ETHERNET, RST, SYN, Segment};
use crate::net::Host;
use anyhow::{Context, Result, bail};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use socket2::{Domain, Protocol, Socket, Type};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::mem;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;
use tunelab_protocol::{Duplicate, Injected, IpNet, Packet};

/// Room for the packets of a burst, in bytes.
const ROOM: usize = 16 << 20;

/// Packets that clients of a host sent lately and that may be sent again.
///
/// One socket for all clients of a host: closing one waits for an RCU grace period, in which no other client is served.
pub struct Capture {
    socket: RefCell<Socket>,
    seen: RefCell<HashMap<SocketAddrV4, Seen>>,
}

/// Packets from one port since its last SYN.
#[derive(Default)]
struct Seen {
    /// The first of its kind.
    ack: Option<Vec<u8>>,
    /// The first of its kind.
    request: Option<Vec<u8>>,
    last: Vec<u8>,
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
            let seen = seen.entry(segment.source).or_default();
            if segment.flags & SYN != 0 {
                // A client that comes back begins anew.
                *seen = Seen::default();
            }
            seen.last = frame.to_vec();
            let place = match segment {
                _ if segment.is_pure_ack() => &mut seen.ack,
                _ if segment.payload > 0 => &mut seen.request,
                _ => continue,
            };
            place.get_or_insert_with(|| frame.to_vec());
        }
    }

    /// Sends the chosen packet of this address and port once more.
    pub fn replay(&self, source: SocketAddrV4, of: Duplicate) -> Result<()> {
        let seen = self.take(source);
        let frame = match of {
            Duplicate::Ack => seen.ack,
            Duplicate::Request => seen.request,
        };
        let frame = frame.with_context(|| format!("no {of:?} was seen to send again"))?;
        self.send(Segment::moved(&frame, 0))
    }

    /// Sends a packet in the name of this address and port.
    pub fn inject(&self, source: SocketAddrV4, Injected { packet, offset }: Injected) -> Result<()> {
        let seen = self.take(source);
        self.send(match packet {
            Packet::Request => seen.request.and_then(|request| Segment::moved(&request, offset)),
            Packet::Reset => Segment::next(&seen.last, RST, offset),
            Packet::Syn => Segment::next(&seen.last, SYN, offset),
            Packet::Ack => Segment::next(&seen.last, ACK, offset),
        })
    }

    /// Gives, and forgets, what was seen of this address and port.
    fn take(&self, source: SocketAddrV4) -> Seen {
        self.drain();
        self.seen.borrow_mut().remove(&source).unwrap_or_default()
    }

    fn send(&self, frame: Option<Vec<u8>>) -> Result<()> {
        let frame = frame.context("no packet was seen to make it of")?;
        self.socket.borrow().send(&frame).context("failed to send a packet")?;
        Ok(())
    }
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
