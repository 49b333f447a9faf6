//! Whether a service listens, from /proc/PID/net: every kernel has it, for the process's own namespace.

use anyhow::Result;
use nix::unistd::Pid;
use tunelab_protocol::Ready;

/// State of a listening TCP socket, and of a UDP socket without a peer (`enum` in include/net/tcp_states.h).
const LISTEN: &str = "0A";
const CLOSE: &str = "07";

/// Whether a socket of this port listens in the namespace of the process.
pub fn at(ready: &Ready, pid: Pid) -> Result<bool> {
    let (tables, state, port) = match ready {
        Ready::Tcp(port) => (["tcp", "tcp6"], LISTEN, *port),
        Ready::Udp(port) => (["udp", "udp6"], CLOSE, *port),
    };
    let table = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    Ok(tables.into_iter().any(|name| has(&table(name), state, port)))
}

fn has(table: &str, state: &str, port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, its) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        local.ends_with(&wanted) && its == state
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8562 1
   1: 0100000A:0051 0700010A:C968 01 00000000:00000000 02:000AFBAB 00000000     0        0 8564 3
";

    #[test]
    fn a_listener_is_told_from_a_connection() {
        assert!(has(TABLE, LISTEN, 80));
        assert!(!has(TABLE, LISTEN, 81) && !has("", LISTEN, 80));
    }
}
