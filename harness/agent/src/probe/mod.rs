//! Looks at the kernel again and again. One file, one probe; to add one: the file, its kind in the protocol, a line here.

mod conntrack;
mod cpu;
mod entries;
mod kernel_log;
mod lnstat;
mod memory;
mod netstat;
mod nginx_log;
mod open_files;
mod packets;
mod slab;
mod sockets;
mod time_wait;

pub use entries::{EntryWatch, forget as forget_entries};
pub use kernel_log::follow as follow_kernel_log;
pub use nginx_log::NginxLog;
pub use packets::Packets;

use crate::events::Events;
use anyhow::Result;
use std::collections::BTreeMap;
use tunelab_protocol::{Event, ProbeKind};

/// Readings by name; see [`Event::Sample`].
pub type Values = BTreeMap<String, u64>;

/// A probe that is read at its times.
pub struct Sampler {
    kind: ProbeKind,
    /// The readings reported last, for probes that report changes.
    told: Values,
}

impl Sampler {
    /// Makes a sampler; `None` for probes that follow.
    pub fn of(kind: ProbeKind) -> Option<Self> {
        (!ProbeKind::FOLLOWED.contains(&kind)).then(|| Sampler { kind, told: Values::new() })
    }

    /// Reads once and reports.
    pub fn sample(&mut self, events: &Events) -> Result<()> {
        let values = match self.kind {
            ProbeKind::Conntrack => conntrack::read()?,
            ProbeKind::Sockets => self.changed(sockets::read()?),
            ProbeKind::TimeWait => self.changed(time_wait::read()?),
            ProbeKind::Netstat => self.changed(netstat::read()?),
            ProbeKind::Memory => self.changed(memory::read()?),
            ProbeKind::Lnstat => self.changed(lnstat::read()),
            ProbeKind::Slab => self.changed(slab::read()?),
            ProbeKind::OpenFiles => self.changed(open_files::read()?),
            ProbeKind::Cpu => self.changed(cpu::read()?),
            ProbeKind::ConntrackEntries | ProbeKind::KernelLog | ProbeKind::NginxLog => return Ok(()),
        };
        if values.is_empty() {
            return Ok(());
        }
        events.emit(Event::Sample { values });
        Ok(())
    }

    /// Keeps the readings that differ from those reported last; at first all of them.
    fn changed(&mut self, mut values: Values) -> Values {
        values.retain(|name, value| self.told.get(name) != Some(value));
        self.told.extend(values.iter().map(|(name, value)| (name.clone(), *value)));
        values
    }
}
