//! Where a visitor's sockets are: at a site of its own, or on the server.

use super::Site;
use anyhow::{Result, bail};
use std::net::Ipv4Addr;
use std::rc::Rc;

/// Cheap to clone.
#[derive(Clone)]
pub enum Place {
    Site(Rc<Site>),
    /// The server's namespace, which is this thread's own.
    Server,
}

impl Place {
    /// Does something there, on this thread: sockets opened there belong there for good.
    pub fn enter<T>(&self, inside: impl FnOnce() -> Result<T>) -> Result<T> {
        match self {
            Place::Site(site) => site.namespace.enter(inside),
            Place::Server => inside(),
        }
    }

    /// From now on this address neither hears nor speaks.
    pub fn depart(&self, address: Ipv4Addr) -> Result<()> {
        match self {
            Place::Site(site) => site.depart(address),
            Place::Server => bail!("the server does not depart"),
        }
    }
}
