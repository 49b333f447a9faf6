//! Sockets of TCP by their state, of both families, from /proc/net/tcp and /proc/net/tcp6.

use super::{Look, Read, Sampled, Scope, Values, reading, text};
use crate::reading::Unit::Count;

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "tcp-states",
    about: "sockets of TCP by state",
    scope: Scope::Host,
    modules: &[],
    readings: &[
        reading("tcp_state.established", Count, TABLES, "connections"),
        reading("tcp_state.syn_sent", Count, TABLES, "sockets that wait for an answer to their SYN"),
        reading("tcp_state.syn_recv", Count, TABLES, "half-open connections"),
        reading("tcp_state.fin_wait1", Count, TABLES, "sockets whose FIN is not acknowledged"),
        reading("tcp_state.fin_wait2", Count, TABLES, "sockets that wait for the other end's FIN"),
        reading("tcp_state.time_wait", Count, TABLES, "sockets in TIME_WAIT"),
        reading("tcp_state.close_wait", Count, TABLES, "sockets that the other end closed, and the process has not"),
        reading("tcp_state.last_ack", Count, TABLES, "sockets that wait for the last acknowledgement"),
        reading("tcp_state.closing", Count, TABLES, "sockets that both ends closed at once"),
        reading("tcp_state.listen", Count, TABLES, "listeners"),
    ],
    read,
};

const TABLES: &str = "/proc/net/tcp, /proc/net/tcp6";

/// The states by the kernel's numbers (include/net/tcp_states.h); a half-open connection is a 12 since Linux 4.4, and a 3
/// before.
const STATES: [(&str, &str); 11] = [
    ("01", "established"),
    ("02", "syn_sent"),
    ("03", "syn_recv"),
    ("04", "fin_wait1"),
    ("05", "fin_wait2"),
    ("06", "time_wait"),
    ("08", "close_wait"),
    ("09", "last_ack"),
    ("0A", "listen"),
    ("0B", "closing"),
    ("0C", "syn_recv"),
];

fn read(_: &Look<'_>) -> Read {
    let v4 = text("/proc/net/tcp")?;
    // A kernel without IPv6 has no such table.
    let v6 = text("/proc/net/tcp6").unwrap_or_default();
    Ok(count([v4.as_str(), &v6]))
}

fn count(tables: [&str; 2]) -> Values {
    let mut values: Values = STATES.into_iter().map(|(_, name)| (format!("tcp_state.{name}"), 0)).collect();
    for line in tables.into_iter().flat_map(|table| table.lines().skip(1)) {
        let state = line.split_whitespace().nth(3);
        let known = STATES.into_iter().find(|(number, _)| Some(*number) == state);
        if let Some(count) = known.and_then(|(_, name)| values.get_mut(&format!("tcp_state.{name}"))) {
            *count += 1;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8562 1
   1: 0100000A:0050 0700010A:C968 08 00000000:00000000 03:00000100 00000000     0        0 0 3 0000
   2: 0100000A:0050 0800010A:1F90 0C 00000000:00000000 03:00001770 00000000     0        0 0 3 0000
";

    #[test]
    fn each_state_is_counted_and_none_is_missing() {
        let values = count([TABLE, TABLE]);
        assert_eq!(
            (values["tcp_state.listen"], values["tcp_state.close_wait"], values["tcp_state.syn_recv"]),
            (2, 2, 2)
        );
        assert_eq!(values.len(), PROBE.readings.len());
        assert_eq!(values["tcp_state.established"], 0);
    }
}
