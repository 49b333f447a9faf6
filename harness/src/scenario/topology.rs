//! Makes hosts, links and routes of a setup. All functions are pure.
//!
//! A network that joins two hosts and has no clients is one link. Any other is a host of its own in the plan: its router,
//! on which its clients live, joined to each of its hosts by a link.

use super::model::{Clients, From, Host, Network, Setup};
use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};
use tunelab_protocol::{self as protocol, End, IpNet, Link, Protocol, Range, Route};

pub struct Topology<'a> {
    setup: &'a Setup,
    /// The names of all hosts of the plan: those of the setup, then the networks with clients or many hosts.
    names: Vec<&'a str>,
    pub links: Vec<Link>,
}

impl<'a> Topology<'a> {
    pub fn of(setup: &'a Setup) -> Self {
        let hosts = setup.hosts.iter().map(|host| host.name.as_str());
        let routers = setup.networks.iter().filter(|network| has_router(setup, network)).map(|n| n.name.as_str());
        let names = hosts.chain(routers).collect();
        let mut topology = Topology { setup, names, links: Vec::new() };
        let ipv6 = uses_ipv6(setup);
        for network in &setup.networks {
            topology.join(network, ipv6);
        }
        topology
    }

    fn join(&mut self, network: &Network, ipv6: bool) {
        let link = |number: usize, ends| Link {
            number: number as u8,
            network: network.name.clone(),
            ends,
            conditions: network.conditions,
            mtu: network.mtu,
            ipv6,
        };
        let end = |host: &str, interface: String| End { host: host.to_owned(), interface };
        if has_router(self.setup, network) {
            for (n, host) in network.hosts.iter().enumerate() {
                let ends = [end(host, network.interface.clone()), end(&network.name, format!("link{}", n + 1))];
                self.links.push(link(self.links.len() + 1, ends));
            }
        } else if let [a, b] = &network.hosts[..] {
            let ends = [a, b].map(|host| end(host, network.interface.clone()));
            self.links.push(link(self.links.len() + 1, ends));
        }
    }

    /// Returns the hosts of the plan; `tuned` adds to a host of the setup what has nothing to do with the topology.
    pub fn hosts(&self, tuned: impl Fn(&Host, protocol::Host) -> protocol::Host) -> Vec<protocol::Host> {
        let of = |name: &&str| {
            let host = self.setup.hosts.iter().find(|host| host.name == **name);
            let bare = protocol::Host {
                name: (*name).to_owned(),
                addresses: host.map(|host| host.addresses.clone()).unwrap_or_default(),
                ranges: if host.is_none() { self.ranges(name).collect() } else { Vec::new() },
                forwards: host.is_none_or(|host| host.forwards) && self.links_of(name).count() > 1,
                routes: self.routes(name, host),
                firewall: Vec::new(),
                sysctl_files: Vec::new(),
                sysctls: Vec::new(),
                report_sysctls: Vec::new(),
            };
            match host {
                Some(host) => tuned(host, bare),
                None => bare,
            }
        };
        self.names.iter().map(of).collect()
    }

    /// Returns the names of a host's interfaces, without `lo`.
    pub fn interfaces(&self, name: &str) -> impl Iterator<Item = &str> {
        self.links_of(name)
            .flat_map(|link| &link.ends)
            .filter(move |end| end.host == name)
            .map(|e| e.interface.as_str())
    }

