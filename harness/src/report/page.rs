//! A scenario's page: what happens, why, on which kernels, what helps. From its file and its stored outcomes.

use crate::{
    outcome::{
        Num,
        claims::{Experiment, Judged, judge},
        plain,
    },
    scenario::{Claim, Of, Scenario, Variant, units},
};
use std::{collections::BTreeMap, time::Duration};
use toml::{Table, Value};
use tunelab_protocol::Phase;

/// What tells a page of ours from others.
pub const WRITTEN: &str = "This page is written by `tunelab docs`";

/// `command` runs tunelab.
pub fn render(experiment: &Experiment, command: &str) -> String {
    let scenario = &experiment.scenario;
    let mut out = format!("# {}\n\n{}.\n\n", scenario.name, capital(&scenario.summary));
    out += &introduction(scenario);
    let (name, file) = (&scenario.name, format!("../../scenarios/{}/scenario.toml", scenario.name));
    out += &format!("```sh\n{command} scenario {name}\n```\n\n");
    out += &format!("{WRITTEN} from [its file]({file}) and its snapshots.\n");
    out += &format!("\n## What happens\n\n{}", phases(scenario));
    out += &format!("\n## What is compared\n\n{}", variants(scenario, |_| true));
    out += &format!("\n## What came of it\n\n{}{}", outcomes(experiment), expected(scenario));
    out += &logs(experiment);
    out += &mitigations(scenario);
    if scenario.claims.is_empty() {
        return out;
    }
    out + &format!("\n## What that says\n\n{}", claims(experiment))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default() + letters.as_str()
}

/// The comment at the top of the file.
fn introduction(scenario: &Scenario) -> String {
    let lines = scenario.source.inner().lines().take_while(|line| line.starts_with('#'));
    let text: String = lines.map(|line| format!("{}\n", line.trim_start_matches('#').trim())).collect();
    if text.is_empty() { text } else { format!("{text}\n") }
}

fn phases(scenario: &Scenario) -> String {
    let mut out = row(["phase", "lasts", "who comes"]) + "|---|---|---|\n";
    for phase in &scenario.phases {
        let lasts = Duration::from_micros(u64::from(phase.rounds) * phase.every_us);
        out += &row([phase.name.as_str(), &units::show(lasts), &(visitors(phase) + &otherwise(scenario, phase))]);
    }
    out
}

/// What variants search between on their own: the rates, and in which.
fn own_rates<'a>(scenario: &'a Scenario, phase: &Phase) -> BTreeMap<(u32, u32), Vec<&'a str>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for variant in &scenario.variants {
        if let Some(search) = variant.during.get(&phase.name).and_then(|during| during.search) {
            found.entry((search.least, search.most)).or_default().push(variant.name.as_str());
        }
    }
    found
}

fn otherwise(scenario: &Scenario, phase: &Phase) -> String {
    let own =
        |((least, most), variants): (_, Vec<_>)| format!("; in `{}` from {least} to {most}", variants.join("`, `"));
    own_rates(scenario, phase).into_iter().map(own).collect()
}

fn visitors(phase: &Phase) -> String {
    if phase.traffic.is_empty() {
        return "nobody".into();
    }
    if let Some(search) = &phase.search {
        let (who, lasts) = (&phase.traffic[0].population, units::show(Duration::from_micros(search.lasts_us)));
        return format!("`{who}`, from {} to {} in 1000 s: the rate sustained for {lasts}", search.least, search.most);
    }
    let each: Vec<String> = phase.traffic.iter().map(|t| format!("{} `{}`", t.visitors, t.population)).collect();
    let every = units::show(Duration::from_micros(phase.every_us));
    let rounds = if phase.rounds > 1 { format!(", every {every}") } else { String::new() };
    each.join(", ") + &rounds
}

fn variants(scenario: &Scenario, which: impl Fn(&&Variant) -> bool) -> String {
    let which = scenario.variants.iter().filter(which);
    which.map(|v| format!("- `{}`: {}\n", v.name, v.summary)).collect()
}

/// A table by variant; images with the same numbers share a row.
fn outcomes(experiment: &Experiment) -> String {
    let stored: Vec<_> = experiment.outcomes.iter().filter_map(|(image, all)| Some((image, all.as_ref()?))).collect();
    if stored.is_empty() {
        return "It was not run yet.\n".into();
    }
    let first = experiment.scenario.variants.iter().find_map(|v| stored[0].1.get(&v.name));
    let columns: Vec<String> = first.map(|outcome| numbers(outcome).into_keys().collect()).unwrap_or_default();
    let mut head = vec!["variant".to_owned(), "on".to_owned()];
    head.extend(columns.iter().cloned());
    let mut out = row(&head) + &format!("|{}\n", "---|".repeat(head.len()));
    for variant in &experiment.scenario.variants {
        let mut rows: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
        for (image, all) in &stored {
            let Some(outcome) = all.get(&variant.name) else { continue };
            let numbers = numbers(outcome);
            let cells = columns.iter().map(|c| numbers.get(c).cloned().unwrap_or_default()).collect();
            match rows.iter_mut().find(|(known, _)| *known == cells) {
                Some((_, images)) => images.push(image),
                None => rows.push((cells, vec![image])),
            }
        }
        for (cells, images) in rows {
            let on = if images.len() == stored.len() && stored.len() > 1 { "all".into() } else { images.join(", ") };
            out += &row([format!("`{}`", variant.name), on].into_iter().chain(cells));
        }
    }
    out
}

