//! Claims: does the run bear them out, and what shows it?

use super::{Num, Outcome, Record};
use crate::{
    error::{Error, Result},
    plan,
    scenario::{Claim, Compare, Expression, Operand, Scenario, suggestion},
};
use miette::LabeledSpan;
use serde::Serialize;
use std::collections::BTreeMap;
use toml::Value;
use tunelab_protocol::{Entries, Event, Stamped, Visits};

/// Outcomes of one scenario on one image, by variant.
pub type Outcomes = BTreeMap<String, toml::Table>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Holds,
    DoesNotHold,
    /// It holds, and so it does in the control that should have turned it.
    Unsettled,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::DoesNotHold => "does not hold",
            Verdict::Unsettled => "unsettled",
        }
    }
}

/// A claim against all its variants.
#[derive(Debug, Clone)]
pub struct Judged {
    pub id: String,
    pub says: String,
    pub verdict: Verdict,
    pub evidence: Vec<String>,
}

/// A claim against one run of one variant.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub id: String,
    pub holds: bool,
    pub evidence: Vec<String>,
}

/// All claims whose variants are among the outcomes; the others cannot be judged by these runs.
pub fn judge(scenario: &Scenario, outcomes: &Outcomes) -> Vec<Judged> {
    let ran = |claim: &&Claim| claim.variants.iter().chain(&claim.control).all(|v| outcomes.contains_key(v));
    scenario.claims.iter().filter(ran).map(|claim| judge_one(claim, outcomes)).collect()
}

fn judge_one(claim: &Claim, outcomes: &Outcomes) -> Judged {
    let mut evidence = Vec::new();
    let mut holds_in = |variants: &[String]| -> Vec<bool> {
        let mut found = Vec::new();
        for variant in variants {
            let finding = find(claim, &outcomes[variant]);
            evidence.extend(finding.evidence.into_iter().map(|e| format!("{variant}: {e}")));
            found.push(finding.holds);
        }
        found
    };
    let holds = holds_in(&claim.variants).into_iter().all(|h| h);
    let turned = holds_in(&claim.control).into_iter().all(|h| !h);
    let verdict = match (holds, turned) {
        (false, _) => Verdict::DoesNotHold,
        (true, true) => Verdict::Holds,
        (true, false) => Verdict::Unsettled,
    };
    Judged { id: claim.id.clone(), says: claim.says.clone(), verdict, evidence }
}

/// The claims that are made about a variant, against its outcome.
pub fn findings(scenario: &Scenario, variant: &str, outcome: &toml::Table) -> Vec<Finding> {
    let about = |claim: &&Claim| claim.variants.iter().any(|v| v == variant);
    scenario.claims.iter().filter(about).map(|claim| find(claim, outcome)).collect()
}

fn find(claim: &Claim, outcome: &toml::Table) -> Finding {
    let found: Vec<(bool, String)> = claim.that.iter().map(|e| evaluate(e, outcome)).collect();
    Finding {
        id: claim.id.clone(),
        holds: found.iter().all(|(holds, _)| *holds),
        evidence: found.into_iter().map(|(_, evidence)| evidence).collect(),
    }
}

/// Whether it is true, and the value that shows it.
fn evaluate(expression: &Expression, outcome: &toml::Table) -> (bool, String) {
    let Some(left) = lookup(outcome, &expression.left) else {
        return (false, format!("there is no {}", expression.left));
    };
    let right = match &expression.right {
        Operand::Number(n) => Some(Value::Integer(*n)),
        Operand::Text(text) => Some(Value::String(text.clone())),
        Operand::Path(path) => lookup(outcome, path).cloned(),
    };
    let holds = right.is_some_and(|right| compare(left, expression.compare, &right));
    (holds, format!("{} = {}", expression.left, show(left)))
}

fn lookup<'a>(outcome: &'a toml::Table, path: &str) -> Option<&'a Value> {
    let (last, tables) =
        path.split('.').collect::<Vec<_>>().split_last().map(|(l, t)| ((*l).to_owned(), t.to_vec()))?;
    let table = tables.into_iter().try_fold(outcome, |table, key| table.get(key)?.as_table())?;
    table.get(&last)
}

