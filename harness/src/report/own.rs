//! What the user's own files change, in words: `yours` against the variant it is made from.

use super::{Ran, Verdict};
use crate::{
    outcome::{Num, plain},
    scenario::YOURS,
};
use toml::Value;

/// More than this, and nobody reads on.
const LINES: usize = 20;

/// Empty if there is no `yours`, or what it is compared with did not run.
pub fn render(verdict: &Verdict) -> String {
    let ran = |wanted: &dyn Fn(&str) -> bool| {
        let told = verdict.runs.iter().find(|told| wanted(&told.run.variant))?;
        told.result.as_ref().ok()
    };
    let (Some(yours), Some(first)) = (ran(&|name| name == YOURS), ran(&|name| name != YOURS)) else {
        return String::new();
    };
    let name = &first.result.run.variant;
    let changes = changes(first, yours);
    let mut out = match changes.len() {
        0 => format!("\nyour files change nothing: the outcome is that of `{name}`\n"),
        n => format!("\nyour files change {n} things of `{name}`\n"),
    };
    out.extend(changes.iter().take(LINES).map(|change| format!("  {change}\n")));
    if changes.len() > LINES {
        out += &format!("  and {} more: see `--format json`\n", changes.len() - LINES);
    }
    out + &alike(verdict, yours, name)
}

/// Another variant that comes out the same says what the files amount to.
fn alike(verdict: &Verdict, yours: &Ran, first: &str) -> String {
    let others = verdict.runs.iter().filter_map(|told| told.result.as_ref().ok());
    let same = others.filter(|ran| ran.result.run.variant != YOURS && ran.result.run.variant != first);
    let names: Vec<&str> =
        same.filter(|ran| changes(ran, yours).is_empty()).map(|ran| ran.result.run.variant.as_str()).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("  that is what happens in `{}`, too\n", names.join("`, `")),
    }
}

/// By the place in the outcome; numbers that are near enough are no change, and neither are the sysctls themselves.
fn changes(before: &Ran, after: &Ran) -> Vec<String> {
    let mut found = Vec::new();
    let (before, after) = (before.outcome.document(), after.outcome.document());
    differences("", &Value::Table(before), &Value::Table(after), &mut found);
    found
}

const SETTINGS: [&str; 3] = ["sysctls", "renamed_sysctls", "refused_sysctls"];

fn differences(at: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if let (Value::Table(before), Value::Table(after)) = (before, after) {
        let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
        for key in keys.filter(|key| !(at.is_empty() && SETTINGS.contains(&key.as_str()))) {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let none = Value::String("none".into());
            differences(&path, before.get(key).unwrap_or(&none), after.get(key).unwrap_or(&none), found);
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
