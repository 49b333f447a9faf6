//! Reads `[[phase]]`: which clients come when, and what changes meanwhile.

use super::{
    changes,
    files::Files,
    known::Known,
    search,
    section::{self, Read, Section, Value},
    units::{LONGEST, Micros, Scale},
    values::{Rate, SomeTime},
};
use std::ops::Range;
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{Arrivals, Phase};

/// Reads each `[[phase]]`: rounds of clients (`rounds`, `every`, `clients`), a time (`duration`) without clients or with
/// clients at a rate, or a search (`search`).
pub fn phases(root: &Section<'_>, known: &Known<'_>, files: &Files<'_>) -> Vec<Phase> {
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
    let (mut found, mut taken, mut lasts_us) = (Vec::<Phase>::new(), Vec::new(), 0);
    for (n, value) in tables.iter().enumerate() {
        let Some(section) = Section::of(value, format!("phase {}", n + 1), root.problems) else { continue };
        let name = name(&section, &mut taken);
        let repeat = repeat(&section, &taken);
        let Some(phase) = phase(&section, name, known, files) else { continue };
        found.push(phase);
        let Repeat { from, times } = repeat;
        let first = from.and_then(|from| found.iter().position(|phase| phase.name == from)).unwrap_or(found.len() - 1);
        let lasts = |phases: &[Phase]| phases.iter().map(|phase| u128::from(phase.lasts_us())).sum::<u128>();
        let again = found[first..].to_vec();
        if lasts_us <= u128::from(LONGEST) {
            lasts_us = lasts(&found) + lasts(&again) * (times as u128 - 1);
            check_length(&section, lasts_us);
        }
        if again.len() * times > MOST_PHASES || root.problems.count() > 0 {
            continue;
        }
        found.extend(std::iter::repeat_n(again, times - 1).flatten());
    }
    found
}

/// The most phases, with those that are repeated.
const MOST_PHASES: usize = 100_000;
/// The most times that phases are repeated.
const TIMES: u32 = 10_000;

struct Repeat {
    /// The first of the phases that are repeated; `None`: the phase alone.
    from: Option<String>,
    times: usize,
}

/// Reads `repeat = 7`: the same phase so often, one after the other, under one name; or
/// `repeat = { from = "day", times = 5 }`: the phases from that one to this one.
fn repeat(section: &Section<'_>, earlier: &[String]) -> Repeat {
    let counted = |times: Option<Spanned<u32>>| {
        let Some(times) = times else { return 1 };
        if !(1..=TIMES).contains(times.get_ref()) {
            section.problems.report(times.span(), format!("a phase is repeated 1 to {TIMES} times"), "not so often");
            return 1;
        }
        *times.get_ref() as usize
    };
    if !section.value("repeat").is_some_and(|value| value.get_ref().is_table()) {
        return Repeat { from: None, times: counted(section.get("repeat")) };
    }
    let Some(table) = section.section("repeat") else { return Repeat { from: None, times: 1 } };
    let from = table.need::<Spanned<String>>("from");
    if let Some(from) = from.as_ref().filter(|from| !earlier.contains(from.get_ref())) {
        let known: Vec<&str> = earlier.iter().map(String::as_str).collect();
        let message = format!("there is no phase `{}` before this one", from.get_ref());
        table.problems.unknown(from.span(), message, from.get_ref(), &known);
    }
    let times = counted(table.need("times"));
    table.finish();
    Repeat { from: from.map(Spanned::into_inner), times }
}

