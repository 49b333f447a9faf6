//! A namespace with a loopback interface and nothing else. Sockets between the agent and a program of the guest are
//! there, where they are no host's.

use super::{Namespace, Rtnl, host};
use anyhow::Result;

pub struct Loopback(Namespace);

impl Loopback {
    pub fn build() -> Result<Self> {
        let namespace = Namespace::create()?;
        namespace.enter(|| {
            ["all", "default"].into_iter().try_for_each(host::silence_ipv6)?;
            Rtnl::open()?.up("lo")
        })?;
        Ok(Loopback(namespace))
    }

    /// Does something there, on this thread: sockets opened and programs started there belong there for good.
    pub fn enter<T>(&self, inside: impl FnOnce() -> Result<T>) -> Result<T> {
        self.0.enter(inside)
    }
}
