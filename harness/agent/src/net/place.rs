//! Where a client's sockets are: at a site of its own, or on the server.

use super::{Beyond, Site};
use anyhow::{Result, bail};
use std::net::Ipv4Addr;
use std::rc::Rc;

/// Cheap to clone.
#[derive(Clone)]
pub enum Place {
    Site(Rc<Site>),
    /// The server's namespace, which is this thread's own.
    Server,
    /// The server's namespace, where the clients speak to addresses that are on no site.
    ServerToBeyond(Rc<Beyond>),
}

impl Place {
    /// Does something there, on this thread: sockets opened there belong there for good.
    pub fn enter<T>(&self, inside: impl FnOnce() -> Result<T>) -> Result<T> {
        match self {
            Place::Site(site) => site.namespace.enter(inside),
            Place::Server | Place::ServerToBeyond(_) => inside(),
        }
    }

    /// The place of clients that speak IPv6.
    pub fn beyond(&self) -> &Beyond {
        match self {
            Place::ServerToBeyond(beyond) => beyond,
            _ => unreachable!("who speaks IPv6 is placed so"),
        }
    }

    /// From now on this address neither receives nor sends.
    pub fn depart(&self, address: Ipv4Addr) -> Result<()> {
        match self {
            Place::Site(site) => site.depart(address),
            Place::Server | Place::ServerToBeyond(_) => bail!("the server does not depart"),
        }
    }
}
