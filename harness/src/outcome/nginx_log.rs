//! What nginx's error log said, and how often.

use super::{num::Num, record::Record};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tunelab_protocol::Event;

/// This one nginx tries again 500 ms after it failed, by a timer of its own: once more, or less, before the visitors are gone.
const TRIED_AGAIN: &str = "accept4() failed (24: Too many open files)";
/// What fails so fails for one visitor: as often as visitors are refused.
const FOR_A_VISITOR: &str = "while connecting to upstream";

#[derive(Debug, Clone, Serialize)]
pub struct NginxLog {
    /// All lines from nginx's start to the end.
    pub lines: Num,
    /// How often each kind came, without times, processes and addresses.
    pub texts: BTreeMap<String, Num>,
}

impl NginxLog {
    /// `None` if nobody read it. What is said during a search depends on how it went. `visitors`: how far the scenario lets two
    /// builds be apart in how they fared.
    pub fn of(record: &Record, visitors: u64) -> Option<Self> {
        let texts = texts(record, |phase| !searched(record).contains(phase))?;
        let near = |(text, value): (String, u64)| {
            let within = match &text {
                text if text == TRIED_AGAIN => 1,
                text if text.contains(FOR_A_VISITOR) => visitors,
                _ => 0,
            };
            (text, Num { value, within })
        };
        let texts: BTreeMap<String, Num> = texts.into_iter().map(near).collect();
        Some(NginxLog { lines: Num::sum(texts.values().copied()), texts })
    }
}

/// Of the phases that are wanted, by name.
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

/// Lines that have these words in them, of one phase or of all.
pub fn lines_with(record: &Record, words: &str, phase: Option<&str>) -> Option<u64> {
    let texts = texts(record, |name| phase.is_none_or(|phase| phase == name))?;
    Some(texts.iter().filter(|(text, _)| text.contains(words)).map(|(_, n)| n).sum())
}
