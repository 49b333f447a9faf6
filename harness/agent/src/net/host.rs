//! A host: a namespace with addresses, ranges of addresses for clients, and routes.

use super::{Namespace, Rtnl};
use anyhow::{Context, Result};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use tunelab_protocol::{self as protocol, IpNet};

pub struct Host {
    pub name: String,
    pub namespace: Namespace,
    rtnl: Rtnl,
    /// Ranges of one address: its route is the range's, and makes place for another.
    alone: Vec<IpNet>,
    /// Addresses of it that neither receive nor send.
    vanished: RefCell<BTreeSet<IpAddr>>,
}

impl Host {
    /// The first host of a plan is the guest itself.
    pub fn of(namespace: Namespace, host: &protocol::Host, ipv6: bool) -> Result<Self> {
        let rtnl = namespace.enter(|| {
            if matches!(namespace, Namespace::Other(_)) && !ipv6 {
                ["all", "default"].into_iter().try_for_each(silence_ipv6).context("failed to turn IPv6 off")?;
            }
            let rtnl = Rtnl::open()?;
            rtnl.up("lo")?;
            for address in &host.addresses {
                rtnl.add_address("lo", *address, if address.is_ipv4() { 32 } else { 128 })?;
            }
            for range in &host.ranges {
                if range.silent { rtnl.black_hole(range.subnet)? } else { rtnl.add_local(range.subnet)? }
            }
            if host.forwards {
                forward(ipv6)?;
            }
            Ok(rtnl)
        })?;
        let ranges = host.ranges.iter().filter(|range| !range.silent).map(|range| range.subnet);
        let alone = ranges.filter(|range| IpNet::from(range.addr()) == *range).collect();
        Ok(Host { name: host.name.clone(), namespace, rtnl, alone, vanished: RefCell::default() })
    }

    /// From now on this address neither receives nor sends.
    pub fn vanish(&self, address: IpAddr) -> Result<()> {
        if self.alone.contains(&address.into()) {
            self.rtnl.remove_local(address.into())?;
        }
        self.rtnl.black_hole(address.into())?;
        self.vanished.borrow_mut().insert(address);
        Ok(())
    }

    /// An address that vanished is there again.
    pub fn come_back(&self, address: IpAddr) -> Result<()> {
        if !self.vanished.borrow_mut().remove(&address) {
            return Ok(());
        }
        self.rtnl.fill_hole(address.into())?;
        if self.alone.contains(&address.into()) { self.rtnl.add_local(address.into()) } else { Ok(()) }
    }

    pub(super) fn rtnl(&self) -> &Rtnl {
        &self.rtnl
    }

    /// Does something there, on this thread: sockets opened there belong there for good.
    pub fn enter<T>(&self, inside: impl FnOnce() -> Result<T>) -> Result<T> {
        self.namespace.enter(inside)
    }
}

fn forward(ipv6: bool) -> Result<()> {
    const PATH: &str = "/proc/sys/net/ipv4/ip_forward";
    std::fs::write(PATH, "1").with_context(|| format!("failed to write {PATH}"))?;
    if ipv6 { set_ipv6("all", "forwarding", "1") } else { Ok(()) }
}

/// Turns IPv6 off where it is not used: router solicitations, which never end, would only wake the machine.
pub fn silence_ipv6(scope: &str) -> Result<()> {
    set_ipv6(scope, "disable_ipv6", "1")
}

/// Makes an interface send no packet of its own accord: no solicitation, no question which other host has an address.
/// Its link-local address is the one that it is given.
pub fn quieten_ipv6(nic: &str) -> Result<()> {
    for (setting, value) in [("accept_ra", "0"), ("accept_dad", "0"), ("addr_gen_mode", "1")] {
        set_ipv6(nic, setting, value)?;
    }
    Ok(())
}

/// Sets what this kernel has: without IPv6 it has nothing of it, and `addr_gen_mode` only since Linux 4.11.
fn set_ipv6(scope: &str, setting: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/net/ipv6/conf/{scope}/{setting}");
    if !Path::new(&path).exists() {
        return Ok(());
    }
    std::fs::write(&path, value).with_context(|| format!("failed to write {path}"))
}
