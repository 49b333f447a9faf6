//! The hosts of a plan: modules, namespaces and links, then each host's rules and sysctls.

use super::rules::Rules;
use crate::events::Events;
use crate::net::Topology;
use crate::serve::nginx;
use crate::tune::{self, Defaults, Nofile, Scale};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use tunelab_protocol::{Event, Host, LimitOf, Plan};

pub fn build(plan: &Plan, scale: &Scale, events: &Events) -> Result<Topology> {
    for module in &plan.modules {
        tune::load_module(&module.name, &scale.module(module))?;
    }
    let topology = Topology::build(plan)?;
    for (network, by) in topology.made_by() {
        events.emit(Event::Link { network: network.to_owned(), by });
    }
    on_each(plan, &topology, |host, _| host.firewall.iter().try_for_each(tune::load_rules))?;
    // Rules load modules, and with them come limits.
    let defaults = on_each(plan, &topology, |_, _| Ok(scale.defaults()))?;
    scale.buckets()?;
    let defaults: BTreeMap<&str, Defaults> = plan.hosts.iter().map(|host| host.name.as_str()).zip(defaults).collect();
    // Some are the whole guest's: another host's must not come after what is set for the server.
    on_each(plan, &topology, |host, of| {
        scale.apply(of, &defaults[host.name.as_str()]);
        Ok(())
    })?;
    on_each(plan, &topology, |host, of| tune::Settings { of, scale, events }.apply(host))?;
    // Only now it is known whether some rule needs conntrack.
    for host in plan.hosts.iter().skip(1).filter(|host| host.firewall.is_empty()) {
        topology.host(&host.name)?.enter(tune::leave_untracked)?;
    }
    Ok(topology)
}

/// Does something in the namespace of each host, with the host's prefix.
fn on_each<T>(plan: &Plan, topology: &Topology, act: impl Fn(&Host, &str) -> Result<T>) -> Result<Vec<T>> {
    let one = |host: &Host| {
        let done = topology.host(&host.name)?.enter(|| act(host, &topology.prefix(&host.name)));
        done.with_context(|| format!("failed to set up host `{}`", host.name))
    };
    plan.hosts.iter().map(one).collect()
}

/// Loads a host's rules and sysctls as at the start.
pub fn tune_again(
    plan: &Plan,
    name: &str,
    (topology, scale): (&Topology, &Scale),
    rules: &mut Rules,
    events: &Events,
) -> Result<()> {
    let host = plan.hosts.iter().find(|host| host.name == name);
    let host = host.with_context(|| format!("the plan has no host `{name}`"))?;
    rules.begin_again(name, &host.firewall, topology, events)?;
    let of = &topology.prefix(name);
    topology.host(name)?.enter(|| tune::Settings { of, scale, events }.apply(host))
}

/// Reports the limits of open files that were asked for.
pub fn report_limits(plan: &Plan, scale: &Scale, events: &Events) -> Result<()> {
    for of in &plan.report_limits {
        let Nofile { soft, hard } = scale.written_files(limit_of(of)?);
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
