//! Joins a site to the server: by a veth pair, with netem at both ends if packets are to be late or lost; where the
//! kernel has no netem, by two TAP devices with the agent between them.

use super::{Namespace, Rtnl, netem, relay, rtnl::Mac, tap};
use anyhow::Result;
use tunelab_protocol::{Link, LinkBy};

/// One end: its name and Ethernet address.
pub type End<'a> = (&'a str, Mac);

/// Makes both ends, the first one here, the other in the site; returns what makes the network between them, if it does
/// anything.
pub fn join(here: End<'_>, there: End<'_>, site: &Namespace, link: Link, seed: u64) -> Result<Option<LinkBy>> {
    let by = maker(link)?;
    let server = Rtnl::open()?;
    if by == Some(LinkBy::Agent) {
        let ends = [tap::open(here.0)?, site.enter(|| tap::open(there.0))?];
        server.set_mac(here.0, here.1)?;
        site.enter(|| Rtnl::open()?.set_mac(there.0, there.1))?;
        relay::start(ends, link, seed)?;
    } else {
        server.add_veth(here, there, site.file())?;
    }
    if by == Some(LinkBy::Netem) {
        netem::apply(&server, here.0, link)?;
        site.enter(|| netem::apply(&Rtnl::open()?, there.0, link))?;
    }
    Ok(by)
}

fn maker(link: Link) -> Result<Option<LinkBy>> {
    Ok(match link.by {
        _ if link.is_plain() => None,
        Some(by) => Some(by),
        None if netem::is_there()? => Some(LinkBy::Netem),
        None => Some(LinkBy::Agent),
    })
}
