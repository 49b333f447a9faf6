//! The accept queue of each listener of TCP, by its port: connections that wait to be accepted, and how many may.

use super::diag::{Row, State, sockets};
use super::{Look, Read, Sampled, Scope, Values, reading};
use crate::readings::Unit::Count;

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "listeners",
    about: "the accept queues of the ports that metrics ask for",
    scope: Scope::Host,
    modules: &["tcp_diag"],
    readings: &[
        reading("listen.PORT.queue", Count, "sock_diag: idiag_rqueue", "connections at that port that wait to be accepted; 0 if nothing listens"),
        reading("listen.PORT.limit", Count, "sock_diag: idiag_wqueue", "the most that may wait: one more is let in by the kernel; 0 if nothing listens"),
    ],
    read,
};

fn read(look: &Look<'_>) -> Read {
    Ok(queues(look.ports(), &sockets(State::Listen)?))
}

/// Several listeners of one port (SO_REUSEPORT, both families) are added up.
fn queues(ports: impl Iterator<Item = u16>, listeners: &[Row]) -> Values {
    let of = |port: u16| {
        let here = || listeners.iter().filter(move |row| row.own_port == port);
        let queue = here().map(|row| u64::from(row.receive_queue)).sum();
        let limit = here().map(|row| u64::from(row.send_queue)).sum();
        [(format!("listen.{port}.queue"), queue), (format!("listen.{port}.limit"), limit)]
    };
    ports.flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_of_one_port_are_added_up() {
        let row = |own_port, receive_queue| Row { own_port, receive_queue, send_queue: 128, ..Row::default() };
        let values = queues([80, 81].into_iter(), &[row(80, 3), row(80, 4), row(22, 5)]);
        assert_eq!((values["listen.80.queue"], values["listen.80.limit"]), (7, 256));
        assert_eq!((values["listen.81.queue"], values["listen.81.limit"]), (0, 0));
        assert_eq!(values.len(), 4, "port 22 is not asked for");
    }
}
