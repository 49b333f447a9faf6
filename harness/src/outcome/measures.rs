//! The numbers that a scenario asks for by name (`[measure.x]`), and how visitors fared by phase.

use super::{Chance, Visitors, answers, counts, document, nginx_log::lines_with, num::Num, record::Record};
use crate::scenario::{Among, Measure, Of, Rank};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use tunelab_protocol::{Event, Plan, Spread, Stamped, Visits};

/// `None`: this kernel has no such reading.
#[derive(Debug, Clone, Copy)]
pub struct Measured(pub Option<Num>);

impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(number) => number.serialize(serializer),
            None => serializer.serialize_str("absent"),
        }
    }
}

pub fn all(record: &Record, measures: &[Measure], plan: &Plan) -> BTreeMap<String, Measured> {
    let one = |measure: &Measure| {
        let num = |value| match is_top(value, measure, plan) {
            true => Num::exact(value),
            false => Num { value, within: measure.within(value, &plan.variant) },
        };
        (measure.name.clone(), Measured(value(record, measure).map(num)))
    };
    measures.iter().map(one).collect()
}

/// As far as a search goes: in each of its trials nobody was refused, and one in which somebody is would be another outcome.
fn is_top(value: u64, measure: &Measure, plan: &Plan) -> bool {
    let Of::Sustains(clients) = &measure.of else { return false };
    let searches = plan.phases.iter().filter(|phase| phase.searches(clients)).filter_map(|phase| phase.search);
    searches.map(|search| u64::from(search.most)).max() == Some(value)
}

fn value(record: &Record, measure: &Measure) -> Option<u64> {
    let phase = measure.phase.as_deref();
    let read = |name: &str| readings(record, name, phase);
    match &measure.of {
        Of::Most(name) => read(name).iter().map(|(_, value)| *value).max(),
        Of::Least(name) => read(name).iter().map(|(_, value)| *value).min(),
        Of::Last(name) => read(name).last().map(|(_, value)| *value),
        Of::Rise(name) => rise(&read(name)),
        Of::Share(name) => share_percent(record, name, phase),
        Of::Lasts(name) => lasts_ms(&read(name), end_us(record, phase)),
        Of::Connect(among) => time_ms(record, measure, *among, |connect, _| connect),
        Of::Visit(among) => time_ms(record, measure, *among, |_, visit| visit),
        Of::EntryLife(rank) => entry_life_ms(record, measure, *rank),
        Of::Reaches(name, bound) => counts::reaches_ms(&read(name), *bound, counts::start_us(record, phase)),
        Of::Sustains(clients) => counts::sustains(record, measure, clients),
        Of::Fared(fared) => Some(counts::fared(record, measure, fared)),
        Of::Lines(text) => Some(counts::lines(record, text, phase)),
        Of::NginxSays(words) => lines_with(record, words, phase),
        Of::Answers(of) => answers::value(record, measure, *of),
    }
}

/// What a probe read, by time; of a phase with the reading it began with. What is left out of a sample is as it was.
pub(super) fn readings(record: &Record, name: &str, phase: Option<&str>) -> Vec<(u64, u64)> {
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

/// The part of a reading's rise in those of all readings of its group, in per cent and rounded down.
fn share_percent(record: &Record, name: &str, phase: Option<&str>) -> Option<u64> {
    let group = &name[..=name.find('.')?];
    let all: BTreeSet<&str> =
        record.events.iter().filter_map(sample).flat_map(|values| values.keys()).map(String::as_str).collect();
    let whole: u64 = all
        .into_iter()
        .filter(|other| other.starts_with(group))
        .filter_map(|other| rise(&readings(record, other, phase)))
        .sum();
    (rise(&readings(record, name, phase))? * 100).checked_div(whole)
}

fn sample(stamped: &Stamped) -> Option<&BTreeMap<String, u64>> {
    match &stamped.event {
        Event::Sample { values } => Some(values),
        _ => None,
    }
}

fn rise(readings: &[(u64, u64)]) -> Option<u64> {
    Some(readings.last()?.1.saturating_sub(readings.first()?.1))
}

/// From the first reading above zero to the zero after the last one above zero, in milliseconds; where it is never zero
/// again, to the end.
fn lasts_ms(readings: &[(u64, u64)], end_us: u64) -> Option<u64> {
    readings.first()?;
    let mut above = readings.iter().filter(|(_, value)| *value > 0);
    let Some((first, _)) = above.next() else { return Some(0) };
    let until = above.next_back().map_or(*first, |(at, _)| *at);
    let end = readings.iter().find(|(at, _)| *at > until).map_or(end_us, |(at, _)| *at);
    Some((end - first + 500) / 1000)
}

/// When a phase is over, or the whole run.
fn end_us(record: &Record, phase: Option<&str>) -> u64 {
    let end = record.events.last().map_or(0, |e| e.at_us);
    let mut begun =
        record.events.iter().skip_while(|e| !matches!(&e.event, Event::Phase { name } if Some(name.as_str()) == phase));
    begun.next();
    begun.find(|e| matches!(e.event, Event::Phase { .. })).map_or(end, |e| e.at_us)
}

/// Of connecting and of whole visits, in milliseconds, over all rounds that the measure is about.
fn time_ms(
    record: &Record,
    measure: &Measure,
    among: Among,
    pick: for<'a> fn(&'a Option<Spread>, &'a Option<Spread>) -> &'a Option<Spread>,
) -> Option<u64> {
    let times = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, population, connect, visit, .. } if measure.is_about(phase, population) => {
            pick(connect, visit).as_ref()
        }
        _ => None,
    });
    let us = match among {
        Among::Ranks(Rank::Shortest) => times.map(|t| t.shortest_us).min(),
        Among::Ranks(Rank::Longest) => times.map(|t| t.longest_us).max(),
        Among::Median => median(times.flat_map(|t| t.each_us.iter().copied()).collect()),
    };
    us.map(|us| (us + 500) / 1000)
}

fn median(mut times: Vec<u64>) -> Option<u64> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn entry_life_ms(record: &Record, measure: &Measure, rank: Rank) -> Option<u64> {
    let about = |population: &str| measure.clients.as_deref().is_none_or(|wanted| wanted == population);
    let entries = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Entries(entries) if about(&entries.population) => Some(entries),
        _ => None,
    });
    match rank {
        Rank::Shortest => entries.flat_map(|e| e.lives_by_state.values()).map(|lives| lives.shortest_ms).min(),
        Rank::Longest => entries.map(|e| e.longest_life_ms).max(),
    }
}

/// How each population fared in each phase, where there is more than one phase with visitors that were to be served: how many
/// of a search are is its own affair.
pub fn phases(record: &Record, plan: &Plan, chance: &Chance) -> toml::Table {
    let busy: Vec<_> = plan.phases.iter().filter(|phase| !phase.traffic.is_empty() && phase.search.is_none()).collect();
    if busy.len() < 2 {
        return toml::Table::new();
    }
    let fared = |wanted: &str, of: &str| {
        let mut total = Visits::default();
        for stamped in &record.events {
            if let Event::Round { phase, population, visits, .. } = &stamped.event
                && phase == wanted
                && population == of
            {
                total += *visits;
            }
        }
        document(&Visitors::of(total, chance.in_phase(wanted, of))).into()
    };
    let phase = |phase: &&tunelab_protocol::Phase| {
        let populations = phase.traffic.iter().map(|t| (t.population.clone(), fared(&phase.name, &t.population)));
        (phase.name.clone(), toml::Value::Table(populations.collect()))
    };
    busy.iter().map(phase).collect()
}
