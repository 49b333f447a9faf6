//! The parts of a file that a phase, its search and its changes can refer to.

use super::{
    model::{Clients, Host, Network},
    section::Section,
    topology::place,
    units::Scale,
};
use std::collections::BTreeSet;
use tunelab_protocol::Service;

/// The names that a phase can refer to.
pub struct Known<'a> {
    pub clients: Vec<String>,
    pub hosts: Vec<&'a str>,
    pub networks: &'a [Network],
    pub services: &'a [Service],
    /// Services that were read or refused.
    pub service_names: Vec<String>,
    /// Hosts and networks that clients live on.
    pub clients_on: BTreeSet<String>,
    pub scale: Scale,
}

impl<'a> Known<'a> {
    pub fn of(
        parts: &Section<'_>,
        hosts: &'a [Host],
        networks: &'a [Network],
        services: &'a [Service],
        clients: &[Clients],
    ) -> Self {
        Known {
            clients: parts.names_of("clients"),
            hosts: hosts.iter().map(|host| host.name.as_str()).collect(),
            networks,
            services,
            service_names: parts.names_of("service"),
            clients_on: clients.iter().map(|clients| place(clients).to_owned()).collect(),
            scale: Scale::default(),
        }
    }
}
