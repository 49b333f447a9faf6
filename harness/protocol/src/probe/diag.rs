//! Sockets as the kernel tells of them by sock_diag(7), the way of ss(8).
//!
//! For TCP the request is the oldest one (TCPDIAG_GETSOCK), which each kernel from 2.6 on understands and answers for both
//! families. Before Linux 3.6 the server is told of the sockets of all namespaces, and another host cannot ask
//! (commit 51d7cccf0723): so a socket counts only if the host's own table has its inode. That leaves out a connection that
//! waits to be accepted, and one that no process holds. Listeners of AF_UNIX are told since Linux 3.3.

use super::text;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};

/// The states by the kernel's numbers (include/net/tcp_states.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Established = 1,
    Listen = 10,
}

/// One socket; of AF_UNIX it has no ports.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub own_port: u16,
    pub peer_port: u16,
    /// The connections that wait to be accepted, of a listener.
    pub receive_queue: u32,
    /// The number of connections that may wait, of a listener.
    pub send_queue: u32,
    pub inode: u32,
    /// `struct tcp_info`, as long as this kernel's is.
    pub info: Vec<u8>,
}

const NETLINK_SOCK_DIAG: i32 = 4;
const AF_NETLINK: i32 = 16;
const AF_UNIX: u8 = 1;
const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// NLM_F_REQUEST | NLM_F_DUMP.
const FLAGS: u16 = 0x301;
/// `struct nlmsghdr`, `struct inet_diag_req`, `struct inet_diag_msg` and, below, `struct unix_diag_msg`, in bytes.
const HEADER: usize = 16;
const REQUEST: usize = 60;
const MESSAGE: usize = 72;
const UNIX_MESSAGE: usize = 16;
const INET_DIAG_INFO: u16 = 2;
const UDIAG_SHOW_RQLEN: u32 = 0x10;
const UNIX_DIAG_RQLEN: u16 = 4;
/// No datagram of a dump is longer.
const ROOM: usize = 64 << 10;

/// Returns the sockets of TCP in this state in the namespace of this thread; none where the kernel tells nothing of it.
pub fn sockets(state: State) -> Result<Vec<Row>, String> {
    let own = inodes(&text("/proc/net/tcp")?, state);
    // A kernel without IPv6 has no such table.
    let own: BTreeSet<u32> = &own | &inodes(&text("/proc/net/tcp6").unwrap_or_default(), state);
    match dump(&request(state), row) {
        Ok(rows) => Ok(rows.into_iter().filter(|row| own.contains(&row.inode)).collect()),
        // No kernel socket answers in this namespace.
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => Ok(Vec::new()),
        Err(e) => Err(format!("failed to ask for sockets: {e} (CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG)")),
    }
}

/// Returns the listeners of AF_UNIX in the namespace of this thread; `None`: this kernel does not tell of them
/// (CONFIG_UNIX_DIAG).
pub fn unix_listeners() -> Option<Vec<Row>> {
    dump(&unix_request(), unix_row).ok()
}

fn dump(request: &[u8], row: fn(&[u8]) -> Option<Row>) -> std::io::Result<Vec<Row>> {
    let mut socket = Socket::new(Domain::from(AF_NETLINK), Type::DGRAM, Some(Protocol::from(NETLINK_SOCK_DIAG)))?;
    socket.write_all(request)?;
    let (mut rows, mut buffer) = (Vec::new(), vec![0; ROOM]);
    loop {
        let length = socket.read(&mut buffer)?;
        if !read(&buffer[..length], row, &mut rows)? {
            return Ok(rows);
        }
    }
}

fn request(state: State) -> Vec<u8> {
    let mut body = [0; REQUEST];
    // AF_INET; before Linux 3.3 it is not looked at either.
    body[0] = 2;
    body[3] = 1 << (INET_DIAG_INFO - 1);
    body[52..56].copy_from_slice(&(1u32 << state as u32).to_ne_bytes());
    framed(TCPDIAG_GETSOCK, &body)
}

/// `struct unix_diag_req`: the family, the states, and what to show of each.
fn unix_request() -> Vec<u8> {
    let mut body = [0; 24];
    body[0] = AF_UNIX;
    body[4..8].copy_from_slice(&(1u32 << State::Listen as u32).to_ne_bytes());
    body[12..16].copy_from_slice(&UDIAG_SHOW_RQLEN.to_ne_bytes());
    framed(SOCK_DIAG_BY_FAMILY, &body)
}

/// A request with its `struct nlmsghdr`.
fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = ((HEADER + body.len()) as u32).to_ne_bytes();
    [&length[..], &kind.to_ne_bytes(), &FLAGS.to_ne_bytes(), &[0; 8], body].concat()
}

