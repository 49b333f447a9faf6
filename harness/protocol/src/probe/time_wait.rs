//! /proc/net/tcp: sockets in TIME_WAIT. Those that the server connected hold a port that the kernel chose; the others
//! are its clients', and hold none. Also how many of these ports are taken, in any state, and how many there are.

use super::{Look, Read, Sampled, Scope, Values, reading, sysctl, text};
use crate::reading::Unit::{Count, Milliseconds};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// A tick of the kernel's output (USER_HZ, 100 everywhere), in milliseconds.
const TICK_MS: u64 = 10;
/// TCP_TIME_WAIT, and its timer.
const STATE: &str = "06";
const TIMER: &str = "03";

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "time-wait",
    about: "sockets in TIME_WAIT, and ports taken",
    scope: Scope::Host,
    modules: &[],
    readings: &[
        reading("time_wait.inbound", Count, "/proc/net/tcp", "sockets in TIME_WAIT that hold no port of the kernel's choice"),
        reading("time_wait.outbound", Count, "/proc/net/tcp", "sockets in TIME_WAIT that hold a port of net.ipv4.ip_local_port_range"),
        reading("time_wait.left_ms", Milliseconds, "/proc/net/tcp", "time until the last of their timers fires"),
        reading("ports.taken", Count, "/proc/net/tcp", "ports of net.ipv4.ip_local_port_range that sockets hold, in any state"),
        reading("ports.limit", Count, "net.ipv4.ip_local_port_range", "how many ports that range has"),
    ],
    read,
};

fn read(_: &Look<'_>) -> Read {
    let range = sysctl("net.ipv4.ip_local_port_range").ok_or("this kernel chooses no ports")?;
    let ports = ports(&range).ok_or_else(|| format!("`{range}` is no range of ports"))?;
    Ok(parse(&text("/proc/net/tcp")?, &ports))
}

/// The first and the last port, with a tab between them.
fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some(first.parse().ok()?..=last.trim().parse().ok()?)
}

fn parse(table: &str, chosen: &RangeInclusive<u16>) -> Values {
    let (mut inbound, mut outbound, mut left_ms) = (0, 0, 0);
    let mut taken = BTreeSet::new();
    for row in table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()) {
        // Number, own address, peer, state, queues, timer and when it fires.
        let [_, own, _, state, _, timer, ..] = row[..] else { continue };
        let chosen = port(own).filter(|port| chosen.contains(port));
        taken.extend(chosen);
        if state == STATE {
            *(if chosen.is_some() { &mut outbound } else { &mut inbound }) += 1;
            left_ms = left_ms.max(ticks(timer).unwrap_or(0) * TICK_MS);
        }
    }
    let named = [
        ("time_wait.inbound", inbound),
        ("time_wait.outbound", outbound),
        ("time_wait.left_ms", left_ms),
        ("ports.taken", taken.len() as u64),
        ("ports.limit", chosen.len() as u64),
    ];
    named.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// `0100000A:0050`
fn port(address: &str) -> Option<u16> {
    u16::from_str_radix(address.split_once(':')?.1, 16).ok()
}

/// `03:00001770`
fn ticks(timer: &str) -> Option<u64> {
    match timer.split_once(':')? {
        (TIMER, when) => u64::from_str_radix(when, 16).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8562 1 0000 100 0 0 10 0
   1: 0100000A:0050 0700010A:C968 06 00000000:00000000 03:00000100 00000000     0        0 0 3 0000
   2: 0100000A:8000 0100C80A:1F90 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000
   3: 0100000A:8001 0100C80A:1F90 01 00000000:00000000 02:00001771 00000000     0        0 0 3 0000
";

    #[test]
    fn whose_ports_are_taken_and_for_how_long() {
        let range = ports("32768\t60999").unwrap();
        let values = parse(TABLE, &range);
        let of = |name: &str| values[&format!("time_wait.{name}")];
        assert_eq!((of("inbound"), of("outbound"), of("left_ms")), (1, 1, 60_000));
        assert_eq!((values["ports.taken"], values["ports.limit"]), (2, 28_232));
        assert_eq!(ports("32768"), None);
    }
}