    fn links_of(&self, name: &str) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.end_of(name).is_some())
    }

    /// Returns the addresses of the clients that live in a network.
    fn ranges(&self, network: &str) -> impl Iterator<Item = Range> {
        self.setup.clients.iter().filter_map(move |clients| match &clients.from {
            From::Network { network: of, addresses } if of == network => {
                Some(Range { subnet: *addresses, silent: clients.visit.protocol == Protocol::Syn })
            }
            _ => None,
        })
    }

    /// Returns the routes of a host to every address that it can reach. A router with one link sends everything by it, as
    /// does any host but the server.
    fn routes(&self, name: &str, host: Option<&Host>) -> Vec<Route> {
        let by = self.first_links(name);
        let route = |to: IpNet, link: &Link| {
            let source = host.and_then(|host| host.addresses.iter().find(|own| own.is_ipv4() == to.addr().is_ipv4()));
            Route {
                to,
                link: link.number,
                on_link: self.is_on_link(to, link, name),
                source: source.copied(),
                initcwnd: host.and_then(|host| host.initcwnd),
                rto_min_us: host.and_then(|host| host.rto_min_us),
            }
        };
        let mut routes: Vec<Route> = Vec::new();
        let own: Vec<&Link> = self.links_of(name).collect();
        if let [only] = own[..]
            && host.is_none_or(|host| self.setup.hosts.first().is_some_and(|server| server.name != host.name))
        {
            let all = ["0.0.0.0/0", "::/0"].map(|all| all.parse::<IpNet>().expect("a subnet"));
            routes.extend(all.into_iter().filter(|to| to.addr().is_ipv4() || only.ipv6).map(|to| route(to, only)));
            let near = |other: &&&str| only.end_of(other).is_some() && **other != name;
            let on_link = self.names.iter().filter(near).flat_map(|other| self.destinations(other));
            routes.extend(on_link.map(|to| route(to, only)).filter(|route| route.on_link));
            return routes;
        }
        for other in self.names.iter().filter(|other| **other != name) {
            let Some(link) = by.get(other) else { continue };
            routes.extend(self.destinations(other).into_iter().map(|to| route(to, link)));
        }
        // Some rules (MASQUERADE) give packets the address of a link: the answers have to find it.
        for link in self.links.iter().filter(|link| link.end_of(name).is_none()) {
            let Some(first) = by.get(link.ends[0].host.as_str()) else { continue };
            let subnet = IpNet::new(IpAddr::from(link.address(0)), 30).expect("a prefix").trunc();
            routes.push(Route { on_link: false, ..route(subnet, first) });
        }
        routes
    }

    /// Whether a host looks for these addresses on the link itself: the link's network says so, and the addresses are at
    /// its other end. That end does not ask: its own entries would be in the same table.
    fn is_on_link(&self, to: IpNet, link: &Link, name: &str) -> bool {
        let network = self.setup.networks.iter().find(|network| network.name == link.network);
        let near = || self.destinations(&link.ends[1].host).contains(&to);
        link.ends[0].host == name && network.is_some_and(|network| network.on_link) && near()
    }

    /// Returns all addresses of a host of the plan.
    fn destinations(&self, name: &str) -> Vec<IpNet> {
        let host = self.setup.hosts.iter().find(|host| host.name == name);
        match host {
            Some(host) => host.addresses.iter().map(|address| IpNet::from(*address)).collect(),
            None => self.ranges(name).map(|range| range.subnet).collect(),
        }
    }

    /// Returns the first link on the shortest way to each other host. Only routers and hosts that forward lie between.
    fn first_links(&self, from: &str) -> BTreeMap<&str, &Link> {
        let mut first: BTreeMap<&str, &Link> = BTreeMap::new();
        let mut open: VecDeque<&str> = self.names.iter().filter(|name| **name == from).copied().collect();
        while let Some(name) = open.pop_front() {
            if name != from && !self.forwards(name) {
                continue;
            }
            for link in self.links_of(name) {
                let Some(end) = link.end_of(name) else { continue };
                let Some(other) = self.names.iter().find(|other| **other == link.ends[1 - end].host) else { continue };
                if *other == from || first.contains_key(other) {
                    continue;
                }
                let way = first.get(name).copied().unwrap_or(link);
                first.insert(other, way);
                open.push_back(other);
            }
        }
        first
    }

    fn forwards(&self, name: &str) -> bool {
        self.setup.hosts.iter().find(|host| host.name == name).is_none_or(|host| host.forwards)
    }

    /// Says why clients do not reach their target. An address that no host has may be one that a rule translates.
    pub fn reaches(&self, clients: &Clients) -> Result<(), String> {
        let from = place(clients);
        let target = clients.target.ip();
        if target.is_loopback() {
            return Ok(());
        }
        let Some(to) = self.setup.hosts.iter().find(|host| host.addresses.contains(&target)) else {
            return match self.links_of(from).next() {
                Some(_) => Ok(()),
                None => Err(format!("the clients `{}` are on no network with a host", clients.name)),
            };
        };
        if to.name == from || self.first_links(from).contains_key(to.name.as_str()) {
            return Ok(());
        }
        Err(format!("the clients `{}` cannot reach host `{}`", clients.name, to.name))
    }

    /// Returns the delay of all links on the way of these clients' packets to their target, in microseconds.
    pub fn delay_us(&self, clients: &Clients) -> u64 {
        let target = clients.target.ip();
        let to = self.setup.hosts.iter().find(|host| host.addresses.contains(&target));
        let Some(to) = to.map(|host| host.name.as_str()) else { return 0 };
        let (mut at, mut delay_us) = (place(clients), 0);
        for _ in 0..=self.names.len() {
            let Some(link) = self.first_links(at).get(to).copied() else { break };
            delay_us += link.conditions.delay_us;
            let Some(end) = link.end_of(at) else { break };
            let next = self.names.iter().find(|name| **name == link.ends[1 - end].host);
            at = next.copied().unwrap_or(to);
            if at == to {
                break;
            }
        }
        delay_us
    }
}

/// The host of the plan on which clients live.
pub fn place(clients: &Clients) -> &str {
    match &clients.from {
        From::Network { network, .. } => network,
        From::Host(host) => host,
    }
}

fn has_router(setup: &Setup, network: &Network) -> bool {
    let lives_there =
        |clients: &Clients| matches!(clients.from, From::Network { .. }) && place(clients) == network.name;
    network.hosts.len() > 2 || setup.clients.iter().any(lives_there)
}

fn uses_ipv6(setup: &Setup) -> bool {
    let of_clients =
        |clients: &Clients| matches!(&clients.from, From::Network { addresses, .. } if addresses.addr().is_ipv6());
    setup.hosts.iter().flat_map(|host| &host.addresses).any(IpAddr::is_ipv6) || setup.clients.iter().any(of_clients)
}
