//! Joins two hosts: by a veth pair, with netem at both ends if packets are to be late or lost; where the kernel has no
//! netem, by two TAP devices with the agent between them.

use super::{Namespace, Rtnl, netem, relay, relay::Relay, tap};
use anyhow::Result;
use tunelab_protocol::{Conditions, Link, LinkBy};

/// The part that makes a link.
pub enum Made {
    /// Packets simply arrive.
    Plain,
    Netem,
    Agent(Relay),
}

impl Made {
    pub fn by(&self) -> Option<LinkBy> {
        match self {
            Made::Plain => None,
            Made::Netem => Some(LinkBy::Netem),
            Made::Agent(_) => Some(LinkBy::Agent),
        }
    }
}

/// Makes both ends. The conditions of a link that `changes` can be changed later, whatever they are now.
pub fn join(link: &Link, hosts: [&Namespace; 2], changes: bool, seed: u64) -> Result<Made> {
    let by = maker(link.conditions, changes)?;
    let [here, there] = [0, 1].map(|end| (link.ends[end].interface.as_str(), link.mac(end)));
    if by == Some(LinkBy::Agent) {
        let open = |end: usize| hosts[end].enter(|| tap::open(&link.ends[end].interface));
        let ends = [open(0)?, open(1)?];
        for ((name, mac), host) in [here, there].into_iter().zip(hosts) {
            host.enter(|| Rtnl::open()?.set_mac(name, mac))?;
        }
        return Ok(Made::Agent(relay::start(ends, link.conditions, seed)?));
    }
    let other = hosts[1].file()?;
    hosts[0].enter(|| Rtnl::open()?.add_veth(here, there, &*other))?;
    if by.is_none() {
        return Ok(Made::Plain);
    }
    for ((name, _), host) in [here, there].into_iter().zip(hosts) {
        host.enter(|| netem::apply(&Rtnl::open()?, name, link.conditions))?;
    }
    Ok(Made::Netem)
}

fn maker(conditions: Conditions, changes: bool) -> Result<Option<LinkBy>> {
    Ok(match conditions.by {
        _ if conditions.is_plain() && !changes => None,
        Some(by) => Some(by),
        None if netem::is_there(conditions)? => Some(LinkBy::Netem),
        None => Some(LinkBy::Agent),
    })
}
