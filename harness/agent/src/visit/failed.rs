//! The first thing that went wrong for a client.

use std::io::{self, ErrorKind};
use tunelab_protocol::{Answer, Outcome};

/// A visit as its round counts it.
#[derive(Debug)]
pub struct Visited {
    /// `Err`: what first went wrong.
    pub ended: Result<(), Failed>,
    /// The time it took to connect; `None` without a connection.
    pub connect_us: Option<u64>,
    /// The time it took to be served, without the closing, or until it failed; `None`: it waited for nothing.
    pub duration_us: Option<u64>,
    /// How each answer came, if that is reported.
    pub answers: Vec<Answer>,
}

/// The outcome of a client that was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub outcome: Outcome,
    /// The errno's name, or the number of a status.
    pub error: Option<String>,
}

impl Failed {
    pub fn as_(outcome: Outcome) -> Self {
        Failed { outcome, error: None }
    }

    pub fn status(status: u16) -> Self {
        Failed { outcome: Outcome::Status, error: Some(status.to_string()) }
    }

    /// The outcome that an error of a socket means for the client.
    pub fn of(error: &io::Error) -> Self {
        let outcome = match error.kind() {
            ErrorKind::ConnectionRefused => Outcome::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Outcome::Reset,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Outcome::Unreachable,
            ErrorKind::TimedOut => Outcome::TimedOut,
            ErrorKind::UnexpectedEof => Outcome::Closed,
            _ => Outcome::LocalError,
        };
        // A write after RST is told from a read.
        let named =
            matches!(outcome, Outcome::LocalError | Outcome::Unreachable) || error.kind() == ErrorKind::BrokenPipe;
        Failed { outcome, error: named.then(|| name(error)) }
    }

    /// The same for an error of connect(2): its ETIMEDOUT means that no SYN was answered.
    pub fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => Failed::as_(Outcome::ConnectTimeout),
            _ => Failed::of(error),
        }
    }

    /// The same for an error that may be one of a socket.
    pub fn of_any(error: &anyhow::Error) -> Self {
        let local = || Failed { outcome: Outcome::LocalError, error: Some("other".into()) };
        error.downcast_ref().map_or_else(local, Failed::of)
    }
}

/// The errno's name.
fn name(error: &io::Error) -> String {
    match error.raw_os_error() {
        None | Some(0) => "other".into(),
        Some(errno) => format!("{:?}", nix::errno::Errno::from_raw(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_errno_or_status() {
        let failed = |errno| Failed::of(&io::Error::from_raw_os_error(errno));
        let of = |outcome, name: &str| Failed { outcome, error: Some(name.into()) };
        assert_eq!(failed(libc::ENOBUFS), of(Outcome::LocalError, "ENOBUFS"));
        assert_eq!(failed(libc::EHOSTUNREACH), of(Outcome::Unreachable, "EHOSTUNREACH"));
        assert_eq!(failed(libc::ECONNREFUSED), Failed::as_(Outcome::Refused));
        assert_eq!(failed(libc::ECONNRESET), Failed::as_(Outcome::Reset));
        assert_eq!(failed(libc::EPIPE), of(Outcome::Reset, "EPIPE"));
        assert_eq!(Failed::status(502), of(Outcome::Status, "502"));
        assert_eq!(Failed::of_any(&anyhow::anyhow!("no socket's")), of(Outcome::LocalError, "other"));
    }

    #[test]
    fn an_established_connection_times_out_otherwise_than_one_that_is_not() {
        let error = io::Error::from_raw_os_error(libc::ETIMEDOUT);
        assert_eq!(Failed::of(&error).outcome, Outcome::TimedOut);
        assert_eq!(Failed::of_connect(&error).outcome, Outcome::ConnectTimeout);
    }
}
