//! Shows the end of a run to people: a short table, the claims, what the snapshot said, where the records are.

use super::{Compared, Ran, Sameness, Verdict, diagnostic, json::clock, lines::seconds, own};
use crate::{
    outcome::{Measured, Num, Outcome, snapshot::Comparison},
    project::Origin,
    scenario::units,
    visible::quoted,
};
use comfy_table::{ContentArrangement, presets};
use std::{collections::BTreeSet, time::Duration};

/// Returns the summary; with `terminal` the diff has colours, and errors have frames.
pub fn render(verdict: &Verdict, terminal: bool) -> String {
    let mut out = heading(verdict);
    if verdict.runs.iter().any(|told| told.result.is_ok()) {
        out += &format!("{}\n", table(verdict).trim_fmt());
        out += &metrics(verdict);
    }
    for told in &verdict.runs {
        if let Err(error) = &told.result {
            out += &format!("\n{}: {}", told.run, diagnostic::render(error, terminal));
        }
    }
    out += &sysctls(verdict);
    out += &rules(verdict);
    out += &claims(verdict);
    let whole = verdict.runs.iter().all(|told| told.result.is_ok());
    out += &snapshot(verdict, whole, terminal);
    out += &records(verdict);
    // This comes last: it is what the user asked for.
    out + &own::render(verdict)
}

fn heading(verdict: &Verdict) -> String {
    let mut out = format!("\n{} on {}", verdict.scenario, verdict.image);
    if let Some(ran) = verdict.runs.iter().find_map(|told| told.result.as_ref().ok()) {
        let foreign = if verdict.kernel.is_some() { ", not the image's own" } else { "" };
        out += &format!(" (Linux {}{foreign}), {} clock", ran.result.kernel, clock(ran.result.clock));
    }
    let ran = verdict.runs.iter().filter_map(|told| told.result.as_ref().ok());
    let scales: BTreeSet<&str> = ran.filter_map(|ran| ran.outcome.scale.as_deref()).collect();
    out += &scales.into_iter().map(|scale| format!(", scale {scale}")).collect::<String>();
    out += &format!(", seed {}", verdict.seed);
    if verdict.repeat > 1 {
        out += &format!(", repeat {}", verdict.repeat);
    }
    out + "\n"
}

fn table(verdict: &Verdict) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let rows: Vec<_> = verdict.runs.iter().map(|told| (told, told.result.as_ref().ok().map(row))).collect();
    if let Some(row) = rows.iter().find_map(|(_, row)| row.as_ref()) {
        table.set_header(row.iter().map(|(column, _)| column));
    }
    for (told, row) in rows {
        match row {
            Some(row) => table.add_row(row.into_iter().map(|(_, cell)| cell)),
            None => table.add_row([told.run.variant.as_str(), "failed"]),
        };
    }
    table
}

/// Returns columns and cells: those that every scenario has, and those that its probes give.
fn row(ran: &Ran) -> Vec<(String, String)> {
    let outcome = &ran.outcome;
    let mut row = vec![
        ("variant", ran.result.run.variant.clone()),
        ("lasted", units::show(Duration::from_secs(ran.result.virtual_seconds as u64))),
    ];
    if let Some(table) = &outcome.table {
        row.push(("table at most", format!("{} of {}", table.count_most, table.limit)));
        row.push(("first full", table.first_full_s.map_or_else(|| "never".into(), time)));
    }
    row.push(("served", outcome.total.served.to_string()));
    row.push(("failed", outcome.total.failed.to_string()));
    if let Some(leaks) = &outcome.leaks {
        row.push(("leaks", if leaks.is_empty() { "none".to_owned() } else { leaks.join(", ") }));
    }
    row.push(("wall", seconds(Duration::from_secs_f64(ran.result.wall_seconds))));
    row.into_iter().map(|(column, cell)| (column.to_owned(), cell)).collect()
}

/// Returns the metrics that no claim is about, a row each, without those that are zero in each variant.
fn metrics(verdict: &Verdict) -> String {
    let ran: Vec<&Ran> = verdict.runs.iter().filter_map(|told| told.result.as_ref().ok()).collect();
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(std::iter::once("metric").chain(ran.iter().map(|ran| ran.result.run.variant.as_str())));
    let value = |ran: &&Ran, name: &String| ran.outcome.metrics.get(name).map_or_else(String::new, shown);
    for name in &verdict.unclaimed {
        if ran.iter().any(|ran| ran.outcome.metrics.get(name).is_some_and(|measured| !measured.is_nothing())) {
            table.add_row(std::iter::once(name.clone()).chain(ran.iter().map(|ran| value(ran, name))));
        }
    }
    if table.is_empty() { String::new() } else { format!("\n{}\n", table.trim_fmt()) }
}

fn shown(Measured(number): &Measured) -> String {
    number.map_or_else(|| "absent".into(), |number| Num { tolerance: 0, ..number }.shown())
}

fn time(seconds: u64) -> String {
    units::show(Duration::from_secs(seconds))
}

/// Returns the sysctls that the kernel did not take as they were written: one line for all variants in which it was so.
fn sysctls(verdict: &Verdict) -> String {
    let said = by_variants(verdict, |outcome| {
        let refused = outcome.refused_sysctls.iter().map(|(name, why)| format!("{name} = {why}"));
        let renamed = outcome.renamed_sysctls.iter().map(|(name, used)| format!("{name} is here {used}"));
        refused.chain(renamed).collect()
    });
    let lines: String = said.iter().map(|(what, variants)| format!("  {}: {what}\n", variants.join(", "))).collect();
    if lines.is_empty() { lines } else { format!("\nsysctls not as written\n{lines}") }
}

