//! Claims about what is in no outcome of the scenario: found before any machine starts.

use super::expression::paths;
use crate::{
    error::{Error, Result},
    outcome::{Outcome, Record},
    plan,
    scenario::{Expression, Operand, Scenario, nearest},
};
use miette::LabeledSpan;
use std::collections::BTreeMap;
use toml::Value;
use tunelab_protocol::{Entries, Event, LimitOf, Plan, ProbeKind, Stamped};

/// Refuses claims about what is not in an outcome of this scenario, before any machine starts.
pub fn check(scenario: &Scenario) -> Result<()> {
    let Some(variant) = scenario.variants.first() else { return Ok(()) };
    let outcome = blank(&plan::plan(scenario, variant, 0), scenario).document();
    let known = paths(&Value::Table(outcome.clone()), String::new());
    let expressions =
        scenario.claims.iter().flat_map(|claim| claim.applies_to.iter().chain(&claim.requires).chain(&claim.assert));
    let wrong: Vec<Error> = expressions
        .flat_map(|e| wrong_paths(e, &known).into_iter().map(|path| unmeasured(scenario, e, &path, &known)))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::input(format!("`{}` makes claims about what is not measured", scenario.source.name())).related(wrong))
}

fn unmeasured(scenario: &Scenario, expression: &Expression, path: &str, known: &[String]) -> Error {
    let hint = match nearest(path, &known.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "see an outcome in `snapshots/` for what there is".into(),
    };
    let label = LabeledSpan::at(expression.span.clone(), "not in an outcome");
    Error::input(format!("there is no `{path}` in an outcome of this scenario"))
        .hint(hint)
        .at(scenario.source.clone(), vec![label])
}

fn wrong_paths(expression: &Expression, known: &[String]) -> Vec<String> {
    let mut paths = vec![expression.left.clone()];
    if let Operand::Path(path) = &expression.right {
        paths.push(path.clone());
    }
    paths.retain(|path| !known.contains(path));
    paths
}

/// An outcome with everything in it that a run of this plan can have.
fn blank(plan: &Plan, scenario: &Scenario) -> Outcome {
    let zero = |event| Stamped { at_us: 0, event };
    let mut events = vec![zero(Event::Ready), zero(Event::TableFull { drops: 1 })];
    let (name, value, why) = (String::new(), String::new(), String::new());
    events.push(zero(Event::SysctlRenamed { name: name.clone(), used: String::new() }));
    events.push(zero(Event::SysctlRefused { name, value, why }));
    let value = |name: &String| zero(Event::Sysctl { name: name.clone(), value: None });
    events.extend(plan.server.report_sysctls.iter().map(value));
    let limit = |of: &LimitOf| zero(Event::OpenFileLimit { of: of.to_string(), soft: 0, hard: 0 });
    events.extend(plan.server.report_limits.iter().map(limit));
    for probe in &plan.probes {
        match probe.kind {
            ProbeKind::Conntrack => {
                let values = ["conntrack.count", "conntrack.max", "conntrack.drop", "conntrack.early_drop"]
                    .map(|name| (name.to_owned(), 0));
                events.push(zero(Event::Sample { values: values.into() }));
            }
            ProbeKind::ConntrackEntries => events.extend(plan.populations.iter().map(|p| zero(no_entries(&p.name)))),
            ProbeKind::NginxLog => events.push(zero(Event::NginxLog { texts: BTreeMap::new() })),
            _ => {}
        }
    }
    Outcome::of(&Record { events, fingerprint: String::new() }, plan, scenario)
}

fn no_entries(population: &str) -> Event {
    Event::Entries(Entries {
        population: population.to_owned(),
        created: 0,
        picked_up: 0,
        alive_at_end: 0,
        longest_life_ms: 0,
        longest_state: String::new(),
        lives_by_state: BTreeMap::new(),
    })
}
