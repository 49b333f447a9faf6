//! Writes a scenario's page from its file and its stored outcomes: what happens, why, on which kernels, what mitigates
//! it.

use super::phases::groups;
use crate::{
    outcome::{
        Num,
        claims::{Experiment, Judged, Outcomes, judge},
        plain,
    },
    scenario::{Claim, Scenario, Value as Metered, Variant, units},
};
use std::{collections::BTreeMap, time::Duration};
use toml::Value;
use tunelab_protocol::{Arrivals, Phase};

/// The words that tell a page of ours from others.
pub const WRITTEN: &str = "This page is written by `tunelab docs`";

/// Returns the page. `command` is the command that runs tunelab.
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

/// Returns the comment at the top of the scenario's file.
fn introduction(scenario: &Scenario) -> String {
    let comment = |line: &&str| line.starts_with('#');
    let lines = scenario.source.inner().lines().take_while(comment).filter(|line| !line.starts_with("#:schema"));
    let text: String = lines.map(|line| format!("{}\n", line.trim_start_matches('#').trim())).collect();
    if text.is_empty() { text } else { format!("{text}\n") }
}

fn phases(scenario: &Scenario) -> String {
    let scale = scenario.first().scale;
    let part = format!(
        "In the size of the incident; a run has {scale} of it, and its outcome is told in the incident's size.\n\n"
    );
    let mut out = if scale == units::Scale::default() { String::new() } else { part };
    out += &(row(["phase", "lasts", "clients"]) + "|---|---|---|\n");
    for (phases, times) in groups(&scenario.first().phases) {
        for phase in phases {
            let lasts = units::show(Duration::from_micros(phase.lasts_us()));
            let lasts = if times > 1 { format!("{times} times {lasts}") } else { lasts };
            out += &row([phase.name.as_str(), &lasts, &(clients_of(phase) + &otherwise(scenario, phase))]);
        }
    }
    out
}

/// Returns the rates that variants search between on their own, and the names of these variants.
fn own_rates<'a>(scenario: &'a Scenario, phase: &Phase) -> BTreeMap<(u32, u32), Vec<&'a str>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for variant in &scenario.variants {
        let own = variant.setup.phases.iter().find(|own| own.name == phase.name).and_then(|own| own.search);
        if let Some(search) = own.filter(|search| phase.search.as_ref() != Some(search)) {
            found.entry((search.least, search.most)).or_default().push(variant.name.as_str());
        }
    }
    found
}

fn otherwise(scenario: &Scenario, phase: &Phase) -> String {
    let own = |((least, most), variants): (_, Vec<_>)| {
        format!("; in `{}` from {} to {}", variants.join("`, `"), rate(least), rate(most))
    };
    own_rates(scenario, phase).into_iter().map(own).collect()
}

fn rate(per_1000_s: u32) -> String {
    units::Rate::show(u64::from(per_1000_s))
}

fn clients_of(phase: &Phase) -> String {
    if phase.arrivals.is_empty() {
        return "none".into();
    }
    if let Some(search) = &phase.search {
        let (of, lasts) = (&phase.arrivals[0].clients, units::show(Duration::from_micros(search.lasts_us)));
        let (least, most) = (rate(search.least), rate(search.most));
        return format!("`{of}`, from {least} to {most}: the rate sustained for {lasts}");
    }
    let one = |come: &Arrivals| {
        let only = come.rounds.map(|rounds| format!(" ({rounds} times)")).unwrap_or_default();
        format!("{} `{}`{only}", come.count, come.clients)
    };
    let each: Vec<String> = phase.arrivals.iter().map(one).collect();
    let every = units::show(Duration::from_micros(phase.every_us));
    let rounds = if phase.rounds > 1 { format!(", every {every}") } else { String::new() };
    each.join(", ") + &rounds
}

fn variants(scenario: &Scenario, which: impl Fn(&&Variant) -> bool) -> String {
    let which = scenario.variants.iter().filter(which);
    which.map(|v| format!("- `{}`: {}\n", v.name, v.summary)).collect()
}

