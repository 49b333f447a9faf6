//! The accept queues of listeners, by port or by service: connections that wait to be accepted, and how many may.

use super::diag::{Row, State, sockets, unix_listeners};
use super::{Look, Read, Sampled, Scope, Values, reading};
use crate::reading::Unit::Count;
use std::collections::BTreeSet;

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "listeners",
    about: "the accept queues of the ports and services that metrics ask for",
    scope: Scope::Host,
    modules: &["tcp_diag", "unix_diag"],
    readings: &[
        reading("listen.PORT.queue", Count, "sock_diag: idiag_rqueue", "connections at that port of TCP that wait to be accepted; 0 if nothing listens"),
        reading("listen.PORT.limit", Count, "sock_diag: idiag_wqueue", "the most that may wait: one more is let in by the kernel; 0 if nothing listens"),
        reading("listen.NAME.queue", Count, "sock_diag: idiag_rqueue, udiag_rqueue", "connections to that service that wait to be accepted, by TCP and, since Linux 3.3, AF_UNIX"),
        reading("listen.NAME.limit", Count, "sock_diag: idiag_wqueue, udiag_wqueue", "the most that may wait: one more is let in by the kernel"),
    ],
    read,
};

fn read(look: &Look<'_>) -> Read {
    let tcp = sockets(State::Listen)?;
    let mut values = Values::new();
    for port in look.ports() {
        values.extend(queue(&port.to_string(), tcp.iter().filter(|row| row.own_port == port)));
    }
    let services: Vec<&str> = look.services().collect();
    let unix = (!services.is_empty()).then(unix_listeners).flatten();
    for service in services {
        let Some(pids) = (look.processes)(service) else { continue };
        let held = inodes(&pids);
        let listeners: Vec<&Row> =
            tcp.iter().chain(unix.iter().flatten()).filter(|row| held.contains(&row.inode)).collect();
        // Where the kernel does not tell of AF_UNIX, the service may listen there.
        if unix.is_some() || !listeners.is_empty() {
            values.extend(queue(service, listeners));
        }
    }
    Ok(values)
}

/// Several listeners (SO_REUSEPORT, both families) are added up.
fn queue<'a>(of: &str, listeners: impl IntoIterator<Item = &'a Row>) -> [(String, u64); 2] {
    let both = listeners.into_iter().map(|row| (u64::from(row.receive_queue), u64::from(row.send_queue)));
    let (queue, limit) = both.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    [(format!("listen.{of}.queue"), queue), (format!("listen.{of}.limit"), limit)]
}

/// The inodes of the sockets that processes hold: descriptors that are links to `socket:[8562]`.
fn inodes(pids: &[u32]) -> BTreeSet<u32> {
    let links = pids.iter().flat_map(|pid| std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten());
    let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
    targets.filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn listeners_of_one_name_are_added_up() {
        let row = |receive_queue| Row { receive_queue, send_queue: 128, ..Row::default() };
        let values: Values = queue("80", &[row(3), row(4)]).into();
        assert_eq!((values["listen.80.queue"], values["listen.80.limit"]), (7, 256));
        assert_eq!(queue("81", [])[0], ("listen.81.queue".into(), 0));
    }

    /// A listener of this process, on this kernel.
    #[test]
    fn what_a_process_listens_at() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let of = ["app".to_string(), tcp.local_addr().unwrap().port().to_string()];
        let look = Look { of: &of, processes: &|_| Some(vec![std::process::id()]) };
        let values = read(&look).unwrap_or_else(|e| panic!("{e}"));
        // Other tests of this process listen too.
        let own = values[&format!("listen.{}.limit", of[1])];
        assert!(own >= 128 && values["listen.app.limit"] >= own, "{values:?}");
    }

    #[test]
    fn a_connection_to_af_unix_that_waits() {
        let path = std::env::temp_dir().join(format!("tunelab-listeners-{}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let _waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode: u32 = link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        assert!(inodes(&[std::process::id()]).contains(&inode));
        let all = unix_listeners().expect("this kernel tells of AF_UNIX (CONFIG_UNIX_DIAG)");
        assert_eq!(all.iter().find(|row| row.inode == inode).map(|row| row.receive_queue), Some(1));
    }
}
