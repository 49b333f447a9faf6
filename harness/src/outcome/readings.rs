//! The readings of probes over time.

use super::record::Record;
use std::collections::{BTreeMap, BTreeSet};
use tunelab_protocol::{Event, Plan, Stamped, probe};

/// Returns the name that a reading of this host has in a record; `None`: of the server.
pub fn on_host(host: Option<&str>, name: &str, plan: &Plan) -> String {
    match host.filter(|host| *host != plan.server().name) {
        Some(host) => probe::on_host(host, name),
        None => name.to_owned(),
    }
}

/// Returns one reading as pairs of a time in microseconds and a value; for a phase, with the value it began with. A
/// value that is left out of a sample is unchanged.
pub fn readings(record: &Record, name: &str, phase: Option<&str>) -> Vec<(u64, u64)> {
    let (mut inside, mut found, mut before) = (phase.is_none(), Vec::new(), None);
    for stamped in &record.events {
        match &stamped.event {
            Event::Phase { name } if phase.is_some() => {
                let begins = Some(name.as_str()) == phase;
                if begins && !inside {
                    found.extend(before);
                }
                inside = begins;
            }
            Event::Sample { values } => {
                let Some(value) = values.get(name) else { continue };
                before = Some((stamped.at_us, *value));
                if inside {
                    found.extend(before);
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns the share of one counter's delta in the deltas of all of its group, in per cent and rounded down.
pub fn ratio_percent(record: &Record, part: &str, group: &str, phase: Option<&str>) -> Option<u64> {
    let all: BTreeSet<&str> =
        record.events.iter().filter_map(sample).flat_map(|values| values.keys()).map(String::as_str).collect();
    let of_group = |name: &&str| name.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
    let deltas = all.into_iter().filter(of_group).filter_map(|name| delta(&readings(record, name, phase)));
    (delta(&readings(record, part, phase))? * 100).checked_div(deltas.sum())
}

fn sample(stamped: &Stamped) -> Option<&BTreeMap<String, u64>> {
    match &stamped.event {
        Event::Sample { values } => Some(values),
        _ => None,
    }
}

/// Returns the last value less the first.
pub fn delta(readings: &[(u64, u64)]) -> Option<u64> {
    Some(readings.last()?.1.saturating_sub(readings.first()?.1))
}

/// Returns the time from the first reading above `bound` to the reading after the last one above it, in milliseconds;
/// if there is no such reading, to the end.
pub fn above_ms(readings: &[(u64, u64)], bound: u64, end_us: u64) -> Option<u64> {
    readings.first()?;
    let mut above = readings.iter().filter(|(_, value)| *value > bound);
    let Some((first, _)) = above.next() else { return Some(0) };
    let until = above.next_back().map_or(*first, |(at, _)| *at);
    let end = readings.iter().find(|(at, _)| *at > until).map_or(end_us, |(at, _)| *at);
    Some((end - first + 500) / 1000)
}

/// Returns the time from `start_us` to the first reading of at least `bound`, in milliseconds; `None` if there is none.
pub fn reaches_ms(readings: &[(u64, u64)], bound: u64, start_us: u64) -> Option<u64> {
    let (at, _) = readings.iter().find(|(_, value)| *value >= bound)?;
    Some((at.saturating_sub(start_us) + 500) / 1000)
}

/// Returns when a phase begins, or traffic, in microseconds.
pub fn start_us(record: &Record, phase: Option<&str>) -> u64 {
    let begins = |event: &Event| matches!(event, Event::Phase { name } if Some(name.as_str()) == phase);
    let phase = record.events.iter().find(|stamped| begins(&stamped.event)).map(|stamped| stamped.at_us);
    phase.unwrap_or_else(|| record.start_us())
}

/// Returns when a phase is over, or the whole run, in microseconds.
pub fn end_us(record: &Record, phase: Option<&str>) -> u64 {
    let end = record.events.last().map_or(0, |e| e.at_us);
    let mut begun =
        record.events.iter().skip_while(|e| !matches!(&e.event, Event::Phase { name } if Some(name.as_str()) == phase));
    begun.next();
    begun.find(|e| matches!(e.event, Event::Phase { .. })).map_or(end, |e| e.at_us)
}
