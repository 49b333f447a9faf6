//! The lines of the logs of services, and how often each came.

use super::record::Record;
use std::collections::BTreeMap;
use tunelab_protocol::Event;

/// Returns all lines by service.
pub fn all(record: &Record) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for stamped in &record.events {
        let Event::ServiceLog { service, texts } = &stamped.event else { continue };
        let lines = all.entry(service.clone()).or_default();
        texts.iter().for_each(|(text, n)| *lines.entry(text.clone()).or_default() += n);
    }
    all
}

/// Returns the number of lines of a service's log that have these words in them, or of all lines; of one phase or of
/// all. `None` if this variant has no such service.
pub fn lines(record: &Record, service: &str, words: Option<&str>, phase: Option<&str>) -> Option<u64> {
    let (mut now, mut found) = ("", None);
    for stamped in &record.events {
        match &stamped.event {
            Event::Phase { name } => now = name,
            Event::ServiceLog { service: of, texts } if of == service => {
                let wanted = texts.iter().filter(|(text, _)| words.is_none_or(|words| text.contains(words)));
                let lines: u64 = wanted.map(|(_, n)| n).sum();
                *found.get_or_insert(0) += if phase.is_none_or(|phase| phase == now) { lines } else { 0 };
            }
            _ => {}
        }
    }
    found
}
