//! Computes the numbers that a scenario asks for by name (`[metric.x]`): functions of readings, of what clients report,
//! of logs.

use super::{
    answers, clients, log, nginx_log,
    num::Num,
    readings::{self, readings},
    record::Record,
    rules, service_log, table,
};
use crate::scenario::{Among, ClientOutcome, Counted, Metric, Rank, Value, Where};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use tunelab_protocol::{self as protocol, Entries, Event, Outcome, Plan, Spread, Trial, sustained};

/// The number that was measured; `None`: this kernel has no such reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured(pub Option<Num>);

impl Measured {
    /// Whether it is zero, and not by chance: the number has no tolerance.
    pub fn is_nothing(&self) -> bool {
        self.0.is_some_and(|number| number.value == 0 && number.tolerance == 0)
    }
}

impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(number) => number.serialize(serializer),
            None => serializer.serialize_str("absent"),
        }
    }
}

/// Returns all metrics of the scenario, by name.
pub fn all(record: &Record, metrics: &[Metric], plan: &Plan) -> BTreeMap<String, Measured> {
    let one = |metric: &Metric| {
        let number = |value| {
            let exact = is_top(value, metric, plan);
            let tolerance = if exact { 0 } else { metric.tolerance.of(value, &plan.variant, record.linux()) };
            Num { value, tolerance, unit: metric.value.unit() }
        };
        (metric.name.clone(), Measured(value(record, metric, plan).map(number)))
    };
    metrics.iter().map(one).collect()
}

/// Whether the number is as far as a search goes, and so exact: in each trial of the search every client was served,
/// and a trial in which some are not would be another outcome.
fn is_top(value: u64, metric: &Metric, plan: &Plan) -> bool {
    let Value::RateMax(clients) = &metric.value else { return false };
    let searches = plan.phases.iter().filter(|phase| phase.searches(clients)).filter_map(|phase| phase.search);
    searches.map(|search| u64::from(search.most) * u64::from(plan.scale)).max() == Some(value)
}

fn value(record: &Record, metric: &Metric, plan: &Plan) -> Option<u64> {
    let about = &metric.about;
    let phase = about.phase.as_deref();
    let on_host = |name: &str| readings::on_host(about.host.as_deref(), name, plan);
    let read = |name: &str| readings(record, &on_host(name), phase);
    let values = |name: &str| read(name).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    match &metric.value {
        Value::Max(name) => values(name).into_iter().max(),
        Value::Min(name) => values(name).into_iter().min(),
        Value::First(name) => values(name).first().copied(),
        Value::Last(name) => values(name).last().copied(),
        Value::Delta(name) => readings::delta(&read(name)),
        Value::Ratio { part, group } => readings::ratio_percent(record, &on_host(part), &on_host(group), phase),
        Value::DurationAbove { reading, bound } => {
            readings::above_ms(&read(reading), *bound, readings::end_us(record, phase))
        }
        Value::TimeTo { reading, bound } => {
            readings::reaches_ms(&read(reading), *bound, readings::start_us(record, phase))
        }
        Value::ConnectTime(among) => ms(*among, connect_times(record, about)),
        Value::Duration(among) => ms(*among, durations(record, about)),
        Value::EntryLife(rank) => entry_life_ms(record, about, *rank),
        Value::Count(counted) => count(record, about, counted, plan),
        Value::RateMax(clients) => rate_max(record, about, clients),
        Value::Answers(of) => answers::value(record, about, *of),
    }
}

fn count(record: &Record, about: &Where, counted: &Counted, plan: &Plan) -> Option<u64> {
    let phase = about.phase.as_deref();
    let entries = |of: fn(&Entries) -> u64| entries(record, about).map(|entries| entries.map(of).sum());
    match counted {
        Counted::Clients(outcome) => Some(clients_with(record, about, outcome)),
        Counted::KernelLines(text) => Some(log::lines(record, text.as_deref(), phase)),
        Counted::SuppressedLines => Some(log::suppressed(record)),
        Counted::NginxLines(words) => nginx_log::lines(record, words.as_deref(), phase),
        Counted::ServiceLines(service, words) => service_log::lines(record, service, words.as_deref(), phase),
        Counted::RulePackets(words) => rules::sum(record, host(about, plan), words, |rule| rule.packets),
        Counted::RuleBytes(words) => rules::sum(record, host(about, plan), words, |rule| rule.bytes),
        Counted::FullRounds => table::full_rounds(record, plan),
        Counted::RefusedPackets => table::refused_packets(record, plan),
        Counted::EntriesCreated => entries(|entries| entries.created),
        Counted::EntriesPickedUp => entries(|entries| entries.picked_up),
        Counted::EntriesAlive => entries(|entries| entries.alive_at_end),
        Counted::Leaks => clients::leaks(record, plan).map(|leaks| leaks.len() as u64),
    }
}

