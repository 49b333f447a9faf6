//! Reads what happens when: phases of traffic, and probes.

use super::{
    names::{Names, words},
    search,
    section::{self, Read, Section, Value},
    units::{LONGEST, Micros},
    values::{SomeTime, SysctlName, text},
};
use std::ops::Range;
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{LimitOf, Phase, Probe, ProbeKind, Traffic};

/// Reads each `[[phase]]`: rounds of clients (`rounds`, `every`, `clients`), a time without any (`duration`), or a
/// search (`search`).
pub fn phases(root: &Section<'_>, names: &Names) -> Vec<Phase> {
    let Some(value) = root.value("phase") else {
        root.problems.report_with_hint(0..0, "there is no phase", "in this file", "begin with `[[phase]]`");
        return Vec::new();
    };
    let Some(tables) = value.get_ref().as_array() else {
        root.problems.report(value.span(), "a phase begins with `[[phase]]`, in double brackets", "single brackets");
        return Vec::new();
    };
    if tables.is_empty() {
        root.problems.report(value.span(), "there is no phase", "begin with `[[phase]]`");
    }
    if tables.len() > section::MOST {
        let message = format!("there are {} phases, more than {}", tables.len(), section::MOST);
        root.problems.report(value.span(), message, "too many");
        return Vec::new();
    }
    let (mut found, mut taken, mut lasts_us) = (Vec::new(), Vec::new(), 0);
    for (n, value) in tables.iter().enumerate() {
        let Some(section) = Section::of(value, format!("phase {}", n + 1), root.problems) else { continue };
        let name = name(&section, &mut taken);
        let Some(phase) = phase(&section, name, names) else { continue };
        if lasts_us <= u128::from(LONGEST) {
            lasts_us += u128::from(phase.rounds) * u128::from(phase.every_us);
            check_length(&section, lasts_us);
        }
        found.push(phase);
    }
    found
}

