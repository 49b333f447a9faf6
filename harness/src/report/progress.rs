//! The progress of a run: its clock, its table, its clients.

use std::{fmt, time::Duration};
use tunelab_protocol::{Event, Outcome, Stamped};

/// The progress of one run.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The time in the guest since traffic began.
    pub clock: Duration,
    pub total: Duration,
    start_us: u64,
    table: Option<(u64, u64)>,
    served: u64,
    failed: u64,
}

impl Progress {
    /// Begins the progress of a run that lasts `total` in the guest.
    pub fn of(total: Duration) -> Self {
        Progress { total, ..Self::default() }
    }

    /// Takes in one event of the run.
    pub fn take(&mut self, event: &Stamped) {
        match &event.event {
            Event::Ready => self.start_us = event.at_us,
            Event::Round { outcomes, .. } => {
                for (outcome, counted) in outcomes {
                    let of = if *outcome == Outcome::Served { &mut self.served } else { &mut self.failed };
                    *of += counted.clients;
                }
            }
            Event::Sample { values } => {
                if let (Some(count), Some(max)) = (values.get("conntrack.count"), values.get("conntrack.max")) {
                    self.table = Some((*count, *max));
                }
            }
            _ => {}
        }
        self.clock = Duration::from_micros(event.at_us.saturating_sub(self.start_us));
    }

    /// Returns the whole days gone by; a line is written once for each.
    pub fn day(&self) -> u64 {
        self.clock.as_secs() / 86_400
    }
}

/// Writes `day 3, 14:05  table 512/700  served 1203  failed 12`.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.clock.as_secs() / 60;
        write!(f, "day {}, {:02}:{:02}", self.day() + 1, minutes / 60 % 24, minutes % 60)?;
        if let Some((count, max)) = self.table {
            write!(f, "  table {count}/{max}")?;
        }
        write!(f, "  served {}  failed {}", self.served, self.failed)
    }
}
