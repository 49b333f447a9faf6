//! Connections that the clients of a group share, as the threads of a program share a pool.

use super::{Failed, connection::Connection};
use std::cell::RefCell;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tunelab_protocol::Outcome;

pub struct Pool {
    /// One for each connection that may be in use. Only a client that finds none idle opens one, so there are never more.
    places: Semaphore,
    /// With the time of its last answer.
    idle: RefCell<Vec<(Connection, Instant)>>,
    longest_idle: Option<Duration>,
}

impl Pool {
    pub fn new(size: u32, idle_us: Option<u64>) -> Self {
        let places = Semaphore::new(size as usize);
        Pool { places, idle: RefCell::default(), longest_idle: idle_us.map(Duration::from_micros) }
    }

    /// Waits, in the order of arrival, until a connection may be used.
    pub async fn place(&self, limit: Duration) -> Result<SemaphorePermit<'_>, Failed> {
        let place = timeout(limit, self.places.acquire()).await.map_err(|_| Failed::as_(Outcome::ConnectTimeout))?;
        Ok(place.expect("never closed"))
    }

    /// The connection that was used last, if one is idle. It may be that the server has closed it.
    pub fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        if let Some(longest) = self.longest_idle {
            idle.retain(|(_, since)| since.elapsed() <= longest);
        }
        idle.pop().map(|(connection, _)| connection)
    }

    pub fn put(&self, connection: Connection) {
        self.idle.borrow_mut().push((connection, Instant::now()));
    }
}
