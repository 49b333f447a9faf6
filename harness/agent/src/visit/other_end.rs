//! The server's end of a client's connection, from /proc/net/tcp: every kernel has it, without a module.

use std::net::{Ipv4Addr, SocketAddrV4};

/// A tick of the kernel's output (USER_HZ, 100 everywhere), in milliseconds.
const TICK_MS: u64 = 10;

#[derive(Debug, PartialEq, Eq)]
pub struct OtherEnd {
    /// Retransmission timeout.
    pub rto_ms: u64,
    /// Congestion window in segments.
    pub cwnd: u32,
}

/// The socket of this thread's namespace with the client as its peer; `None` if there is none, as behind an upstream.
pub fn of(client: SocketAddrV4) -> Option<OtherEnd> {
    find(&std::fs::read_to_string("/proc/net/tcp").ok()?, client)
}

fn find(table: &str, client: SocketAddrV4) -> Option<OtherEnd> {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.into_iter().find(|row| row.get(2).and_then(|peer| address(peer)) == Some(client))?;
    // get_tcp4_sock(): ... inode, references, pointer, rto, ato, quick and pingpong, cwnd, ssthresh.
    Some(OtherEnd { rto_ms: row.get(12)?.parse::<u64>().ok()? * TICK_MS, cwnd: row.get(15)?.parse().ok()? })
}

/// `0101000A:C968`: the address as it lies in memory, read as a number; the port as a number.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (address, port) = text.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
    Some(SocketAddrV4::new(Ipv4Addr::from(address), u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8562 1 0000 100 0 0 10 0
   1: 0100000A:0050 0700010A:C968 01 00000000:00000000 02:000AFBAB 00000000     0        0 8564 3 0000 22 4 26 40 -1
   2: 0100000A:0050 0800010A:C968 06 00000000:00000000 03:000AFBAB 00000000     0        0 0 3 0000
";

    #[test]
    fn the_row_of_one_visitor() {
        let of = |text: &str| find(TABLE, text.parse().unwrap());
        assert_eq!(of("10.1.0.7:51560"), Some(OtherEnd { rto_ms: 220, cwnd: 40 }));
        assert_eq!(of("10.1.0.7:1"), None);
        assert_eq!(of("10.1.0.8:51560"), None, "a TIME_WAIT has no window");
    }
}
