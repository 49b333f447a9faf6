//! Looks at the kernel again and again, and follows what happens.

mod entries;
mod kernel_log;
mod nginx_log;
mod packets;
mod service_log;
mod written;

pub use entries::{EntryWatch, forget as forget_entries};
pub use kernel_log::follow as follow_kernel_log;
pub use nginx_log::NginxLog;
pub use packets::Packets;
pub use service_log::ServiceLog;

use crate::events::Events;
use crate::net::Topology;
use crate::serve::Services;
use crate::{net, tool};
use anyhow::{Context, Error, Result};
use std::rc::Rc;
use tunelab_protocol::probe::{Look, Sampled, Scope, Values, on_host, sampled};
use tunelab_protocol::{Event, Probe};

/// A probe that is read at its times, on one host or several.
pub struct Sampler {
    probe: &'static Sampled,
    of: Vec<String>,
    hosts: Vec<Place>,
}

/// A host that a probe is read on.
struct Place {
    host: Rc<net::Host>,
    /// Its name, which stands before its readings; `None`: it is the server.
    name: Option<String>,
    /// The readings reported last.
    told: Values,
}

/// The probe of which each sample has all readings: a drop counter that stands still says that nothing was refused.
const WHOLE: &str = "conntrack";

impl Sampler {
    /// Makes a sampler; `None` for probes that follow. A host that this variant does not have is left out.
    pub fn of(probe: &Probe, topology: &Topology) -> Result<Option<Self>> {
        let Some(sampled) = sampled(&probe.key) else { return Ok(None) };
        for module in sampled.modules {
            // It may be built in: if it is missing, the probe says so.
            let _ = tool::modprobe(module, "");
        }
        let places = |(server, host): (bool, &Rc<net::Host>)| {
            let asked = if probe.hosts.is_empty() { server } else { probe.hosts.contains(&host.name) };
            let name = (!server).then(|| host.name.clone());
            asked.then(|| Place { host: host.clone(), name, told: Values::new() })
        };
        let hosts = topology.hosts().filter_map(places).collect();
        Ok(Some(Sampler { probe: sampled, of: probe.of.clone(), hosts }))
    }

    /// Reads once on each host, and reports.
    pub fn sample(&mut self, services: &Services, events: &Events) -> Result<()> {
        for place in &mut self.hosts {
            let on = (self.probe.scope == Scope::Host).then_some(place.host.name.as_str());
            let look = Look { of: &self.of, processes: &|service| services.processes(service, on) };
            let read = place.host.enter(|| (self.probe.read)(&look).map_err(Error::msg));
            let values = match &place.name {
                None => read?,
                Some(host) => {
                    let values = read.with_context(|| format!("probe `{}` on host `{host}`", self.probe.key))?;
                    values.into_iter().map(|(name, value)| (on_host(host, &name), value)).collect()
                }
            };
            let values = if self.probe.key == WHOLE { values } else { place.changed(values) };
            if !values.is_empty() {
                events.emit(Event::Sample { values });
            }
        }
        Ok(())
    }
}

impl Place {
    /// Keeps the readings that differ from those reported last; at first all of them.
    fn changed(&mut self, mut values: Values) -> Values {
        values.retain(|name, value| self.told.get(name) != Some(value));
        self.told.extend(values.iter().map(|(name, value)| (name.clone(), *value)));
        values
    }
}