/// Reads a datagram of the dump; says whether more follow.
fn read(mut bytes: &[u8], row: fn(&[u8]) -> Option<Row>, rows: &mut Vec<Row>) -> std::io::Result<bool> {
    while let Some(length) = u32_at(bytes, 0).map(|length| length as usize).filter(|length| *length >= HEADER) {
        let body = &bytes[HEADER..length.min(bytes.len())];
        match u16_at(bytes, 4) {
            Some(NLMSG_DONE) => return Ok(false),
            Some(NLMSG_ERROR) => {
                let code = u32_at(body, 0).map_or(0, |code| -(code as i32));
                return Err(std::io::Error::from_raw_os_error(code));
            }
            _ => rows.extend(row(body)),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

/// `struct inet_diag_msg` and its attributes.
fn row(body: &[u8]) -> Option<Row> {
    let port = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    Some(Row {
        own_port: port(4)?,
        peer_port: port(6)?,
        receive_queue: u32_at(body, 56)?,
        send_queue: u32_at(body, 60)?,
        inode: u32_at(body, 68)?,
        info: attribute(body.get(MESSAGE..)?, INET_DIAG_INFO).unwrap_or_default().to_vec(),
    })
}

/// `struct unix_diag_msg` and its attributes.
fn unix_row(body: &[u8]) -> Option<Row> {
    let queues = attribute(body.get(UNIX_MESSAGE..)?, UNIX_DIAG_RQLEN)?;
    let (receive_queue, send_queue) = (u32_at(queues, 0)?, u32_at(queues, 4)?);
    Some(Row { receive_queue, send_queue, inode: u32_at(body, 4)?, ..Row::default() })
}

/// The value of the first attribute of this kind.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let (Some(length), Some(kind)) = (u16_at(bytes, 0), u16_at(bytes, 2)) {
        let length = (length as usize).max(4);
        if kind == wanted {
            return bytes.get(4..length);
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The number at this place of a structure; `None`: the structure of this kernel is shorter.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The inodes of the sockets in a table such as /proc/net/tcp, without those that no process holds.
fn inodes(table: &str, state: State) -> BTreeSet<u32> {
    let state = format!("{:02X}", state as u8);
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let inode = |row: Vec<&str>| (row.get(3) == Some(&state.as_str())).then(|| row.get(9)?.parse().ok()).flatten();
    rows.filter_map(inode).filter(|inode| *inode > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn inodes_of_one_state() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8562 1
   1: 0100000A:0050 0700010A:C968 01 00000000:00000000 00:00000000 00000000     0        0 8564 3
   2: 0100000A:0050 0800010A:C968 01 00000000:00000000 00:00000000 00000000     0        0 0 3
";
        assert_eq!(inodes(table, State::Listen), [8562].into());
        assert_eq!(inodes(table, State::Established), [8564].into());
    }

    #[test]
    fn a_refusal_is_told_and_what_is_cut_off_ends_the_list() {
        let error = [&20u32.to_ne_bytes()[..], &NLMSG_ERROR.to_ne_bytes(), &[0; 10], &(-2i32).to_ne_bytes()].concat();
        assert_eq!(read(&error, row, &mut Vec::new()).unwrap_err().kind(), ErrorKind::NotFound);
        let mut rows = Vec::new();
        assert!(read(&request(State::Listen)[..40], row, &mut rows).unwrap() && rows.is_empty());
    }

    /// Sockets of this process, on this kernel. A kernel without sock_diag cannot show it.
    #[test]
    fn a_listener_and_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let waiting = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let here = |state, port: u16| {
            let rows = sockets(state).unwrap_or_else(|e| panic!("{e}"));
            rows.into_iter().find(|row| row.own_port == port).unwrap()
        };
        let listens = here(State::Listen, port);
        assert_eq!((listens.receive_queue, listens.send_queue), (1, 128));
        let connected = here(State::Established, waiting.local_addr().unwrap().port());
        assert_eq!(connected.peer_port, port);
        assert!(connected.info.len() >= 104, "{}", connected.info.len());
    }

    #[test]
    fn a_listener_of_af_unix() {
        let mut body = [0; UNIX_MESSAGE].to_vec();
        body[4..8].copy_from_slice(&77u32.to_ne_bytes());
        // Another attribute comes first: its two bytes are padded to four.
        body.extend([6, 0, 0, 0, b'x', 0, 0, 0]);
        body.extend([&12u16.to_ne_bytes()[..], &UNIX_DIAG_RQLEN.to_ne_bytes()].concat());
        body.extend([&3u32.to_ne_bytes()[..], &128u32.to_ne_bytes()].concat());
        let wanted = Row { receive_queue: 3, send_queue: 128, inode: 77, ..Row::default() };
        assert_eq!(unix_row(&body), Some(wanted));
        assert_eq!(unix_row(&body[..30]), None, "it is cut off");
    }
}
