//! tcp_info(7) of established connections, by their port: of all connections of the host that have it at one of their
//! ends. What is the longest, the most or the smallest is that of one of them; the rest is their sum.

use super::diag::{Row, State, sockets, u32_at};
use super::{Look, Read, Sampled, Scope, Values, reading, since};
use crate::reading::Unit::{Bytes, Count, Milliseconds};

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "connections",
    about: "tcp_info of the established connections of the ports that metrics ask for",
    scope: Scope::Host,
    modules: &["tcp_diag"],
    readings: &[
        reading("connection.PORT.count", Count, TCP_INFO, "established connections with that port at one of their ends, which a process holds"),
        reading("connection.PORT.rto_ms", Milliseconds, TCP_INFO, "the longest retransmission timeout (tcpi_rto)"),
        reading("connection.PORT.rtt_ms", Milliseconds, TCP_INFO, "the longest round trip time, as the kernel smooths it (tcpi_rtt)"),
        reading("connection.PORT.cwnd", Count, TCP_INFO, "the smallest congestion window, in segments (tcpi_snd_cwnd)"),
        reading("connection.PORT.timeouts", Count, TCP_INFO, "the most retransmission timeouts without an acknowledgement since (tcpi_retransmits)"),
        reading("connection.PORT.retransmitted", Count, TCP_INFO, "segments that these connections have sent again, together (tcpi_total_retrans)"),
        reading("connection.PORT.unacked", Count, TCP_INFO, "segments that are not acknowledged, together (tcpi_unacked)"),
        since(reading("connection.PORT.notsent_bytes", Bytes, TCP_INFO, "bytes that were written and not sent yet, together (tcpi_notsent_bytes)"), "4.6"),
    ],
    read,
};

const TCP_INFO: &str = "sock_diag: tcp_info";

fn read(look: &Look<'_>) -> Read {
    Ok(values(look.ports(), &sockets(State::Established)?))
}

fn values(ports: impl Iterator<Item = u16>, connections: &[Row]) -> Values {
    let of = |port| {
        let here = connections.iter().filter(|row| row.own_port == port || row.peer_port == port);
        of_port(&here.collect::<Vec<_>>())
            .into_iter()
            .map(move |(name, value)| (format!("connection.{port}.{name}"), value))
    };
    ports.flat_map(of).collect()
}

/// `struct tcp_info` (include/uapi/linux/tcp.h) only grows at its end: each field stays at its place. A reading of no
/// connection is 0.
fn of_port(connections: &[&Row]) -> Vec<(&'static str, u64)> {
    let field = |at: usize| connections.iter().filter_map(move |row| u32_at(&row.info, at)).map(u64::from);
    let most_ms = |at| (field(at).max().unwrap_or(0) + 500) / 1000;
    let timeouts = connections.iter().filter_map(|row| row.info.get(2)).copied().max();
    let mut values = vec![
        ("count", connections.len() as u64),
        ("rto_ms", most_ms(8)),
        ("rtt_ms", most_ms(68)),
        ("cwnd", field(80).min().unwrap_or(0)),
        ("timeouts", timeouts.map_or(0, u64::from)),
        ("retransmitted", field(100).sum()),
        ("unacked", field(24).sum()),
    ];
    if connections.is_empty() || field(144).next().is_some() {
        values.push(("notsent_bytes", field(144).sum()));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(own_port: u16, peer_port: u16, info: &[(usize, u32)], length: usize) -> Row {
        let mut bytes = vec![0; length];
        info.iter().for_each(|(at, value)| bytes[*at..at + 4].copy_from_slice(&value.to_ne_bytes()));
        Row { own_port, peer_port, info: bytes, ..Row::default() }
    }

    #[test]
    fn the_longest_the_smallest_and_sums() {
        let fast = row(80, 5000, &[(8, 204_000), (24, 2), (68, 40_600), (80, 10), (100, 1), (144, 30)], 232);
        let mut slow = row(6000, 80, &[(8, 1_632_000), (24, 3), (68, 900), (80, 1), (100, 4), (144, 70)], 232);
        slow.info[2] = 3;
        let values = values([80].into_iter(), &[fast, slow, row(22, 7000, &[(100, 9)], 232)]);
        let of = |name: &str| values[&format!("connection.80.{name}")];
        assert_eq!([of("count"), of("rto_ms"), of("rtt_ms"), of("cwnd"), of("timeouts")], [2, 1632, 41, 1, 3]);
        assert_eq!([of("retransmitted"), of("unacked"), of("notsent_bytes")], [5, 5, 100]);
        assert_eq!(values.len(), PROBE.readings.len());
    }

    #[test]
    fn what_an_old_kernel_does_not_tell_is_left_out() {
        let values = values([80, 81].into_iter(), &[row(80, 5000, &[], 104)]);
        assert!(!values.contains_key("connection.80.notsent_bytes"));
        assert_eq!(values["connection.81.notsent_bytes"], 0, "there is none, whatever the kernel");
    }
}
