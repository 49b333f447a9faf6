//! What nginx's error log said, and how often.

use super::{num::Num, record::Record};
use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::Event;

/// What fails for each visitor is as often as visitors come. This one nginx tries again 500 ms after it failed, by a timer of
/// its own: once more, or less, before the visitors are gone.
const TRIED_AGAIN: &str = "accept4() failed (24: Too many open files)";

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
        let near = |again, value| Num { value, within: u64::from(again) };
        Some(NginxLog {
            lines: near(texts.contains_key(TRIED_AGAIN), texts.values().sum()),
            texts: texts.iter().map(|(text, n)| (text.clone(), near(text == TRIED_AGAIN, *n))).collect(),
        })
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
