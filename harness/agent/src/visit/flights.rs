//! The flights of an answer: a sender that may have N segments on the way waits a round trip for the next N.

use super::other_end::{self, OtherEnd};
use std::net::SocketAddrV4;
use std::time::Duration;
use tokio::time::Instant;

/// The flights of one answer, as far as it has come.
pub struct Flights {
    /// The client's end of the connection.
    client: SocketAddrV4,
    /// The server's end when the first byte came.
    pub sent_by: Option<OtherEnd>,
    /// Half a round trip: bytes that come within it of a flight's first byte were sent in one go.
    half_trip: Duration,
    began: Option<Instant>,
    bytes: Vec<u64>,
}

impl Flights {
    pub fn new(client: SocketAddrV4, half_trip: Duration) -> Self {
        Flights { client, sent_by: None, half_trip, began: None, bytes: Vec::new() }
    }

    /// The server's end as it is now.
    pub fn other_end(&self) -> Option<OtherEnd> {
        other_end::of(self.client)
    }

    pub fn arrived(&mut self, bytes: usize, at: Instant) {
        if self.bytes.is_empty() {
            // Our acknowledgements are still half a round trip away from the server.
            self.sent_by = self.other_end();
        }
        match (self.began, self.bytes.last_mut()) {
            (Some(began), Some(last)) if at - began <= self.half_trip => *last += bytes as u64,
            _ => {
                self.began = Some(at);
                self.bytes.push(bytes as u64);
            }
        }
    }

    /// The bytes of each flight.
    pub fn into_bytes(self) -> Vec<u64> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);

    #[test]
    fn bytes_that_come_together_are_one_flight() {
        let start = Instant::now();
        let mut flights = Flights::new(NONE, Duration::from_millis(50));
        for (ms, bytes) in [(0, 1448), (3, 1448), (50, 1), (51, 2896), (101, 5), (300, 7)] {
            flights.arrived(bytes, start + Duration::from_millis(ms));
        }
        assert_eq!(flights.into_bytes(), [2897, 2901, 7]);
    }

    #[test]
    fn nothing_is_no_flight() {
        assert!(Flights::new(NONE, Duration::ZERO).into_bytes().is_empty());
    }
}
