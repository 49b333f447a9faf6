//! Looks at the kernel again and again. One file, one probe; to add one: the file, its kind in the protocol, a line here.

mod conntrack;
mod entries;
mod kernel_log;
mod memory;
mod netstat;
mod sockets;

pub use entries::{EntryWatch, forget as forget_entries};
pub use kernel_log::follow as follow_kernel_log;

use crate::events::Events;
use anyhow::Result;
use std::collections::BTreeMap;
use tunelab_protocol::{Event, ProbeKind};

/// Readings by name; see [`Event::Sample`].
pub type Values = BTreeMap<String, u64>;

/// A probe that is read at its times. (The others watch: entries, kernel log.)
pub struct Sampler {
    kind: ProbeKind,
    drops: u64,
}

impl Sampler {
    /// `None` for those that watch.
    pub fn of(kind: ProbeKind) -> Option<Self> {
        (!matches!(kind, ProbeKind::ConntrackEntries | ProbeKind::KernelLog)).then_some(Sampler { kind, drops: 0 })
    }

    /// Reads once and tells.
    pub fn sample(&mut self, events: &Events) -> Result<()> {
        let values = match self.kind {
            ProbeKind::Conntrack => conntrack::read()?,
            ProbeKind::Sockets => sockets::read()?,
            ProbeKind::Netstat => netstat::read()?,
            ProbeKind::Memory => memory::read()?,
            ProbeKind::ConntrackEntries | ProbeKind::KernelLog => return Ok(()),
        };
        let drops = values.get(conntrack::DROP).copied().unwrap_or(0);
        events.emit(Event::Sample { values });
        if drops > self.drops {
            events.emit(Event::TableFull { drops: drops - self.drops });
            self.drops = drops;
        }
        Ok(())
    }
}
