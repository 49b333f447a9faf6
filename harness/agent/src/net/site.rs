//! A place on the other side of the server: a namespace joined to it, with addresses of its own.

use super::{Manner, Namespace, Rtnl, join::join};
use anyhow::{Context, Result};
use std::net::Ipv4Addr;
use tunelab_protocol::{Link, LinkBy, Subnet};

/// The site's end of the link to the server, as the site sees it.
pub const NIC: &str = "eth0";

pub struct Site {
    pub namespace: Namespace,
    /// The maker of the network on the way there, if it delays or loses anything.
    pub link_by: Option<LinkBy>,
    rtnl: Rtnl,
}

/// The description of a site.
pub struct Layout {
    /// The site's number among all sites, from 1.
    pub number: u8,
    /// All addresses of the site.
    pub subnet: Subnet,
    pub link: Link,
    /// Seed of the chance by which a network made by the agent loses packets.
    pub seed: u64,
    /// The addresses are on the server's link; else they lie behind a route, with one neighbour for all of them (on-link
    /// peers would fill the neighbour table, which all namespaces share).
    pub on_link: bool,
    /// The addresses answer nothing.
    pub silent: bool,
    /// The source address of the server's packets.
    pub server: Ipv4Addr,
    /// Options of the server's route to the addresses, if they lie behind one.
    pub manner: Manner,
}

impl Site {
    pub fn build(layout: &Layout) -> Result<Self> {
        let Layout { number, subnet, link, .. } = *layout;
        let namespace = Namespace::create()?;
        let here = format!("site{number}");
        let [ours, theirs] = [1, 2].map(|end| Ipv4Addr::new(10, 255, number, end));
        // Locally administered.
        let [our_mac, their_mac] = [1, 2].map(|end| [2, 0, 0, 0, number, end]);
        let link_by = join((&here, our_mac), (NIC, their_mac), &namespace, link, layout.seed ^ u64::from(number))?;
        let server = Rtnl::open()?;
        silence_ipv6(&here).context("failed to turn IPv6 off on a site's link")?;
        server.add_address(&here, ours, 30)?;
        server.up(&here)?;
        server.add_neighbour(&here, theirs, their_mac)?;
        let rtnl = namespace.enter(|| {
            ["all", "default"].into_iter().try_for_each(silence_ipv6).context("failed to turn IPv6 off in a site")?;
            let rtnl = Rtnl::open()?;
            rtnl.up("lo")?;
            rtnl.add_address(NIC, theirs, 30)?;
            rtnl.up(NIC)?;
            rtnl.add_neighbour(NIC, ours, our_mac)?;
            if layout.on_link {
                // Else the server's ARP request makes an entry in the same table that the server's answers fill.
                rtnl.add_neighbour(NIC, layout.server, our_mac)?;
            }
            if layout.silent {
                rtnl.black_hole(subnet.address(), subnet.prefix())?;
            } else {
                rtnl.add_local(subnet)?;
            }
            rtnl.add_route(None, ours, Manner::default())?;
            Ok(rtnl)
        })?;
        if layout.on_link {
            server.add_on_link(subnet, &here, layout.server)?;
        } else {
            server.add_route(Some(subnet), theirs, layout.manner)?;
        }
        Ok(Site { namespace, link_by, rtnl })
    }

    /// From now on this address neither receives nor sends.
    pub fn depart(&self, address: Ipv4Addr) -> Result<()> {
        self.rtnl.black_hole(address, 32)
    }
}

/// Turns IPv6 off: it is not used there, and router solicitations, which never end, would only wake the machine.
fn silence_ipv6(scope: &str) -> Result<()> {
    let path = format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
    if std::path::Path::new(&path).exists() {
        std::fs::write(path, "1")?;
    }
    Ok(())
}
