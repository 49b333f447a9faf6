//! IPv6 as far as the server's own tables need it: a link, a router as a neighbour, and no other host there or behind
//! it. What is sent has left, and is lost.

use super::{Namespace, Rtnl};
use anyhow::{Context, Result};
use std::cell::Cell;
use std::net::Ipv6Addr;

const NIC: &str = "beyond";
/// The router's address on this link, so that a route through it needs no other.
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
/// The server's own address, on `lo`: there the kernel does not ask whether another host has it too.
const OWN: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 1);
/// The server's own address on the link, in the network of the hosts that are on it too.
const OWN_ON_LINK: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 2, 0, 0, 0, 1);
const PREFIX: u8 = 64;

pub struct Beyond {
    rtnl: Rtnl,
    /// The number of addresses asked for so far.
    asked: Cell<u32>,
    /// The other end of the link; it is there as long as this is.
    _router: Namespace,
}

impl Beyond {
    pub fn build() -> Result<Self> {
        let router = Namespace::create()?;
        let rtnl = Rtnl::open()?;
        let [our_mac, their_mac] = [1, 2].map(|end| [2, 0, 0, 6, 0, end]);
        rtnl.add_veth((NIC, our_mac), ("eth0", their_mac), &*router.file()?)?;
        // Only what is asked for is to leave: no solicitation, no question which other host has the address.
        for setting in ["accept_ra", "accept_dad"] {
            let path = format!("/proc/sys/net/ipv6/conf/{NIC}/{setting}");
            std::fs::write(&path, "0").with_context(|| format!("failed to write {path} (CONFIG_IPV6)"))?;
        }
        rtnl.up(NIC)?;
        router.enter(|| Rtnl::open()?.up("eth0"))?;
        rtnl.add_address("lo", OWN, 128)?;
        rtnl.add_address(NIC, OWN_ON_LINK, PREFIX)?;
        rtnl.add_neighbour(NIC, ROUTER, their_mac)?;
        Ok(Beyond { rtnl, asked: Cell::new(0), _router: router })
    }

    /// Gives an address in a network that no packet went to before, with a route to it: since Linux 4.2 a route, and
    /// not each address behind it, has an entry that counts against net.ipv6.route.max_size.
    pub fn behind_the_router(&self) -> Result<Ipv6Addr> {
        let [high, low] = self.one_more();
        let network = Ipv6Addr::new(0xfd00, 1, high, low, 0, 0, 0, 0);
        self.rtnl.add_network6(network, PREFIX, ROUTER, NIC)?;
        Ok(Ipv6Addr::from_bits(network.to_bits() | 1))
    }

    /// Gives the server's own address on the link, and one that no packet went to before and that no host has.
    pub fn on_link(&self) -> [Ipv6Addr; 2] {
        let [high, low] = self.one_more();
        [
            OWN_ON_LINK,
            Ipv6Addr::from_bits(OWN_ON_LINK.to_bits() & !0xffff | 1 << 32 | u128::from(high) << 16 | u128::from(low)),
        ]
    }

    fn one_more(&self) -> [u16; 2] {
        self.asked.set(self.asked.get() + 1);
        [self.asked.get() >> 16, self.asked.get() & 0xffff].map(|part| part as u16)
    }
}
