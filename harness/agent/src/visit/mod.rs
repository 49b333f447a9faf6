//! One client: connects from an address of its own, asks, and leaves in the way of its group.

mod client;
mod datagram;
mod datagram6;
mod fare;
mod flights;
mod late;
mod other_end;
mod ping;
mod raw6;
mod sequence;
mod syn;

pub use fare::{Fare, Visited};
pub use late::Capture;

use crate::net::Place;
use client::Client;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tunelab_protocol::{Leave, Population, Speech};

/// Longer than the longest delayed ACK (200 ms, `TCP_DELACK_MAX`): a client that vanishes has acknowledged all it got.
const SETTLE: Duration = Duration::from_millis(300);

/// Everything a client needs to know.
pub struct Visitor {
    pub population: Rc<Population>,
    pub place: Place,
    /// The client's number within its group, counted from 0.
    pub number: u32,
    pub source: Ipv4Addr,
    pub target: SocketAddrV4,
    pub capture: Option<Rc<Capture>>,
}

impl Visitor {
    pub async fn visit(self) -> Visited {
        let mut visited = Visited { fare: Fare::Served, connect_us: None, served_us: None, answers: Vec::new() };
        if let Err(unhappy) = self.go(&mut visited).await {
            visited.fare = unhappy;
        }
        visited
    }

    async fn go(&self, visited: &mut Visited) -> Result<(), Fare> {
        let visit = &self.population.visit;
        if let Some(capture) = &self.capture {
            capture.drain();
        }
        let start = Instant::now();
        match visit.speech {
            Speech::Http => {}
            Speech::Syn => return syn::send(self),
            Speech::Udp6 => return datagram6::send(self),
            Speech::Raw6 => return raw6::send(self),
            Speech::Udp => datagram::ask(self).await?,
            Speech::Icmp => ping::ask(self).await?,
        }
        if visit.speech != Speech::Http {
            visited.served_us = Some(start.elapsed().as_micros() as u64);
            return Ok(());
        }
        let mut client = Client::connect(self).await?;
        visited.connect_us = Some(start.elapsed().as_micros() as u64);
        let talked = self.talk(&mut client, visited).await;
        match talked {
            Ok(()) => visited.served_us = Some(start.elapsed().as_micros() as u64),
            // It leaves like a client that was served: else it would be a race which end closes first.
            Err(Fare::ErrorStatus(_)) => {}
            Err(unhappy) => return Err(unhappy),
        }
        talked.and(self.leave(client).await)
    }

    /// Requests all paths, with the pauses.
    async fn talk(&self, client: &mut Client, visited: &mut Visited) -> Result<(), Fare> {
        let visit = &self.population.visit;
        let (last, earlier) = visit.paths.split_last().expect("a visit has a path");
        let mut paused_us = 0;
        for (path, pause_us) in earlier.iter().zip(&visit.pauses_us) {
            visited.answers.extend(client.ask(visit, path, paused_us).await?);
            paused_us = *pause_us;
            sleep(Duration::from_micros(paused_us)).await;
        }
        match visit.leave {
            Leave::Vanish { after_request: true } => client.send(visit, last).await?,
            _ => visited.answers.extend(client.ask(visit, last, paused_us).await?),
        }
        Ok(())
    }

    async fn leave(&self, mut client: Client) -> Result<(), Fare> {
        match self.population.visit.leave {
            Leave::ClientCloses => drop(client),
            Leave::ServerCloses => client.wait_for_close().await?,
            Leave::Reset => client.reset()?,
            Leave::Stay => mem::forget(client),
            Leave::Vanish { .. } => {
                sleep(SETTLE).await;
                self.depart()?;
                // Closing would be noticed only here; the socket stays as it would on a vanished machine.
                mem::forget(client);
            }
            Leave::LateDuplicate { of, after_us } => {
                client.wait_for_close().await?;
                drop(client);
                sleep(SETTLE).await;
                self.depart()?;
                sleep(Duration::from_micros(after_us)).await;
                let capture = self.capture.as_ref().expect("started with the population");
                capture.replay(self.source, of).map_err(|e| Fare::of_any(&e))?;
            }
        }
        Ok(())
    }

    fn depart(&self) -> Result<(), Fare> {
        self.place.depart(self.source).map_err(|e| Fare::of_any(&e))
    }

    /// The address to bind to; on the server the kernel chooses it.
    fn own_address(&self) -> Option<SocketAddrV4> {
        matches!(self.place, Place::Site(_))
            .then(|| SocketAddrV4::new(self.source, self.population.visit.source_port.unwrap_or(0)))
    }

    /// Asks for each path, one after the other, with its pauses.
    async fn each_path(&self, mut ask: impl AsyncFnMut(usize, &str) -> Result<(), Fare>) -> Result<(), Fare> {
        let visit = &self.population.visit;
        let pauses = std::iter::once(&0).chain(&visit.pauses_us);
        for (number, (path, pause_us)) in visit.paths.iter().zip(pauses).enumerate() {
            if *pause_us > 0 {
                sleep(Duration::from_micros(*pause_us)).await;
            }
            ask(number, path).await?;
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        Duration::from_micros(self.population.visit.patience_us)
    }
}
