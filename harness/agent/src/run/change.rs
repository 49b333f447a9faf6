//! Changes to the running machine.

use super::hosts;
use super::rules::Rules;
use crate::events::Events;
use crate::net::Topology;
use crate::serve::Services;
use crate::tune::Scale;
use crate::{probe, tune};
use anyhow::Result;
use tunelab_protocol::{Action, Event, Phase, Plan};

/// Makes a change, and reports it once it is made.
pub async fn make(
    plan: &Plan,
    phase: &Phase,
    number: usize,
    (topology, scale): (&Topology, &Scale),
    services: &mut Services,
    rules: &mut Rules,
    events: &Events,
) -> Result<()> {
    let change = &phase.changes[number].action;
    match change {
        Action::Sysctl { host, sysctl } => {
            let of = &topology.prefix(host);
            topology.host(host)?.enter(|| tune::Settings { of, scale, events }.change(sysctl))?
        }
        Action::Firewall { host, rules: files } => rules.replace(host, files, topology, events)?,
        Action::FlushConntrack { host } => topology.host(host)?.enter(probe::forget_entries)?,
        Action::Service { service, operation } => services.operate(service, *operation).await?,
        Action::ResponseTime { service, us } => services.set_response_time(service, *us)?,
        Action::Network { network, conditions } => topology.change(network, *conditions)?,
        Action::Power { host, on: false } => {
            topology.cut_off(host, true)?;
            topology.host(host)?.enter(probe::forget_entries)?;
        }
        Action::Power { host, on: true } => {
            hosts::tune_again(plan, host, (topology, scale), rules, events)?;
            topology.cut_off(host, false)?;
        }
        Action::Cut { network, cut } => topology.cut(network, *cut)?,
    }
    events.emit(Event::Changed { phase: phase.name.clone(), change: change.clone() });
    Ok(())
}
