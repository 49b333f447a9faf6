//! The lines of nginx's error log, and how often each kind came.

use super::record::Record;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tunelab_protocol::Event;

/// nginx's error log in one run.
#[derive(Debug, Clone, Serialize)]
pub struct NginxLog {
    /// All lines from nginx's start to the end.
    pub lines: u64,
    /// How often each kind came, without times, processes and addresses.
    pub texts: BTreeMap<String, u64>,
}

impl NginxLog {
    /// Returns `None` if no probe read the log. Lines that nginx writes during a search depend on how the search went,
    /// and are left out.
    pub fn of(record: &Record) -> Option<Self> {
        let texts = texts(record, |phase| !searched(record).contains(phase))?;
        Some(NginxLog { lines: texts.values().sum(), texts })
    }
}

/// Returns the count of each kind of line in the phases that are wanted, by name; `None` if no probe read the log.
fn texts(record: &Record, wanted: impl Fn(&str) -> bool) -> Option<BTreeMap<String, u64>> {
    let (mut phase, mut read, mut all) = ("", false, BTreeMap::new());
    for stamped in &record.events {
        match &stamped.event {
            Event::Phase { name } => phase = name,
            Event::NginxLog { texts } => {
                read = true;
                for (text, n) in texts.iter().filter(|_| wanted(phase)) {
                    *all.entry(text.clone()).or_default() += n;
                }
            }
            _ => {}
        }
    }
    read.then_some(all)
}

fn searched(record: &Record) -> BTreeSet<&str> {
    let searched = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, per_1000_s: Some(_), .. } => Some(phase.as_str()),
        _ => None,
    });
    searched.collect()
}

/// Returns the number of lines that have these words in them, or of all lines; of one phase or of all. `None` if no
/// probe read the log.
pub fn lines(record: &Record, words: Option<&str>, phase: Option<&str>) -> Option<u64> {
    let texts = texts(record, |name| phase.is_none_or(|phase| phase == name))?;
    Some(texts.iter().filter(|(text, _)| words.is_none_or(|words| text.contains(words))).map(|(_, n)| n).sum())
}
