//! One client: connects from an address of its own, asks, and closes in the way of its group.

mod client;
mod connection;
mod datagram;
mod datagram6;
mod dns;
mod failed;
mod flights;
mod late;
mod other_end;
mod ping;
mod pool;
mod raw6;
mod segment;
mod sequence;
mod syn;
mod tls;

pub use client::Client;
pub use failed::{Failed, Visited};
pub use late::Capture;
pub use pool::Pool;

use connection::Connection;
use std::time::Duration;
use tls::Tls;
use tokio::time::{Instant, sleep};
use tunelab_protocol::{Close, Outcome, Protocol};

/// Longer than the longest delayed ACK (200 ms, `TCP_DELACK_MAX`): a client has then acknowledged all it got.
const SETTLE: Duration = Duration::from_millis(300);

impl Client {
    pub async fn visit(self) -> Visited {
        if let Some(capture) = &self.capture {
            capture.drain();
        }
        let mut visited = Visited { ended: Ok(()), connect_us: None, duration_us: None, answers: Vec::new() };
        // Before its time begins: the start of a program is no part of a visit.
        let tls = match self.start_tls().await {
            Ok(tls) => tls,
            Err(failed) => return Visited { ended: Err(failed), ..visited },
        };
        let start = Instant::now();
        visited.ended = match self.plan().protocol {
            Protocol::Http | Protocol::Https | Protocol::Tcp => self.attempts(tls, &mut visited, start).await,
            Protocol::Udp => datagram::ask(&self).await,
            Protocol::Dns => dns::ask(&self).await,
            Protocol::Icmp => ping::ask(&self).await,
            Protocol::Syn => return Visited { ended: syn::send(&self), ..visited },
            Protocol::Udp6 => return Visited { ended: datagram6::send(&self), ..visited },
            Protocol::Raw6 => return Visited { ended: raw6::send(&self), ..visited },
        };
        // The time to close does not count.
        visited.duration_us = visited.duration_us.or(Some(start.elapsed().as_micros() as u64));
        visited
    }

    /// Tries again after a failure, as often as the plan says.
    async fn attempts(&self, tls: Option<Tls>, visited: &mut Visited, start: Instant) -> Result<(), Failed> {
        let mut ended = self.over_a_connection(tls, visited, start).await;
        let mut wait = Duration::from_micros(self.plan().backoff_us.unwrap_or(0));
        for _ in 0..self.plan().retries {
            if ended.is_ok() {
                break;
            }
            sleep(wait).await;
            wait = wait.saturating_mul(2);
            ended = self.over_a_connection(self.start_tls().await?, visited, start).await;
        }
        ended
    }

    /// Starts OpenSSL for one connection, if the client speaks TLS.
    async fn start_tls(&self) -> Result<Option<Tls>, Failed> {
        let Some(loopback) = &self.loopback else { return Ok(None) };
        Tls::start(loopback).await.map(Some).map_err(|e| Failed::of_any(&e))
    }

    async fn over_a_connection(&self, tls: Option<Tls>, visited: &mut Visited, start: Instant) -> Result<(), Failed> {
        if let Some(source) = self.source.filter(|_| self.comes_back()) {
            self.host.come_back(source).map_err(|e| Failed::of_any(&e))?;
        }
        let (mut since, mut place) = (start, None);
        if let Some(pool) = &self.pool {
            place = Some(pool.place(Duration::from_micros(self.plan().connect_timeout_us)).await?);
            since = Instant::now();
        }
        let mut connection = match self.pool.as_ref().and_then(|pool| pool.take()) {
            Some(connection) => connection,
            None => {
                let connection = Connection::connect(self, tls).await?;
                visited.connect_us = Some(since.elapsed().as_micros() as u64);
                connection
            }
        };
        let talked = self.talk(&mut connection, visited).await;
        visited.duration_us = Some(start.elapsed().as_micros() as u64);
        match &talked {
            // It closes like a client that was served: else it would be a race which end closes first.
            Ok(()) | Err(Failed { outcome: Outcome::Status, .. }) => {}
            Err(_) => return talked,
        }
        let closed = self.close(connection).await;
        drop(place);
        talked.and(closed)
    }

    /// Requests all paths, with the pauses.
    async fn talk(&self, connection: &mut Connection, visited: &mut Visited) -> Result<(), Failed> {
        let visit = self.plan();
        let last = visit.paths.len() - 1;
        let mut paused_us = 0;
        for (number, path) in visit.paths.iter().enumerate() {
            let vanishes = visit.close == Close::Vanish { after_request: true };
            if visit.ignores_answers || vanishes && number == last {
                connection.send(visit, path).await?;
            } else {
                visited.answers.extend(connection.ask(visit, path, number == last, paused_us).await?);
            }
            if let Some(injected) = visit.injected.filter(|_| number == 0) {
                sleep(SETTLE).await;
                let injected = self.captured()?.inject(connection.own_address()?, injected);
                injected.map_err(|e| Failed::of_any(&e))?;
            }
            if let Some(pause_us) = visit.pauses_us.get(number) {
                paused_us = *pause_us;
                sleep(Duration::from_micros(paused_us)).await;
            }
        }
        Ok(())
    }

    async fn close(&self, mut connection: Connection) -> Result<(), Failed> {
        match self.plan().close {
            Close::Client | Close::Half => connection.close().await,
            Close::Server => connection.wait_for_close().await?,
            Close::Reset => connection.reset()?,
            Close::Never => connection.leave_open(),
            Close::Pool { .. } => self.pool.as_ref().expect("made with the group").put(connection),
            Close::Vanish { .. } => {
                sleep(SETTLE).await;
                self.vanish()?;
                // Closing is noticed only here: no packet leaves. The socket stays as it would on a vanished machine;
                // of one that comes back nothing is left.
                if self.comes_back() { connection.reset()? } else { connection.leave_open() }
            }
            Close::LateDuplicate { of, after_us } => {
                connection.wait_for_close().await?;
                let source = connection.own_address()?;
                drop(connection);
                sleep(SETTLE).await;
                self.vanish()?;
                sleep(Duration::from_micros(after_us)).await;
                self.captured()?.replay(source, of).map_err(|e| Failed::of_any(&e))?;
            }
        }
        Ok(())
    }

    fn vanish(&self) -> Result<(), Failed> {
        let source = self.source.ok_or_else(|| Failed::of_any(&anyhow::anyhow!("a host does not vanish")))?;
        self.host.vanish(source).map_err(|e| Failed::of_any(&e))
    }

    /// Whether the next visit has the same address and port.
    fn comes_back(&self) -> bool {
        self.plan().source_port.is_some()
    }

    fn captured(&self) -> Result<&Capture, Failed> {
        self.capture.as_deref().ok_or_else(|| Failed::of_any(&anyhow::anyhow!("no packet of a host is captured")))
    }
}