fn compare(left: &Value, by: Compare, right: &Value) -> bool {
    let order = match (Num::of(left), Num::of(right)) {
        (Some(left), Some(right)) => Some(left.value.cmp(&right.value)),
        _ => None,
    };
    match by {
        Compare::Equal => order.map_or(left == right, |o| o.is_eq()),
        Compare::NotEqual => order.map_or(left != right, |o| o.is_ne()),
        Compare::Less => order.is_some_and(|o| o.is_lt()),
        Compare::AtMost => order.is_some_and(|o| o.is_le()),
        Compare::More => order.is_some_and(|o| o.is_gt()),
        Compare::AtLeast => order.is_some_and(|o| o.is_ge()),
        Compare::Contains => contains(left, right),
        Compare::Lacks => !contains(left, right),
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Array(elements), part) => elements.contains(part),
        (Value::Table(table), Value::String(key)) => table.contains_key(key),
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => false,
    }
}

fn show(value: &Value) -> String {
    match (Num::of(value), value) {
        (Some(number), _) => number.value.to_string(),
        (None, Value::String(text)) => format!("`{text}`"),
        (None, Value::Array(elements)) if elements.is_empty() => "nothing".into(),
        (None, Value::Array(elements)) => elements.iter().map(show).collect::<Vec<_>>().join(", "),
        (None, other) => other.to_string(),
    }
}

/// Refuses claims about what is not in an outcome of this scenario, before any machine starts.
pub fn check(scenario: &Scenario) -> Result<()> {
    let Some(variant) = scenario.variants.first() else { return Ok(()) };
    let outcome = blank(&plan::plan(scenario, variant, 0)).document();
    let known = paths(&Value::Table(outcome.clone()), String::new());
    let wrong: Vec<Error> = scenario
        .claims
        .iter()
        .flat_map(|claim| &claim.that)
        .flat_map(|expression| wrong_paths(expression, &known).into_iter().map(move |path| (expression, path)))
        .map(|(expression, path)| {
            let near: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = match crate::scenario::nearest(&path, &near) {
                Some(_) => suggestion(&path, &near),
                None => "see an outcome in `snapshots/` for what there is".into(),
            };
            let label = LabeledSpan::at(expression.span.clone(), "not in an outcome");
            Error::input(format!("there is no `{path}` in an outcome of this scenario"))
                .hint(hint)
                .at(scenario.source.clone(), vec![label])
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::input(format!("`{}` makes claims about what is not measured", scenario.source.name())).related(wrong))
}

fn wrong_paths(expression: &Expression, known: &[String]) -> Vec<String> {
    let mut paths = vec![expression.left.clone()];
    if let Operand::Path(path) = &expression.right {
        paths.push(path.clone());
    }
    paths.retain(|path| !known.contains(path));
    paths
}

fn paths(value: &Value, at: String) -> Vec<String> {
    let mut found = Vec::new();
    if let Value::Table(table) = value {
        for (key, value) in table {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            found.extend(paths(value, path.clone()));
            found.push(path);
        }
    }
    found
}

/// An outcome with everything in it that a run of this plan can have.
fn blank(plan: &tunelab_protocol::Plan) -> Outcome {
    let zero = |event| Stamped { at_us: 0, event };
    let mut events = vec![zero(Event::Ready), zero(Event::TableFull { drops: 1 })];
    for probe in &plan.probes {
        match probe.kind {
            tunelab_protocol::ProbeKind::Conntrack => {
                let values = [("conntrack.count", 0), ("conntrack.max", 0)].map(|(name, n)| (name.to_owned(), n));
                events.push(zero(Event::Sample { values: values.into() }));
            }
            tunelab_protocol::ProbeKind::ConntrackEntries => {
                events.extend(plan.populations.iter().map(|p| zero(no_entries(&p.name))));
            }
            _ => {}
        }
    }
    let visits = Visits::default();
    events.extend(
        plan.populations
            .iter()
            .map(|p| zero(Event::Round { phase: String::new(), round: 0, population: p.name.clone(), visits })),
    );
    Outcome::of(&Record { events, fingerprint: String::new() }, plan)
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
