//! The hosts of a plan: modules, namespaces and links, then each host's rules and sysctls.

use crate::events::Events;
use crate::net::Topology;
use crate::serve::nginx;
use crate::tune::{self, Nofile};
use anyhow::{Context, Result};
use tunelab_protocol::{Event, Host, LimitOf, Plan};

pub fn build(plan: &Plan, events: &Events) -> Result<Topology> {
    for module in &plan.modules {
        tune::load_module(&module.name, &module.parameters)?;
    }
    let topology = Topology::build(plan)?;
    for (network, by) in topology.made_by() {
        events.emit(Event::Link { network: network.to_owned(), by });
    }
    for host in &plan.hosts {
        let tuned = topology.host(&host.name)?.enter(|| tune(host, &topology.prefix(&host.name), events));
        tuned.with_context(|| format!("failed to set up host `{}`", host.name))?;
    }
    // Only now it is known whether some rule needs conntrack.
    for host in plan.hosts.iter().skip(1).filter(|host| host.firewall.is_empty()) {
        topology.host(&host.name)?.enter(tune::leave_untracked)?;
    }
    Ok(topology)
}

/// Loads a host's rules and sysctls as at the start.
pub fn tune_again(plan: &Plan, name: &str, topology: &Topology, events: &Events) -> Result<()> {
    let host = plan.hosts.iter().find(|host| host.name == name);
    let host = host.with_context(|| format!("the plan has no host `{name}`"))?;
    topology.host(name)?.enter(|| {
        tune::replace_rules(&host.firewall)?;
        tune::apply(host, &topology.prefix(name), events)
    })
}

fn tune(host: &Host, of: &str, events: &Events) -> Result<()> {
    host.firewall.iter().try_for_each(tune::load_rules)?;
    tune::apply(host, of, events)
}

/// Reports the limits of open files that were asked for.
pub fn report_limits(plan: &Plan, events: &Events) -> Result<()> {
    for of in &plan.report_limits {
        let Nofile { soft, hard } = limit_of(of)?;
        events.emit(Event::OpenFileLimit { of: of.to_string(), soft, hard });
    }
    Ok(())
}

fn limit_of(of: &LimitOf) -> Result<Nofile> {
    match of {
        LimitOf::Init => Nofile::of_process(1),
        LimitOf::NginxMaster => Nofile::of_process(nginx::master()?),
        LimitOf::NginxWorker => Nofile::of_process(nginx::worker()?),
        LimitOf::Login(user) => Nofile::of_login(user),
    }
}