/// Reads a phase's name. Other parts of the file refer to the phase by it, so there is one of each.
fn name(section: &Section<'_>, taken: &mut Vec<String>) -> Option<String> {
    let name = section.need::<Spanned<String>>("name")?;
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

/// Keys of a phase that has rounds, or a duration, and no search.
const OF_ROUNDS: [&str; 5] = ["rounds", "every", "duration", "clients", "spacing"];

fn phase(section: &Section<'_>, name: Option<String>, known: &Known<'_>, files: &Files<'_>) -> Option<Phase> {
    let either = |search| Some((search, OF_ROUNDS.into_iter().find(|key| section.value(key).is_some())?));
    if let Some((search, key)) = section.value("search").and_then(either) {
        let message = format!("`{}` has both `search` and `{key}`", section.path());
        let hint = "a phase with a `search` has all else in it: `clients`, `for`, `between`";
        section.problems.report_with_hint(search.span(), message, "one or the other", hint);
        return None;
    }
    let phase = match section.value("search") {
        Some(_) => section.section("search").and_then(|searching| search::phase(&searching, name, known)),
        None => match section.value("duration") {
            Some(_) => lasting(section, name, known),
            None => in_rounds(section, name, known),
        },
    };
    let changes = changes::changes(section, phase.as_ref().map(Phase::lasts_us), known, files);
    section.finish();
    phase.map(|phase| Phase { changes, ..phase })
}

/// Reads `duration` and, if clients come, their rates: `clients = { browsers = "200/min" }`.
fn lasting(section: &Section<'_>, name: Option<String>, known: &Known<'_>) -> Option<Phase> {
    let duration = section.get::<SomeTime>("duration");
    section.refuse(&["rounds", "every"], "the phase has a `duration`");
    let arrivals =
        if section.lacks("clients") { Vec::new() } else { arrivals(section, known, duration.as_ref().map(|d| d.0)) };
    Some(Phase { name: name?, rounds: 1, every_us: duration?.0, changes: Vec::new(), search: None, arrivals })
}

fn in_rounds(section: &Section<'_>, name: Option<String>, known: &Known<'_>) -> Option<Phase> {
    let every = section.need::<SomeTime>("every");
    let rounds = section.need::<Spanned<u32>>("rounds").and_then(|rounds| counted(&rounds, section));
    if section.lacks("clients") {
        let hint = "`[phase.clients]` says how many of which clients come; `duration = \"1 d\"` is a phase without any";
        let message = format!("no clients come in `{}`", section.path());
        section.problems.report_with_hint(section.span(), message, "no clients", hint);
    }
    let arrivals = arrivals(section, known, every.as_ref().map(|every| every.0));
    for come in &arrivals {
        let (Some(first), Some(rounds)) = (come.rounds, rounds) else { continue };
        if !(1..=rounds).contains(&first) {
            let message = format!("`{}` come in the first {first} rounds, and the phase has {rounds}", come.clients);
            section.problems.report(section.span(), message, "`rounds` of its clients is without effect");
        }
    }
    Some(Phase { name: name?, rounds: rounds?, every_us: every?.0, changes: Vec::new(), search: None, arrivals })
}

/// The most rounds of a phase, and the most clients of a round in a run.
const MOST: u32 = 1_000_000;

fn counted(count: &Spanned<u32>, section: &Section<'_>) -> Option<u32> {
    let refuse = |message: String, label: &str| section.problems.report(count.span(), message, label);
    match *count.get_ref() {
        0 => refuse(format!("this comes to 0 in `{}`: nothing would happen", section.path()), "should be above zero"),
        n if n > MOST => refuse(format!("`{}` has {n}, more than {MOST}", section.path()), "too many"),
        n => return Some(n),
    }
    None
}

/// Reads `[phase.clients]`: `clean = 4`, `clean = "200/min"`, or
/// `clean = { count = 4, spacing = "20 ms", after = "1 s", at-once = 2, rounds = 5 }`.
fn arrivals(section: &Section<'_>, known: &Known<'_>, every_us: Option<u64>) -> Vec<Arrivals> {
    let spacing = section.get_or("spacing", Micros(20_000));
    let mut found = Vec::new();
    for (name, value) in section.section("clients").iter().flat_map(|clients| clients.entries()) {
        if !known.clients.contains(name.get_ref()) {
            let message = format!("there are no clients `{}`", name.get_ref());
            let known: Vec<&str> = known.clients.iter().map(String::as_str).collect();
            section.problems.unknown(name.span(), message, name.get_ref(), &known);
        } else if let Some(arrivals) = arrival(&name, value, (spacing, known.scale), every_us, section) {
            fits(&arrivals, every_us, name.span(), section);
            found.push(arrivals);
        }
    }
    found
}

/// Checks that the last client comes before the round is over, if it is known how long the round lasts.
fn fits(arrivals: &Arrivals, every_us: Option<u64>, span: Range<usize>, section: &Section<'_>) {
    let lasts = u128::from(arrivals.after_us) + u128::from(arrivals.spacing_us) * u128::from(arrivals.count);
    if every_us.is_some_and(|every_us| lasts > u128::from(every_us)) {
        let message = format!("the clients of `{}` do not fit into a round", arrivals.clients);
        section.problems.report(span, message, "they arrive for longer than a round lasts");
    }
}

fn arrival(
    name: &Spanned<String>,
    value: &Value<'_>,
    (spacing, scale): (Micros, Scale),
    every_us: Option<u64>,
    section: &Section<'_>,
) -> Option<Arrivals> {
    let clients = name.get_ref().clone();
    let plain =
        Arrivals { clients, count: 0, after_us: 0, spacing_us: spacing.0, at_once: 0, rounds: None, each_time: false };
    match value.get_ref() {
        DeValue::String(_) => {
            let rate = Spanned::<Rate>::read(value, section.problems)?;
            let (count, spacing_us) = rate.get_ref().arrivals(every_us?);
            let count = clients_of(&Spanned::new(rate.span(), count), scale, section)?;
            if count == 0 {
                counted(&Spanned::new(rate.span(), count), section)?;
            }
            Some(Arrivals { count, spacing_us, ..plain })
        }
        DeValue::Table(_) => {
            let table = Section::of(value, format!("{}.clients.{}", section.path(), plain.clients), section.problems)?;
            let count = table.need::<Spanned<u32>>("count").and_then(|count| clients_of(&count, scale, &table));
            let after_us = table.get_or("after", Micros::default()).0;
            let spacing_us = table.get_or("spacing", spacing).0;
            let at_once = table.get_or("at-once", 0);
            let rounds = table.get::<u32>("rounds");
            table.finish();
            Some(Arrivals { count: count?, after_us, spacing_us, at_once, rounds, ..plain })
        }
        _ => {
            let count = clients_of(&Spanned::read(value, section.problems)?, scale, section)?;
            Some(Arrivals { count, ..plain })
        }
    }
}

/// Reads the number of clients. It may be 0: then only the other kinds come in a round.
fn clients_of(count: &Spanned<u32>, scale: Scale, section: &Section<'_>) -> Option<u32> {
    let come = *count.get_ref();
    if come == 0 {
        return Some(0);
    }
    counted(&Spanned::new(count.span(), scale.part(come)), section)?;
    if let Some(message) = scale.misfits(come) {
        section.problems.report_with_hint(count.span(), message, "not so many", Scale::HINT);
        return None;
    }
    Some(come)
}
