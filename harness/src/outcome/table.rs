//! The conntrack table over a run: its count by day, and when it was full.

use super::{log, record::Record};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tunelab_protocol::{Event, Plan, probe::KERNEL_LOG};

const DAY_US: u64 = 86_400_000_000;

/// The effect of one run on the table.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// `nf_conntrack_max` at the end.
    pub limit: u64,
    /// `nf_conntrack_count` after each whole day, at the quiet moment before the next round.
    pub count_per_day: Vec<u64>,
    /// The highest count seen at a quiet moment.
    pub count_most: u64,
    /// Rounds of traffic in which the table refused at least one entry.
    pub full_rounds: u64,
    /// Seconds from the start to the last look before the first refused entry; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_full_s: Option<u64>,
    /// Seconds from the start to the last look before the last refused entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_full_s: Option<u64>,
    /// Packets dropped because they would have needed an entry: by the kernel's counter, or by its log where it does
    /// not count.
    pub drops: u64,
    /// Entries without an answer that were sacrificed to make room; absent where the kernel does not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_drops: Option<u64>,
}

impl Table {
    /// Returns the effect of a run; `None` if the run did not look at conntrack.
    pub fn of(record: &Record, plan: &Plan) -> Option<Self> {
        let start = record.start_us();
        let samples: Vec<(u64, &BTreeMap<String, u64>)> = samples(record).collect();
        let read = |name: &str| samples.iter().filter_map(|(_, s)| s.get(name).copied()).collect::<Vec<u64>>();
        let full = refusals(record, plan);
        let seconds = |at: &(u64, u64)| at.0.saturating_sub(start) / 1_000_000;
        Some(Table {
            limit: *read("conntrack.max").last()?,
            count_per_day: per_day(&samples, start, record.lasted().as_micros() as u64).collect(),
            count_most: read("conntrack.count").into_iter().max()?,
            full_rounds: rounds(plan, start, &full).count() as u64,
            first_full_s: full.first().map(seconds),
            last_full_s: full.last().map(seconds),
            drops: full.iter().map(|(_, drops)| drops).sum(),
            early_drops: read("conntrack.early_drop").last().copied(),
        })
    }
}

/// Returns the number of rounds in which the table refused an entry; `None` if the run did not look at conntrack.
pub fn full_rounds(record: &Record, plan: &Plan) -> Option<u64> {
    looked(record).then(|| rounds(plan, record.start_us(), &refusals(record, plan)).count() as u64)
}

/// Returns the number of packets that were dropped because the table had no room; `None` if the run did not look at
/// conntrack.
pub fn refused_packets(record: &Record, plan: &Plan) -> Option<u64> {
    looked(record).then(|| refusals(record, plan).iter().map(|(_, drops)| drops).sum())
}

fn looked(record: &Record) -> bool {
    samples(record).any(|(_, values)| values.contains_key("conntrack.count"))
}

/// Returns phase and round of the refusals, each pair once.
fn rounds(plan: &Plan, start: u64, full: &[(u64, u64)]) -> impl Iterator<Item = (usize, u64)> {
    let all: BTreeSet<(usize, u64)> =
        full.iter().filter_map(|(at, _)| round_at(plan, at.saturating_sub(start))).collect();
    all.into_iter()
}

fn samples(record: &Record) -> impl Iterator<Item = (u64, &BTreeMap<String, u64>)> {
    record.events.iter().filter_map(|e| match &e.event {
        Event::Sample { values } => Some((e.at_us, values)),
        _ => None,
    })
}

/// Returns pairs of a time and a number of refused entries. The time, in microseconds, is that of the look before they
/// were found: they were refused after that look, and in its round.
///
/// Without CONFIG_NF_CONNTRACK_PROCFS (Ubuntu's kernels from 3.5 on) no counter counts them, and the kernel's log is
/// asked: it has a line for each, or says how many it left out. Where the log is followed and has no such line, the
/// packets that the counter counted were dropped for another reason: for want of a port to masquerade with, for one.
fn refusals(record: &Record, plan: &Plan) -> Vec<(u64, u64)> {
    let (mut last, mut found) = (record.start_us(), Vec::new());
    // The kernel's log is as it is in the run.
    let told = |(at_us, drops)| (at_us, drops * u64::from(plan.scale));
    let logged: Vec<(u64, u64)> = log::refusals(record).into_iter().map(told).collect();
    let followed = plan.probes(KERNEL_LOG);
    if followed && logged.is_empty() || !samples(record).any(|(_, values)| values.contains_key("conntrack.drop")) {
        return logged;
    }
    let mut counted = 0;
    for stamped in &record.events {
        let Event::Sample { values } = &stamped.event else { continue };
        if !values.contains_key("conntrack.count") {
            continue;
        }
        let before = std::mem::replace(&mut last, stamped.at_us);
        let drops = values.get("conntrack.drop").copied().unwrap_or(counted);
        if drops > counted {
            found.push((before, drops - counted));
        }
        counted = drops;
    }
    found
}

/// Returns the last reading at the end of each whole day. A probe that is due at a round's start is read before the
/// round's traffic, at most moments after the hour; a minute of grace includes that reading and excludes everything of
/// the round's own.
fn per_day(samples: &[(u64, &BTreeMap<String, u64>)], start: u64, end: u64) -> impl Iterator<Item = u64> {
    let days = (end.saturating_sub(start) + 60_000_000) / DAY_US;
    (1..=days).filter_map(move |day| {
        let until = start + day * DAY_US + 60_000_000;
        let before = samples.iter().rev().find(|(at, s)| *at <= until && s.contains_key("conntrack.count"));
        before.map(|(_, s)| s["conntrack.count"])
    })
}

/// Returns phase and round at a time since the start, in microseconds.
fn round_at(plan: &Plan, mut at_us: u64) -> Option<(usize, u64)> {
    for (n, phase) in plan.phases.iter().enumerate() {
        let lasts = phase.lasts_us();
        if at_us < lasts || n + 1 == plan.phases.len() {
            return Some((n, at_us / phase.every_us));
        }
        at_us -= lasts;
    }
    None
}