/// Returns a row for each metric and a column for each variant; a metric that is zero everywhere is left out.
fn outcomes(experiment: &Experiment) -> String {
    let stored: Vec<_> = experiment.outcomes.iter().filter_map(|(image, all)| Some((image, all.as_ref()?))).collect();
    if stored.is_empty() {
        return "It was not run yet.\n".into();
    }
    let Scenario { variants, metrics, .. } = &experiment.scenario;
    let head = std::iter::once("metric".to_owned()).chain(variants.iter().map(|v| format!("`{}`", v.name)));
    let mut out = row(head) + &format!("|{}\n", "---|".repeat(variants.len() + 1));
    for name in metrics.iter().map(|metric| metric.name.as_str()).chain(["leaks"]) {
        let cells: Vec<String> = variants.iter().map(|variant| cell(&stored, &variant.name, name)).collect();
        if cells.iter().any(|cell| cell != NOTHING) {
            out += &row(std::iter::once(name.to_owned()).chain(cells));
        }
    }
    out
}

/// The value of a metric that is not stored.
const NOTHING: &str = "0";

/// Returns one value, or one for each group of images that have the same value.
fn cell(stored: &[(&String, &Outcomes)], variant: &str, name: &str) -> String {
    let shown = |value: &Value| Num::of(value).map_or_else(|| plain(value), |number| number.shown());
    let mut values: Vec<(String, Vec<&str>)> = Vec::new();
    for (image, all) in stored {
        let Some(facts) = all.get(variant) else { continue };
        let value = facts.get(name).map_or_else(|| NOTHING.to_owned(), shown);
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, images)) => images.push(image),
            None => values.push((value, vec![image])),
        }
    }
    match &values[..] {
        [] => "not run".into(),
        [(value, _)] => value.clone(),
        several => {
            several.iter().map(|(value, on)| format!("{value} ({})", on.join(", "))).collect::<Vec<_>>().join("; ")
        }
    }
}

/// Returns the lines of the logs: the words that an engineer searches for.
fn logs(experiment: &Experiment) -> String {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for variant in &experiment.scenario.variants {
        let facts = experiment.outcomes.values().filter_map(|all| all.as_ref()?.get(&variant.name));
        for text in facts.flat_map(|facts| facts.get("log").and_then(Value::as_array).into_iter().flatten()) {
            let variants = said.entry(plain(text).replace('`', "'")).or_default();
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

fn mitigations(scenario: &Scenario) -> String {
    let list = variants(scenario, |variant| variant.mitigates);
    if list.is_empty() { list } else { format!("\n## What helps\n\n{list}") }
}

/// Returns the calculated values of metrics, beside the table that has the measured ones; and where a search could find
/// no more.
fn expected(scenario: &Scenario) -> String {
    let mut out = String::new();
    for metric in &scenario.metrics {
        let searches = |phase: &&Phase| matches!(&metric.value, Metered::RateMax(clients) if phase.searches(clients));
        let shown = |value: u64| Num { value, tolerance: 0, unit: metric.value.unit() }.shown();
        let by = metric
            .expected
            .iter()
            .map(|(by, value)| format!("{} ({by})", shown(*value)))
            .collect::<Vec<_>>()
            .join(", ");
        let mut said = Vec::new();
        said.extend((!by.is_empty()).then(|| format!("expected: {by}")));
        for phase in scenario.first().phases.iter().filter(searches) {
            let own = own_rates(scenario, phase).into_iter();
            let own = own.map(|((_, most), of)| format!(" ({} in `{}`)", shown(u64::from(most)), of.join("`, `")));
            let (own, top) = (own.collect::<String>(), phase.search.map(|search| search.most).unwrap_or_default());
            said.push(format!(
                "{}{own} is as far as the search went, and stands for so many or more",
                shown(u64::from(top))
            ));
        }
        if !said.is_empty() {
            out += &format!("\n`{}`, {}.\n", metric.name, said.join("; "));
        }
    }
    out
}

/// Returns each claim with its verdicts; images with the same verdict stand together.
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

/// Returns the control that could have turned the claim, or why nothing could.
fn control(claim: &Claim) -> String {
    let variants = |names: &[String]| format!("`{}`", names.join("`, `"));
    match &claim.uncontrolled_because {
        Some(why) => format!("\n  - asked of {}; no control: {why}", variants(&claim.variants)),
        None => format!("\n  - asked of {}; control: {}", variants(&claim.variants), variants(&claim.control)),
    }
}

/// Returns the images on which the claim is unsettled, each with the reason.
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
