//! Says what the user's own files change, in words: `yours` against the variant it is made from, and against the
//! nearest of the others.

use super::Ran;
use crate::{
    outcome::{
        Num,
        claims::{Finding, Verdict},
        plain,
    },
    scenario::YOURS,
};
use toml::Value;

/// The most changes that are listed: no reader goes on after that.
const LINES: usize = 20;

/// Returns what the files change; the last line is the verdict. It is empty if there is no `yours`, or if nothing ran
/// that `yours` could be compared with.
pub fn render(verdict: &super::Verdict) -> String {
    let ran: Vec<&Ran> = verdict.runs.iter().filter_map(|told| told.result.as_ref().ok()).collect();
    let (yours, shipped): (Vec<&Ran>, Vec<&Ran>) = ran.into_iter().partition(|ran| name(ran) == YOURS);
    let (Some(yours), Some(first)) = (yours.first(), shipped.first()) else { return String::new() };
    let (changes, turned) = (changes(first, yours), turned(first, yours));
    let mut out = format!("\nyour files, beside `{}`\n", name(first));
    out.extend(changes.iter().take(LINES).map(|change| format!("  {change}\n")));
    if changes.len() > LINES {
        out += &format!("  and {} more: see `--format json`\n", changes.len() - LINES);
    }
    out.extend(turned.iter().map(|turned| format!("  {turned}\n")));
    let nearest = nearest(&shipped, yours, changes.len());
    out + &format!("verdict: {}{nearest}{}\n", short(first, yours, &changes), refused(first, yours))
}

fn name(ran: &Ran) -> &str {
    &ran.result.run.variant
}

/// Returns the claims about the variant that the files change, if they held and hold no longer, or hold only now. A
/// claim that does not apply or is unsettled says nothing.
fn turned(before: &Ran, after: &Ran) -> Vec<String> {
    let turn = |now: &Finding| {
        let was = before.findings.iter().find(|was| was.id == now.id)?;
        match (was.verdict, now.verdict) {
            (Verdict::Holds, Verdict::DoesNotHold) => Some(format!("no longer so: {}", now.says)),
            (Verdict::DoesNotHold, Verdict::Holds) => Some(format!("now so: {}", now.says)),
            _ => None,
        }
    };
    after.findings.iter().filter_map(turn).collect()
}

/// Says how much changes, and what of it clients notice.
fn short(before: &Ran, after: &Ran, changes: &[String]) -> String {
    let of = name(before);
    if changes.is_empty() {
        return format!("your files change nothing: the outcome is that of `{of}`");
    }
    let (was, now) = (before.outcome.total.failed, after.outcome.total.failed);
    let noticed = match was == now {
        true => "clients notice nothing".to_owned(),
        false => format!("{now} clients fail instead of {was}"),
    };
    format!("your files change {} of `{of}`: {noticed}", things(changes.len()))
}

/// Says how many sysctls in the files had no effect, because the kernel did not take them; the reason is said above.
fn refused(before: &Ran, after: &Ran) -> String {
    let known = &before.outcome.refused_sysctls;
    match after.outcome.refused_sysctls.keys().filter(|name| !known.contains_key(*name)).count() {
        0 => String::new(),
        1 => "; one of their sysctls was not taken, see above".to_owned(),
        n => format!("; {n} of their sysctls were not taken, see above"),
    }
}

fn things(n: usize) -> String {
    if n == 1 { "one thing".into() } else { format!("{n} things") }
}

/// Names the other shipped variant with an outcome nearer to that of `yours`, if there is one: it says what the files
/// amount to.
fn nearest(shipped: &[&Ran], yours: &Ran, from_first: usize) -> String {
    let others = shipped.iter().skip(1).map(|ran| (changes(ran, yours).len(), name(ran)));
    match others.min_by_key(|(n, _)| *n) {
        Some((0, name)) => format!("; that is what happens in `{name}`, too"),
        Some((n, name)) if n < from_first => format!("; nearest is `{name}`, but for {}", things(n)),
        _ => String::new(),
    }
}

/// Returns the changes by their place in the facts. Numbers that are near enough are no change, and neither are the
/// sysctls themselves.
fn changes(before: &Ran, after: &Ran) -> Vec<String> {
    let mut found = Vec::new();
    differences("", &Value::Table(before.facts.clone()), &Value::Table(after.facts.clone()), &mut found);
    found
}

const SETTINGS: [&str; 3] = ["sysctl", "renamed-sysctls", "refused-sysctls"];

fn differences(at: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if let (Value::Table(before), Value::Table(after)) = (before, after) {
        let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
        for key in keys.filter(|key| !(at.is_empty() && SETTINGS.contains(&key.as_str()))) {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let (before, after) = (before.get(key), after.get(key));
            // A metric that is zero is left out of the facts.
            let number = before.or(after).is_some_and(|value| Num::of(value).is_some());
            let none = if number { Value::Integer(0) } else { Value::String("none".into()) };
            differences(&path, before.unwrap_or(&none), after.unwrap_or(&none), found);
        }
        return;
    }
    let near = match (Num::of(before), Num::of(after)) {
        (Some(a), Some(b)) => a.value == b.value || a.admits(&b),
        _ => before == after,
    };
    if !near {
        found.push(format!("{at}: {} instead of {}", plain(after), plain(before)));
    }
}