/// Returns the host that the metric is about.
fn host<'a>(about: &'a Where, plan: &'a Plan) -> &'a str {
    about.host.as_deref().unwrap_or(&plan.server().name)
}

/// Counts clients with this outcome in all rounds that the metric is about. How many clients come in a search is the
/// search's own affair: its trials count only where the metric names their phase.
fn clients_with(record: &Record, about: &Where, outcome: &ClientOutcome) -> u64 {
    let counts = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, clients, outcomes, errors, per_1000_s, .. }
            if about.includes(phase, clients) && (per_1000_s.is_none() || about.phase.is_some()) =>
        {
            Some(of_a_round(outcomes, errors, outcome))
        }
        _ => None,
    });
    counts.sum()
}

fn of_a_round(
    outcomes: &BTreeMap<Outcome, protocol::Counted>,
    errors: &BTreeMap<String, u64>,
    wanted: &ClientOutcome,
) -> u64 {
    match wanted {
        ClientOutcome::Is(outcome) => outcomes.get(outcome).map_or(0, |counted| counted.clients),
        ClientOutcome::Failed => failed(outcomes),
        ClientOutcome::Named(name) => errors.get(name).copied().unwrap_or(0),
    }
}

fn failed(outcomes: &BTreeMap<Outcome, protocol::Counted>) -> u64 {
    outcomes.iter().filter(|(outcome, _)| **outcome != Outcome::Served).map(|(_, counted)| counted.clients).sum()
}

/// Returns the highest rate that was sustained, in clients per 1000 s; `None` if there was no such rate.
fn rate_max(record: &Record, about: &Where, clients: &str) -> Option<u64> {
    let trials = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, clients: of, outcomes, per_1000_s: Some(rate), .. }
            if of == clients && about.includes(phase, of) =>
        {
            Some(Trial { per_1000_s: *rate, sustained: failed(outcomes) == 0 })
        }
        _ => None,
    });
    sustained(&trials.collect::<Vec<_>>()).map(u64::from)
}

/// Returns the times of connecting, by rounds that the metric is about.
fn connect_times<'a>(record: &'a Record, about: &'a Where) -> Vec<&'a Spread> {
    let times = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, clients, connect, .. } if about.includes(phase, clients) => connect.as_ref(),
        _ => None,
    });
    times.collect()
}

/// Returns the durations of visits with the outcome that the metric is about: served, unless it says otherwise.
fn durations<'a>(record: &'a Record, about: &'a Where) -> Vec<&'a Spread> {
    let outcome = about.outcome.unwrap_or(Outcome::Served);
    let times = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Round { phase, clients, outcomes, .. } if about.includes(phase, clients) => {
            outcomes.get(&outcome)?.duration.as_ref()
        }
        _ => None,
    });
    times.collect()
}

/// Returns one of these times, in milliseconds.
fn ms(among: Among, times: Vec<&Spread>) -> Option<u64> {
    let times = times.into_iter();
    let us = match among {
        Among::Ranks(Rank::Shortest) => times.map(|t| t.shortest_us).min(),
        Among::Ranks(Rank::Longest) => times.map(|t| t.longest_us).max(),
        Among::Percentile(percent) => percentile(times.flat_map(|t| t.each_us.iter().copied()).collect(), percent),
    };
    us.map(|us| (us + 500) / 1000)
}

/// Returns the time that `percent` per cent did not exceed. Of an even number of times the median is the longer of the
/// two in the middle: a time that a client had.
fn percentile(mut times: Vec<u64>, percent: u8) -> Option<u64> {
    times.sort_unstable();
    let at = times.len() * usize::from(percent) / 100;
    times.get(at.min(times.len().checked_sub(1)?)).copied()
}

/// Returns the entries of all clients that the metric is about; `None` if none were followed.
fn entries<'a>(record: &'a Record, about: &'a Where) -> Option<impl Iterator<Item = &'a Entries>> {
    let all = move || {
        record.events.iter().filter_map(move |stamped| match &stamped.event {
            Event::Entries(entries) if about.includes_clients(&entries.clients) => Some(entries),
            _ => None,
        })
    };
    all().next().map(|_| all())
}

fn entry_life_ms(record: &Record, about: &Where, rank: Rank) -> Option<u64> {
    let entries = entries(record, about)?;
    match rank {
        Rank::Shortest => entries.flat_map(|e| e.lives_by_state.values()).map(|lives| lives.shortest_ms).min(),
        Rank::Longest => entries.map(|e| e.longest_life_ms).max(),
    }
}
