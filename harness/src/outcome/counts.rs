//! Measures that count: visitors who fared in one way, lines of the log; and when a reading reached a bound.

use super::record::Record;
use crate::scenario::{Fared, Measure};
use std::collections::BTreeMap;
use tunelab_protocol::{Event, Trial, Visits, sustained};

/// Over all rounds that the measure is about.
pub fn fared(record: &Record, measure: &Measure, fared: &Fared) -> u64 {
    let counts = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, population, visits, errors, .. } if measure.is_about(phase, population) => {
            Some(count(visits, errors, fared))
        }
        _ => None,
    });
    counts.sum()
}

fn count(visits: &Visits, errors: &BTreeMap<String, u64>, fared: &Fared) -> u64 {
    match fared {
        Fared::Error(name) => errors.get(name).copied().unwrap_or(0),
        Fared::Visits(field) => {
            serde_json::to_value(visits).ok().and_then(|visits| visits[field].as_u64()).unwrap_or(0)
        }
    }
}

/// The highest rate at which nobody of these clients was refused; `None` if there was none.
pub fn sustains(record: &Record, measure: &Measure, clients: &str) -> Option<u64> {
    let trials = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, population, visits, per_1000_s: Some(rate), .. }
            if population == clients && measure.is_about(phase, population) =>
        {
            Some(Trial { per_1000_s: *rate, sustained: visits.refused() == 0 })
        }
        _ => None,
    });
    sustained(&trials.collect::<Vec<_>>()).map(u64::from)
}

/// Lines with this text in a phase, or since traffic began.
pub fn lines(record: &Record, wanted: &str, phase: Option<&str>) -> u64 {
    let (mut inside, mut found) = (false, 0);
    for stamped in &record.events {
        match &stamped.event {
            Event::Ready => inside = phase.is_none(),
            Event::Phase { name } if phase.is_some() => inside = Some(name.as_str()) == phase,
            Event::Log { text, .. } if inside && text.contains(wanted) => found += 1,
            _ => {}
        }
    }
    found
}

/// From `start_us` to the first reading of at least `bound`, in milliseconds; `None` if there is none.
pub fn reaches_ms(readings: &[(u64, u64)], bound: u64, start_us: u64) -> Option<u64> {
    let (at, _) = readings.iter().find(|(_, value)| *value >= bound)?;
    Some((at.saturating_sub(start_us) + 500) / 1000)
}

/// When a phase begins, or traffic.
pub fn start_us(record: &Record, phase: Option<&str>) -> u64 {
    let begins = |event: &Event| matches!(event, Event::Phase { name } if Some(name.as_str()) == phase);
    let phase = record.events.iter().find(|stamped| begins(&stamped.event)).map(|stamped| stamped.at_us);
    phase.unwrap_or_else(|| record.start_us())
}
