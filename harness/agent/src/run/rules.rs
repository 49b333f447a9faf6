//! The firewall rules of each host while a run lasts, and what they count.

use crate::events::Events;
use crate::net::Topology;
use crate::tune;
use anyhow::{Context, Result};
use tunelab_protocol::{CountedRule, Event, Plan, Ruleset};

/// Each host of the plan, in its order, with the files that were loaded there.
pub struct Rules(Vec<(String, Vec<Ruleset>)>);

impl Rules {
    /// The files that [`super::hosts::build`] has loaded.
    pub fn loaded_by(plan: &Plan) -> Self {
        Rules(plan.hosts.iter().map(|host| (host.name.clone(), host.firewall.clone())).collect())
    }

    /// Loads files in the place of the rules that they replace. What those have counted would be lost with them, so it is
    /// reported before.
    pub fn replace(&mut self, host: &str, files: &[Ruleset], topology: &Topology, events: &Events) -> Result<()> {
        let loaded = self.of(host)?;
        let counted = read(host, topology, || tune::counted_rules_replaced(loaded, files))?;
        report(host, counted, events);
        topology.host(host)?.enter(|| tune::replace_rules(loaded, files))
    }

    /// Loads the files of the start after a loss of power: all other rules are gone, with what they have counted, which is
    /// reported before.
    pub fn begin_again(&mut self, host: &str, files: &[Ruleset], topology: &Topology, events: &Events) -> Result<()> {
        let loaded = self.of(host)?;
        let counted = read(host, topology, || tune::counted_rules(loaded))?;
        report(host, counted, events);
        topology.host(host)?.enter(|| tune::remove_rules(loaded))?;
        loaded.clear();
        topology.host(host)?.enter(|| tune::replace_rules(loaded, files))
    }

    fn of(&mut self, host: &str) -> Result<&mut Vec<Ruleset>> {
        let loaded = self.0.iter_mut().find(|(name, _)| name == host).map(|(_, loaded)| loaded);
        loaded.with_context(|| format!("the plan has no host `{host}`"))
    }

    /// Reports the counters of each host with rules, as of `end_us`: it takes programs of the guest, and is the last of a
    /// run.
    pub fn tell(&self, topology: &Topology, events: &Events, end_us: u64) -> Result<()> {
        for (host, loaded) in self.0.iter().filter(|(_, loaded)| !loaded.is_empty()) {
            let rules = read(host, topology, || tune::counted_rules(loaded))?;
            events.emit_at(end_us, Event::Rules { host: host.clone(), rules });
        }
        Ok(())
    }
}

fn report(host: &str, rules: Vec<CountedRule>, events: &Events) {
    if !rules.is_empty() {
        events.emit(Event::Rules { host: host.to_owned(), rules });
    }
}

fn read(host: &str, topology: &Topology, of: impl FnOnce() -> Result<Vec<CountedRule>>) -> Result<Vec<CountedRule>> {
    let rules = topology.host(host)?.enter(of);
    rules.with_context(|| format!("failed to read the rules' counters of host `{host}`"))
}