/// The most rules that are told one by one.
const RULES: usize = 5;

/// Returns a warning of the rules that no packet met: one line for all variants, whose names it has unless it is so in
/// each that ran.
fn rules(verdict: &Verdict) -> String {
    let said = by_variants(verdict, |outcome| outcome.unmet_rules.clone());
    let ran = verdict.runs.iter().filter(|told| told.result.is_ok()).count();
    let line = |(what, variants): &(String, Vec<&str>)| {
        if variants.len() == ran { format!("  {what}\n") } else { format!("  {}: {what}\n", variants.join(", ")) }
    };
    let lines: String = said.iter().take(RULES).map(line).collect();
    let more = match said.len().saturating_sub(RULES) {
        0 => String::new(),
        n => format!("  {n} more: `--format json` has all, as `unmet-rules`\n"),
    };
    if lines.is_empty() { lines } else { format!("\nfirewall rules that no packet met\n{lines}{more}") }
}

/// Returns what outcomes say, each text once, with the variants that say it.
fn by_variants(verdict: &Verdict, says: impl Fn(&Outcome) -> Vec<String>) -> Vec<(String, Vec<&str>)> {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for ran in verdict.runs.iter().filter_map(|told| told.result.as_ref().ok()) {
        let variant = ran.result.run.variant.as_str();
        for what in says(&ran.outcome) {
            match said.iter_mut().find(|(known, _)| *known == what) {
                Some((_, variants)) => variants.push(variant),
                None => said.push((what, vec![variant])),
            }
        }
    }
    said
}

fn claims(verdict: &Verdict) -> String {
    if verdict.claims.is_empty() && verdict.unjudged == 0 {
        return String::new();
    }
    let unjudged = match verdict.unjudged {
        0 => String::new(),
        n => format!("  {:<14} {n} about variants that did not run\n", "not judged"),
    };
    let line = |claim: &crate::outcome::claims::Judged| {
        let why = claim.why.iter().map(|why| format!("{:17}{why}\n", "")).collect::<String>();
        let evidence = claim.evidence.join("; ");
        format!("  {:<14} {}: {}\n{why}{:17}{evidence}\n", claim.verdict.word(), claim.id, claim.says, "")
    };
    format!("\nclaims\n{}{unjudged}", verdict.claims.iter().map(line).collect::<String>())
}

fn snapshot(verdict: &Verdict, whole: bool, terminal: bool) -> String {
    let review = |pending: &Option<std::path::PathBuf>| match pending {
        _ if verdict.origin == Origin::BuiltIn => {
            "hint: what comes with tunelab is not changed by a run; with `--accept` it says how to make a copy your own\n"
        }
        // `cargo insta` looks only into cargo's workspaces.
        Some(pending) if !pending.ancestors().any(|folder| folder.join("Cargo.toml").exists()) => {
            "hint: `--accept` takes it\n"
        }
        Some(_) => "hint: `cargo insta review` shows and takes it, `--accept` takes it at once\n",
        None => "hint: run it outside of CI, look at what differs, and take it with `--accept`\n",
    };
    let body = match &verdict.comparison {
        Compared::Not(why) => format!("not compared: {why}\n"),
        Compared::With(Comparison::Matches) if whole => "matches\n".into(),
        Compared::With(Comparison::Matches) => "matches, as far as it ran\n".into(),
        Compared::With(Comparison::Accepted) => "accepted\n".into(),
        Compared::With(Comparison::New { pending: None }) if verdict.origin != Origin::BuiltIn => {
            "there is none yet\nhint: `--accept` makes this outcome the first\n".into()
        }
        Compared::With(Comparison::New { pending }) => format!("there is none yet\n{}", review(pending)),
        Compared::With(Comparison::Differs { diff, pending, .. }) => {
            format!("differs\n{}{}", coloured(diff, terminal), review(pending))
        }
    };
    format!("\nsnapshot: {body}")
}

fn coloured(diff: &str, terminal: bool) -> String {
    if !terminal {
        return diff.to_owned();
    }
    let paint = |line: &str| match line.as_bytes().first() {
        Some(b'+') => format!("\x1b[32m{line}\x1b[0m\n"),
        Some(b'-') => format!("\x1b[31m{line}\x1b[0m\n"),
        _ => format!("{line}\n"),
    };
    diff.lines().map(paint).collect()
}

fn records(verdict: &Verdict) -> String {
    let ran = verdict.runs.iter().filter_map(|told| told.result.as_ref().ok());
    let lines: String = ran.map(|r| format!("  {}\n", quoted(&r.result.path.display().to_string()))).collect();
    if lines.is_empty() { lines } else { format!("records\n{lines}") }
}

/// Returns what `--repeat` shows: one fingerprint per variant, or how many.
pub fn render_sameness(all: &[Sameness]) -> String {
    let line = |s: &Sameness| match s.fingerprints {
        1 => format!("  {}: one in {} runs\n", s.run, s.runs),
        n => format!("  {}: {n} different ones in {} runs\n", s.run, s.runs),
    };
    if all.is_empty() {
        return String::new();
    }
    format!("\nfingerprints\n{}", all.iter().map(line).collect::<String>())
}
