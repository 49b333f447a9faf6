//! What nginx's error log said, and how often.

use super::{
    num::{Num, Tolerance},
    record::Record,
};
use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::Event;

/// What fails for each visitor is as often as visitors come; what nginx tries again by a timer may be once more.
const LINES: Tolerance = Tolerance { percent: 1, least: 1, why: "nginx tries again every 500 ms from when it failed" };

#[derive(Debug, Clone, Serialize)]
pub struct NginxLog {
    /// All lines from nginx's start to the end.
    pub lines: Num,
    /// How often each kind came, without times, processes and addresses.
    pub texts: BTreeMap<String, Num>,
}

impl NginxLog {
    /// `None` if nobody read it.
    pub fn of(record: &Record) -> Option<Self> {
        let texts = texts(record)?;
        let lines = Num::exact_if_zero(texts.values().sum(), LINES);
        Some(NginxLog { lines, texts: texts.iter().map(|(text, n)| (text.clone(), Num::near(*n, LINES))).collect() })
    }
}

fn texts(record: &Record) -> Option<&BTreeMap<String, u64>> {
    record.events.iter().find_map(|e| match &e.event {
        Event::NginxLog { texts } => Some(texts),
        _ => None,
    })
}

/// Lines that have these words in them.
pub fn lines_with(record: &Record, words: &str) -> Option<u64> {
    Some(texts(record)?.iter().filter(|(text, _)| text.contains(words)).map(|(_, n)| n).sum())
}
