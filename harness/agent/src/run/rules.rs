//! Reports what the firewall rules of each host had counted when the run ended.

use crate::events::Events;
use crate::net::Topology;
use crate::tune;
use anyhow::{Context, Result};
use tunelab_protocol::{Action, Event, Plan, Ruleset};

/// Reports it for each host with rules, as of `end_us`: it takes programs of the guest, and is the last of a run.
pub fn tell(plan: &Plan, topology: &Topology, events: &Events, end_us: u64) -> Result<()> {
    for host in &plan.hosts {
        let loaded = in_force(plan, &host.name, &host.firewall);
        if loaded.is_empty() {
            continue;
        }
        let rules = topology.host(&host.name)?.enter(|| tune::counted_rules(&loaded));
        let rules = rules.with_context(|| format!("failed to read the rules' counters of host `{}`", host.name))?;
        events.emit_at(end_us, Event::Rules { host: host.name.clone(), rules });
    }
    Ok(())
}

/// The files in force at the end: a change takes away those of its format.
fn in_force(plan: &Plan, host: &str, at_the_start: &[Ruleset]) -> Vec<Ruleset> {
    let mut loaded = at_the_start.to_vec();
    for phase in &plan.phases {
        let mut changes: Vec<_> = phase.changes.iter().collect();
        changes.sort_by_key(|change| change.at_us);
        for change in changes {
            match &change.action {
                Action::Firewall { host: of, rules } if of == host => {
                    loaded.retain(|other| other.format != rules.format);
                    loaded.push(rules.clone());
                }
                Action::Power { host: of, .. } if of == host => loaded = at_the_start.to_vec(),
                _ => {}
            }
        }
    }
    loaded
}
