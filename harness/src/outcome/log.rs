//! The texts in the kernel's log, and how often each came.

use super::record::Record;
use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::Event;

/// The kernel's log since traffic began.
#[derive(Debug, Clone, Serialize)]
pub struct Log {
    /// Lines since traffic began, without the kernel's own remarks about lines it left out.
    pub lines: u64,
    /// Lines the kernel left out, by its own count ("N callbacks suppressed").
    pub suppressed: u64,
    /// How often each text came.
    pub texts: BTreeMap<String, u64>,
}

impl Log {
    /// Counts the lines of the log by their text.
    pub fn of(record: &Record) -> Self {
        let mut texts = BTreeMap::<String, u64>::new();
        for text in since_traffic(record).filter(|text| left_out(text).is_none()) {
            *texts.entry(text.trim().to_owned()).or_default() += 1;
        }
        Log { lines: texts.values().sum(), suppressed: suppressed(record), texts }
    }
}

fn since_traffic(record: &Record) -> impl Iterator<Item = &str> {
    let start = record.start_us();
    record.events.iter().filter(move |e| e.at_us >= start).filter_map(|stamped| match &stamped.event {
        Event::Log { text, .. } => Some(text.as_str()),
        _ => None,
    })
}

/// Returns the number of lines that the kernel left out, by its own count.
pub fn suppressed(record: &Record) -> u64 {
    since_traffic(record).filter_map(left_out).sum()
}

/// Returns the number of lines with this text, of a phase or since traffic began; without a text it counts all lines
/// but the kernel's remarks about lines it left out.
pub fn lines(record: &Record, wanted: Option<&str>, phase: Option<&str>) -> u64 {
    let counts = |text: &str| wanted.map_or_else(|| left_out(text).is_none(), |wanted| text.contains(wanted));
    let (mut inside, mut found) = (false, 0);
    for stamped in &record.events {
        match &stamped.event {
            Event::Ready => inside = phase.is_none(),
            Event::Phase { name } if phase.is_some() => inside = Some(name.as_str()) == phase,
            Event::Log { text, .. } if inside && counts(text) => found += 1,
            _ => {}
        }
    }
    found
}

/// Returns when the kernel said that the conntrack table was full, in microseconds, and how many packets it dropped for
/// that.
pub fn refusals(record: &Record) -> Vec<(u64, u64)> {
    let (start, mut full) = (record.start_us(), false);
    let said = record.events.iter().filter(|e| e.at_us >= start).filter_map(|stamped| {
        let Event::Log { text, .. } = &stamped.event else { return None };
        full |= text.contains(FULL);
        let drops = if text.contains(FULL) { Some(1) } else { left_out(text).filter(|_| full) };
        drops.map(|drops| (stamped.at_us, drops))
    });
    said.collect()
}

/// The part of the message that all versions have (`__nf_conntrack_alloc`); what follows differs.
const FULL: &str = "nf_conntrack: table full";

/// Returns the number in `net_ratelimit: 805 callbacks suppressed`.
fn left_out(text: &str) -> Option<u64> {
    let count = text.trim().strip_suffix(" callbacks suppressed")?;
    count.rsplit(' ').next()?.parse().ok()
}
