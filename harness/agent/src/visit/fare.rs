//! The outcome of a client: served, or what first went wrong.

use std::io;
use tunelab_protocol::{Answer, Visits};

/// A visit as its round counts it.
#[derive(Debug)]
pub struct Visited {
    pub fare: Fare,
    /// The time it took to connect; `None` without a connection.
    pub connect_us: Option<u64>,
    /// The time it took to be served, without the leaving.
    pub served_us: Option<u64>,
    /// How each answer came, if that is reported.
    pub answers: Vec<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fare {
    Served,
    ConnectTimeout,
    AnswerTimeout,
    Reset,
    Closed,
    /// An answer with a status such as 502.
    ErrorStatus(u16),
    /// An error with its errno; 0 if it was none of the kernel's.
    LocalError(i32),
}

impl Fare {
    /// The outcome that an error of a socket means for the client.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused | io::ErrorKind::BrokenPipe => {
                Fare::Reset
            }
            io::ErrorKind::TimedOut => Fare::ConnectTimeout,
            io::ErrorKind::UnexpectedEof => Fare::Closed,
            _ => Fare::LocalError(error.raw_os_error().unwrap_or(0)),
        }
    }

    /// The same for an error that may be one of a socket.
    pub fn of_any(error: &anyhow::Error) -> Self {
        error.downcast_ref().map_or(Fare::LocalError(0), Fare::of)
    }

    /// The errno's name of a local error; the number of a status.
    pub fn error(self) -> Option<String> {
        match self {
            Fare::ErrorStatus(status) => Some(status.to_string()),
            Fare::LocalError(0) => Some("other".into()),
            Fare::LocalError(errno) => Some(format!("{:?}", nix::errno::Errno::from_raw(errno))),
            _ => None,
        }
    }

    pub fn count(self, visits: &mut Visits) {
        let counter = match self {
            Fare::Served => &mut visits.served,
            Fare::ConnectTimeout => &mut visits.connect_timeout,
            Fare::AnswerTimeout => &mut visits.answer_timeout,
            Fare::Reset => &mut visits.reset,
            Fare::Closed => &mut visits.closed,
            Fare::ErrorStatus(_) => &mut visits.error_status,
            Fare::LocalError(_) => &mut visits.local_error,
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_errno_or_status() {
        let fare = |errno| Fare::of(&io::Error::from_raw_os_error(errno));
        assert_eq!(fare(libc::ENOBUFS).error().as_deref(), Some("ENOBUFS"));
        assert_eq!(fare(libc::EPERM), Fare::LocalError(libc::EPERM));
        assert_eq!(fare(libc::ECONNREFUSED).error(), None);
        assert_eq!(Fare::ErrorStatus(502).error().as_deref(), Some("502"));
        assert_eq!(Fare::of_any(&anyhow::anyhow!("no socket's")).error().as_deref(), Some("other"));
    }
}
