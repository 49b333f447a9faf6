//! Looks at the kernel again and again, and follows what happens.

mod entries;
mod kernel_log;
mod nginx_log;
mod packets;

pub use entries::{EntryWatch, forget as forget_entries};
pub use kernel_log::follow as follow_kernel_log;
pub use nginx_log::NginxLog;
pub use packets::Packets;

use crate::events::Events;
use anyhow::{Error, Result};
use tunelab_protocol::Event;
use tunelab_protocol::probe::{Sampled, Values, sampled};

/// A probe that is read at its times.
pub struct Sampler {
    probe: &'static Sampled,
    /// The readings reported last.
    told: Values,
}

/// The probe of which each sample has all readings: a drop counter that stands still says that nothing was refused.
const WHOLE: &str = "conntrack";

impl Sampler {
    /// Makes a sampler; `None` for probes that follow.
    pub fn of(key: &str) -> Option<Self> {
        sampled(key).map(|probe| Sampler { probe, told: Values::new() })
    }

    /// Reads once and reports.
    pub fn sample(&mut self, events: &Events) -> Result<()> {
        let values = (self.probe.read)().map_err(Error::msg)?;
        let values = if self.probe.key == WHOLE { values } else { self.changed(values) };
        if !values.is_empty() {
            events.emit(Event::Sample { values });
        }
        Ok(())
    }

    /// Keeps the readings that differ from those reported last; at first all of them.
    fn changed(&mut self, mut values: Values) -> Values {
        values.retain(|name, value| self.told.get(name) != Some(value));
        self.told.extend(values.iter().map(|(name, value)| (name.clone(), *value)));
        values
    }
}
