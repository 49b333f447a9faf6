//! Builds the hosts of a plan and joins them by its links.

use super::{
    Host, Namespace, host,
    join::{Made, join},
    netem,
};
use anyhow::{Context, Result};
use std::rc::Rc;
use tunelab_protocol::{Action, Conditions, Link, LinkBy, Plan, Route};

pub struct Topology {
    hosts: Vec<Rc<Host>>,
    links: Vec<Joined>,
}

struct Joined {
    link: Link,
    made: Made,
}

impl Topology {
    pub fn build(plan: &Plan) -> Result<Self> {
        let ipv6_of = |name: &str| plan.links.iter().any(|link| link.ipv6 && link.end_of(name).is_some());
        let mut hosts = Vec::new();
        for (number, host) in plan.hosts.iter().enumerate() {
            let namespace = if number == 0 { Namespace::Home } else { Namespace::create()? };
            let built = Host::of(namespace, host, ipv6_of(&host.name));
            hosts.push(Rc::new(built.with_context(|| format!("failed to build host `{}`", host.name))?));
        }
        let mut topology = Topology { hosts, links: Vec::new() };
        for link in &plan.links {
            let made = topology.join(link, changes(plan, link), plan.seed);
            let made = made.with_context(|| format!("failed to build network `{}`", link.network))?;
            topology.links.push(Joined { link: link.clone(), made });
        }
        for host in &plan.hosts {
            for route in &host.routes {
                topology.route(&host.name, route)?;
            }
        }
        Ok(topology)
    }

    pub fn host(&self, name: &str) -> Result<&Rc<Host>> {
        self.hosts.iter().find(|host| host.name == name).with_context(|| format!("the plan has no host `{name}`"))
    }

    /// All hosts, each with whether it is the server, which is the first.
    pub fn hosts(&self) -> impl Iterator<Item = (bool, &Rc<Host>)> {
        self.hosts.iter().enumerate().map(|(number, host)| (number == 0, host))
    }

    /// The prefix of this host's settings in events: nothing for the server.
    pub fn prefix(&self, name: &str) -> String {
        let is_server = self.hosts.first().is_some_and(|server| server.name == name);
        if is_server { String::new() } else { format!("{name}: ") }
    }

    /// The networks that delay or lose packets, and the part that makes each.
    pub fn made_by(&self) -> impl Iterator<Item = (&str, LinkBy)> {
        self.links.iter().filter_map(|joined| Some((joined.link.network.as_str(), joined.made.by()?)))
    }

    /// Changes all links of a network.
    pub fn change(&self, network: &str, conditions: Conditions) -> Result<()> {
        let mut links = self.links.iter().filter(|joined| joined.link.network == network);
        links.try_for_each(|joined| self.change_link(joined, conditions))
    }

    fn change_link(&self, joined: &Joined, conditions: Conditions) -> Result<()> {
        if let Made::Agent(relay) = &joined.made {
            relay.set(conditions);
            return Ok(());
        }
        for end in &joined.link.ends {
            let host = self.host(&end.host)?;
            host.enter(|| netem::apply(host.rtnl(), &end.interface, conditions))?;
        }
        Ok(())
    }

    /// Makes all links of a network lose every packet, or be as they were at the start.
    pub fn cut(&self, network: &str, cut: bool) -> Result<()> {
        let link = self.links.iter().find(|joined| joined.link.network == network);
        let usual = link.with_context(|| format!("the plan has no network `{network}`"))?.link.conditions;
        self.change(network, if cut { lost(usual) } else { usual })
    }

    /// Makes all links of a host lose every packet, or be as they were at the start.
    pub fn cut_off(&self, host: &str, cut: bool) -> Result<()> {
        let mut links = self.links.iter().filter(|joined| joined.link.end_of(host).is_some());
        links.try_for_each(|joined| {
            let usual = joined.link.conditions;
            self.change_link(joined, if cut { lost(usual) } else { usual })
        })
    }

    fn join(&self, link: &Link, changes: bool, seed: u64) -> Result<Made> {
        let hosts = [self.host(&link.ends[0].host)?, self.host(&link.ends[1].host)?];
        let namespaces = [&hosts[0].namespace, &hosts[1].namespace];
        let made = join(link, namespaces, changes, seed ^ u64::from(link.number))?;
        for (end, host) in hosts.into_iter().enumerate() {
            let (nic, other, rtnl) = (&link.ends[end].interface, 1 - end, host.rtnl());
            host.enter(|| {
                if link.ipv6 {
                    host::quieten_ipv6(nic)?
                } else {
                    host::silence_ipv6(nic)?
                }
                link.mtu.map_or(Ok(()), |bytes| rtnl.set_mtu(nic, bytes))?;
                rtnl.add_address(nic, link.address(end), 30)?;
                rtnl.up(nic)?;
                rtnl.add_neighbour(nic, link.address(other), link.mac(other))?;
                if link.ipv6 {
                    rtnl.add_address(nic, link.address6(end), 64)?;
                    rtnl.add_neighbour(nic, link.address6(other), link.mac(other))?;
                }
                Ok(())
            })?;
        }
        Ok(made)
    }

    fn route(&self, name: &str, route: &Route) -> Result<()> {
        let link = self.links.iter().map(|joined| &joined.link).find(|link| link.number == route.link);
        let link = link.with_context(|| format!("the plan has no link {}", route.link))?;
        let end = link.end_of(name).with_context(|| format!("`{name}` is not on link {}", route.link))?;
        let host = self.host(name)?;
        if route.on_link {
            self.know_neighbour(route, link, end)?;
        }
        host.enter(|| host.rtnl().add_route(route, link, end))
    }

    /// Tells the other end where the host is that will ask it for addresses by ARP. Else that question makes an entry in
    /// the neighbour table, which the answers are to fill.
    fn know_neighbour(&self, route: &Route, link: &Link, end: usize) -> Result<()> {
        let Some(source) = route.source else { return Ok(()) };
        let other = self.host(&link.ends[1 - end].host)?;
        other.enter(|| other.rtnl().add_neighbour(&link.ends[1 - end].interface, source, link.mac(end)))
    }
}

fn lost(usual: Conditions) -> Conditions {
    Conditions { loss_ppm: 1_000_000, ..usual }
}

/// Whether some phase changes the conditions of this link.
fn changes(plan: &Plan, link: &Link) -> bool {
    let mut actions = plan.phases.iter().flat_map(|phase| &phase.changes).map(|change| &change.action);
    actions.any(|action| match action {
        Action::Network { network, .. } | Action::Cut { network, .. } => *network == link.network,
        Action::Power { host, .. } => link.end_of(host).is_some(),
        _ => false,
    })
}
