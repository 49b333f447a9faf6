//! How a visitor fared: served, or what first went wrong.

use std::io;
use tunelab_protocol::Visits;

/// A visit as its round counts it.
#[derive(Debug, Clone, Copy)]
pub struct Visited {
    pub fare: Fare,
    /// How long it took to connect; `None` without a connection.
    pub connect_us: Option<u64>,
    /// How long it took to be served, without the leaving.
    pub served_us: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fare {
    Served,
    ConnectTimeout,
    AnswerTimeout,
    Reset,
    Closed,
    ErrorStatus,
    LocalError,
}

impl Fare {
    /// What an error of a socket means to the visitor.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused | io::ErrorKind::BrokenPipe => {
                Fare::Reset
            }
            io::ErrorKind::TimedOut => Fare::ConnectTimeout,
            io::ErrorKind::UnexpectedEof => Fare::Closed,
            _ => Fare::LocalError,
        }
    }

    pub fn count(self, visits: &mut Visits) {
        let counter = match self {
            Fare::Served => &mut visits.served,
            Fare::ConnectTimeout => &mut visits.connect_timeout,
            Fare::AnswerTimeout => &mut visits.answer_timeout,
            Fare::Reset => &mut visits.reset,
            Fare::Closed => &mut visits.closed,
            Fare::ErrorStatus => &mut visits.error_status,
            Fare::LocalError => &mut visits.local_error,
        };
        *counter += 1;
    }
}
