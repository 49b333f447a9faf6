//! A client with all that it knows, for all protocols.

use super::{failed::Failed, late::Capture, pool::Pool};
use crate::net::{Beyond, Host, Loopback};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tunelab_protocol::{Clients, Visit};

/// Everything a client needs to know.
pub struct Client {
    pub clients: Rc<Clients>,
    pub host: Rc<Host>,
    /// The addresses that no host has, for clients that speak to such.
    pub beyond: Option<Rc<Beyond>>,
    /// Where it meets OpenSSL, for clients that speak HTTPS.
    pub loopback: Option<Rc<Loopback>>,
    /// The client's number within its group, counted from 0.
    pub number: u32,
    /// Its own address; `None`: the host's, which its kernel chooses.
    pub source: Option<IpAddr>,
    pub capture: Option<Rc<Capture>>,
    pub pool: Option<Rc<Pool>>,
}

impl Client {
    pub fn plan(&self) -> &Visit {
        &self.clients.visit
    }

    pub fn target(&self) -> SocketAddr {
        self.clients.target
    }

    /// The target of a protocol that is spoken by IPv4 alone.
    pub fn target_v4(&self) -> Result<SocketAddrV4, Failed> {
        match self.target() {
            SocketAddr::V4(target) => Ok(target),
            SocketAddr::V6(_) => Err(Failed::of_any(&anyhow::anyhow!("it speaks no IPv6"))),
        }
    }

    pub fn source_v4(&self) -> Ipv4Addr {
        match self.source {
            Some(IpAddr::V4(source)) => source,
            _ => Ipv4Addr::UNSPECIFIED,
        }
    }

    /// The address to bind to; `None`: its kernel chooses it.
    pub fn own_address(&self) -> Option<SocketAddr> {
        self.source.map(|source| SocketAddr::new(source, self.plan().source_port.unwrap_or(0)))
    }

    /// Asks for each path, one after the other, with its pauses.
    pub async fn each_path(&self, mut ask: impl AsyncFnMut(usize, &str) -> Result<(), Failed>) -> Result<(), Failed> {
        let visit = self.plan();
        let pauses = std::iter::once(&0).chain(&visit.pauses_us);
        for (number, (path, pause_us)) in visit.paths.iter().zip(pauses).enumerate() {
            if *pause_us > 0 {
                sleep(Duration::from_micros(*pause_us)).await;
            }
            ask(number, path).await?;
        }
        Ok(())
    }

    pub fn beyond(&self) -> Result<&Beyond, Failed> {
        self.beyond.as_deref().ok_or_else(|| Failed::of_any(&anyhow::anyhow!("there is nothing beyond this host")))
    }

    /// The time when it gives up waiting for an answer to what it sends now.
    pub fn answer_until(&self) -> Instant {
        Instant::now() + self.response_timeout()
    }

    pub fn response_timeout(&self) -> Duration {
        Duration::from_micros(self.plan().response_timeout_us)
    }
}

/// Lets a socket bind to any address of a range: for IPv6 a local route is not enough, as it is for IPv4.
pub fn free_to_bind(socket: &impl std::os::fd::AsFd, address: SocketAddr) -> anyhow::Result<()> {
    if address.is_ipv4() {
        return Ok(());
    }
    // An IPv6 socket takes options of IPv4 as well (ipv6_setsockopt); IPV6_FREEBIND came with Linux 4.15.
    Ok(nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::IpFreebind, &true)?)
}