/// The words that somebody will search for.
fn logs(experiment: &Experiment) -> String {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for variant in &experiment.scenario.variants {
        let outcomes = experiment.outcomes.values().filter_map(|all| all.as_ref()?.get(&variant.name));
        for text in outcomes.flat_map(|outcome| ["log", "nginx_log"].into_iter().flat_map(|log| texts(outcome, log))) {
            let variants = said.entry(text).or_default();
            if variants.last() != Some(&variant.name.as_str()) {
                variants.push(&variant.name);
            }
        }
    }
    if said.is_empty() {
        return String::new();
    }
    let line = |(text, variants): (String, Vec<&str>)| format!("- `{text}`, in `{}`\n", variants.join("`, `"));
    format!("\n## What the logs say\n\n{}", said.into_iter().map(line).collect::<String>())
}

/// Of the kernel or of nginx.
fn texts(outcome: &Table, log: &str) -> Vec<String> {
    let texts = outcome.get(log).and_then(|log| log.get("texts")?.as_table());
    texts.into_iter().flat_map(Table::keys).map(|text| text.replace('`', "'")).collect()
}

fn mitigations(scenario: &Scenario) -> String {
    let list = variants(scenario, |variant| variant.mitigates);
    if list.is_empty() { list } else { format!("\n## What helps\n\n{list}") }
}

/// What is reckoned of a measure, beside the table that has it; and where a search could find no more.
fn expected(scenario: &Scenario) -> String {
    let mut out = String::new();
    for measure in &scenario.measures {
        let searches = |phase: &&Phase| matches!(&measure.of, Of::Sustains(clients) if phase.searches(clients));
        let by = measure.expected.iter().map(|(by, value)| format!("{value} ({by})")).collect::<Vec<_>>().join(", ");
        let mut said = Vec::new();
        said.extend((!by.is_empty()).then(|| format!("expected: {by}")));
        for phase in scenario.phases.iter().filter(searches) {
            let own = own_rates(scenario, phase).into_iter();
            let own: String = own.map(|((_, most), of)| format!(" ({most} in `{}`)", of.join("`, `"))).collect();
            let top = phase.search.map(|search| search.most).unwrap_or_default();
            said.push(format!("{top}{own} is as far as the search went, and stands for so many or more"));
        }
        if !said.is_empty() {
            out += &format!("\n`{}`, {}.\n", measure.name, said.join("; "));
        }
    }
    out
}

/// What an engineer asks first: who was served, what is measured, what the table and the log say.
fn numbers(outcome: &Table) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut take = |path: &[&str], name: &str| {
        let place = path.iter().try_fold(outcome, |table, key| table.get(*key)?.as_table());
        if let Some(value) = place.and_then(|table| table.get(name)) {
            let shown = Num::of(value).map_or_else(|| plain(value), |number| number.to_string());
            found.insert(name.replace('_', " "), shown);
        }
    };
    take(&["visitors"], "served");
    take(&["visitors"], "refused");
    take(&["table"], "count_most");
    take(&["log"], "lines");
    take(&[], "leaks");
    for name in outcome.get("measured").and_then(Value::as_table).into_iter().flat_map(Table::keys) {
        take(&["measured"], name);
    }
    for (whose, limits) in outcome.get("open_files").and_then(Value::as_table).into_iter().flatten() {
        if let Some(soft) = limits.get("soft") {
            found.insert(format!("open files of {whose}, at most"), plain(soft));
        }
    }
    found
}

/// Each claim with its verdicts; images with the same one together.
fn claims(experiment: &Experiment) -> String {
    let judged: Vec<(&String, Vec<Judged>)> = experiment
        .outcomes
        .iter()
        .filter_map(|(image, all)| Some((image, judge(&experiment.scenario, all.as_ref()?))))
        .collect();
    let mut out = String::new();
    for claim in &experiment.scenario.claims {
        let mut by_verdict: Vec<(&str, Vec<&str>)> = Vec::new();
        for (image, all) in &judged {
            let Some(found) = all.iter().find(|j| j.id == claim.id) else { continue };
            match by_verdict.iter_mut().find(|(word, _)| *word == found.verdict.word()) {
                Some((_, images)) => images.push(image),
                None => by_verdict.push((found.verdict.word(), vec![image])),
            }
        }
        let verdicts: Vec<String> = match &by_verdict[..] {
            [(word, _)] => vec![format!("**{word}**")],
            several => several.iter().map(|(word, on)| format!("**{word}** on {}", on.join(", "))).collect(),
        };
        out += &format!("- {}: {}.{}\n", verdicts.join("; "), claim.says, control(claim));
        out.extend(unsettled(&judged, &claim.id));
        out.extend(claim.because.iter().map(|why| format!("  - because: {why}\n")));
    }
    out
}

/// What could have turned it, or why nothing could.
fn control(claim: &Claim) -> String {
    let variants = |names: &[String]| format!("`{}`", names.join("`, `"));
    match &claim.uncontrolled_because {
        Some(why) => format!("\n  - asked of {}; no control: {why}", variants(&claim.variants)),
        None => format!("\n  - asked of {}; control: {}", variants(&claim.variants), variants(&claim.control)),
    }
}

/// Why, on which images.
fn unsettled(judged: &[(&String, Vec<Judged>)], id: &str) -> Vec<String> {
    let why = |(image, all): &(&String, Vec<Judged>)| {
        let found = all.iter().find(|judged| judged.id == id)?;
        Some(format!("  - unsettled on {image}: {}\n", found.why.as_ref()?))
    };
    judged.iter().filter_map(why).collect()
}

fn row(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| cell.as_ref().replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}