/// Reads a phase's name. Other parts of the file refer to the phase by it, so there is one of each.
fn name(section: &Section<'_>, taken: &mut Vec<String>) -> Option<String> {
    let name = section.need::<Spanned<String>>("name", r#""six days""#)?;
    let text = name.get_ref().clone();
    if text.trim().is_empty() || text.len() > 64 {
        let message = "a phase has a name of 1 to 64 characters";
        section.problems.report(name.span(), message, "not a name");
    } else if text.trim() != text {
        section.problems.report(name.span(), "a phase's name neither begins nor ends with a blank", "not a name");
    } else if taken.contains(&text) {
        let message = format!("there are two phases `{text}`");
        section.problems.report_with_hint(name.span(), message, "the second", "give each a name of its own");
    }
    taken.push(text.clone());
    Some(text)
}

fn check_length(section: &Section<'_>, lasts_us: u128) {
    if lasts_us > u128::from(LONGEST) {
        let message = format!("with `{}` the phases last longer than ten years", section.path());
        section.problems.report(section.span(), message, "too long");
    }
}

fn phase(section: &Section<'_>, name: Option<String>, names: &Names) -> Option<Phase> {
    if section.value("search").is_some() {
        let found = section.section("search").and_then(|searching| search::phase(&searching, name, names));
        section.finish();
        return found;
    }
    let (rounds, every, traffic) = match section.value("duration") {
        Some(_) => (Some(1), section.get::<SomeTime>("duration"), Vec::new()),
        None => {
            let every = section.need::<SomeTime>("every", r#""1 h""#);
            let rounds = section.need::<Spanned<u32>>("rounds", "144").and_then(|rounds| counted(&rounds, section));
            let traffic = traffic(section, names, every.as_ref().map(|every| every.0));
            (rounds, every, traffic)
        }
    };
    section.finish();
    Some(Phase { name: name?, rounds: rounds?, every_us: every?.0, sysctls: Vec::new(), search: None, traffic })
}

/// The most rounds of a phase, and the most clients of a round.
const MOST: u32 = 1_000_000;

fn counted(count: &Spanned<u32>, section: &Section<'_>) -> Option<u32> {
    let refuse = |message: String, label: &str| section.problems.report(count.span(), message, label);
    match *count.get_ref() {
        0 => refuse(format!("`{}` has none: nothing happens here", section.path()), "should be above zero"),
        n if n > MOST => refuse(format!("`{}` has {n}, more than {MOST}", section.path()), "too many"),
        n => return Some(n),
    }
    None
}

/// Reads `[phase.clients]`: `clean = 4`, or `clean = { count = 4, spacing = "20 ms", after = "1 s", at-once = 2 }`.
fn traffic(section: &Section<'_>, names: &Names, every_us: Option<u64>) -> Vec<Traffic> {
    let spacing = section.get_or("spacing", Micros(20_000));
    if section.lacks("clients") {
        let hint = "`[phase.clients]` says how many of which clients come; `duration = \"1 d\"` is a phase without any";
        let message = format!("no clients come in `{}`", section.path());
        section.problems.report_with_hint(section.span(), message, "no clients", hint);
    }
    let mut found = Vec::new();
    for (name, value) in section.section("clients").iter().flat_map(|clients| clients.entries()) {
        if !names.clients.contains(name.get_ref()) {
            let message = format!("there are no clients `{}`", name.get_ref());
            section.problems.unknown(name.span(), message, name.get_ref(), &words(&names.clients));
        } else if let Some(traffic) = arrivals(&name, value, spacing, section) {
            fits(&traffic, every_us, name.span(), section);
            found.push(traffic);
        }
    }
    found
}

/// Checks that the last client comes before the round is over, if it is known how long the round lasts.
fn fits(traffic: &Traffic, every_us: Option<u64>, span: Range<usize>, section: &Section<'_>) {
    let lasts = u128::from(traffic.after_us) + u128::from(traffic.spacing_us) * u128::from(traffic.visitors);
    if every_us.is_some_and(|every_us| lasts > u128::from(every_us)) {
        let message = format!("the clients of `{}` do not fit into a round", traffic.population);
        section.problems.report(span, message, "they arrive for longer than a round lasts");
    }
}

fn arrivals(name: &Spanned<String>, value: &Value<'_>, spacing: Micros, section: &Section<'_>) -> Option<Traffic> {
    let population = name.get_ref().clone();
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let visitors = visitors(&Spanned::read(value, section.problems)?, section)?;
        return Some(Traffic {
            population,
            visitors,
            after_us: 0,
            spacing_us: spacing.0,
            concurrency: 0,
            each_time: false,
        });
    }
    let table = Section::of(value, format!("clients.{population}"), section.problems)?;
    let visitors = table.need::<Spanned<u32>>("count", "4").and_then(|count| visitors(&count, &table));
    let after_us = table.get_or("after", Micros::default()).0;
    let spacing_us = table.get_or("spacing", spacing).0;
    let concurrency = table.get_or("at-once", 0);
    table.finish();
    Some(Traffic { visitors: visitors?, after_us, spacing_us, concurrency, each_time: false, population })
}

/// Reads the number of clients. It may be 0: then only the other kinds come in a round.
fn visitors(count: &Spanned<u32>, section: &Section<'_>) -> Option<u32> {
    if *count.get_ref() == 0 { Some(0) } else { counted(count, section) }
}

/// The shortest time between two looks of a probe, in microseconds: a look takes the guest some of them.
const OFTEN_US: u64 = 1_000;

fn interval(every: &Spanned<Micros>, key: &str, section: &Section<'_>) -> u64 {
    let every_us = every.get_ref().0;
    if every_us < OFTEN_US {
        let message = format!("`{key}` looks every {every_us} µs: too often");
        section.problems.report(every.span(), message, "should be `1 ms` or more");
    }
    every_us.max(1)
}

/// Reads `"1 h"`, or `{ every = "1 h", after = "3 s" }`: the first look comes this long `after` the start.
fn sampled(kind: ProbeKind, value: &Value<'_>, key: &str, section: &Section<'_>) -> Option<Probe> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let every = Spanned::read(value, section.problems)?;
        return Some(Probe { kind, every_us: interval(&every, key, section), after_us: 0 });
    }
    let table = Section::of(value, format!("probe.{key}"), section.problems)?;
    let every = table.need::<Spanned<Micros>>("every", r#""1 h""#);
    let after = table.get_or("after", Micros::default());
    table.finish();
    Some(Probe { kind, every_us: interval(&every?, key, &table), after_us: after.0 })
}

/// Everything that `[probe]` asks for.
#[derive(Default)]
pub struct Asked {
    pub probes: Vec<Probe>,
    pub sysctls: Vec<String>,
    pub limits: Vec<LimitOf>,
}

/// Reads `[probe]`: sampled probes have an interval, probes that follow what happens have `"followed"`; and the sysctls
/// to report.
pub fn probes(root: &Section<'_>) -> Asked {
    let Some(section) = root.section("probe") else { return Default::default() };
    let mut found = Vec::new();
    for kind in ProbeKind::SAMPLED {
        let Some(value) = section.value(kind.key()) else { continue };
        found.extend(sampled(kind, value, kind.key(), &section));
    }
    for kind in ProbeKind::FOLLOWED {
        let key = kind.key();
        let Some(value) = section.value(key) else { continue };
        match text(value, section.problems, "`followed`") {
            Some("followed") => found.push(Probe { kind, every_us: 0, after_us: 0 }),
            Some(other) => {
                let message = format!("`{key}` is followed as it happens, not sampled");
                section.problems.unknown(value.span(), message, other, &["followed"]);
            }
            None => {}
        }
    }
    let sysctls =
        section.get::<Vec<SysctlName>>("sysctls").unwrap_or_default().into_iter().map(|name| name.0).collect();
    let limits = section.get("open-file-limits").unwrap_or_default();
    section.finish();
    found.sort_by_key(|p| p.kind);
    Asked { probes: found, sysctls, limits }
}
