//! The facts, the part of an outcome that means something: the scenario's metrics, its series, leaks, what the logs
//! said, and the settings that a claim is about. A snapshot holds them, and claims are judged by them. An exact zero is
//! left out.

use super::Outcome;
use crate::scenario::{
    Claim, Expression, Scenario, Subject,
    parts::{LEAKS, LOG, OPEN_FILES, REFUSED_SYSCTLS, RENAMED_SYSCTLS, SCALE, SERIES, SYSCTLS},
};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// Returns the facts: metrics by their names, then the tables.
pub fn of(outcome: &Outcome, scenario: &Scenario) -> Table {
    let mut facts = Table::new();
    facts.extend(outcome.scale.as_ref().map(|scale| (SCALE.to_owned(), value(scale))));
    let metrics = outcome.metrics.iter().filter(|(_, measured)| !measured.is_nothing());
    facts.extend(metrics.map(|(name, measured)| (name.clone(), value(measured))));
    let leaks = outcome.leaks.as_ref().filter(|leaks| !leaks.is_empty());
    facts.extend(leaks.map(|leaks| (LEAKS.to_owned(), value(leaks))));
    let nginx = outcome.nginx_log.iter().flat_map(|log| log.texts.keys());
    let said: BTreeSet<&String> = outcome.log.texts.keys().chain(nginx).collect();
    facts.extend((!said.is_empty()).then(|| (LOG.to_owned(), value(&said))));
    let names = [(REFUSED_SYSCTLS, &outcome.refused_sysctls), (RENAMED_SYSCTLS, &outcome.renamed_sysctls)];
    let is_told = |key| subjects(scenario).any(|subject| *subject == Subject::List(key));
    let names = names.into_iter().filter(|(key, names)| is_told(key) && !names.is_empty());
    facts.extend(names.map(|(key, names)| (key.to_owned(), value(names))));
    let mut table = |key: &str, table: Table| facts.extend((!table.is_empty()).then(|| (key.to_owned(), table.into())));
    table(SERIES, outcome.series.iter().map(|(name, points)| (name.clone(), value(points))).collect());
    table(SYSCTLS, sysctls(outcome, scenario));
    table(OPEN_FILES, open_files(outcome, scenario));
    facts
}

fn value(part: &impl serde::Serialize) -> Value {
    Value::try_from(part).expect("an outcome is made of tables, texts and numbers")
}

fn subjects(scenario: &Scenario) -> impl Iterator<Item = &Subject> {
    scenario.claims.iter().flat_map(Claim::expressions).flat_map(Expression::subjects)
}

fn sysctls(outcome: &Outcome, scenario: &Scenario) -> Table {
    let named = |subject: &Subject| match subject {
        Subject::Sysctl(name) => Some((name.clone(), outcome.sysctls.get(name)?.clone().into())),
        _ => None,
    };
    subjects(scenario).filter_map(named).collect()
}

fn open_files(outcome: &Outcome, scenario: &Scenario) -> Table {
    let named = |subject: &Subject| match subject {
        Subject::OpenFiles { of, which } => {
            let limits = outcome.open_files.get(of)?;
            let limit = if *which == "soft" { limits.soft } else { limits.hard };
            Some((format!("{of}.{which}"), value(&limit)))
        }
        _ => None,
    };
    subjects(scenario).filter_map(named).collect()
}

/// Returns the subject's name, and its value in the facts. A metric that is not there is zero. Of the other subjects
/// only a list can be left out because it is empty.
pub fn find(facts: &Table, subject: &Subject) -> (String, Option<Value>) {
    let in_table = |key: &str, name: &str| facts.get(key).and_then(|table| table.get(name)).cloned();
    match subject {
        Subject::Metric { name, .. } => (name.clone(), Some(facts.get(name).cloned().unwrap_or(Value::Integer(0)))),
        Subject::Sysctl(name) => (format!("{SYSCTLS}.{name}"), in_table(SYSCTLS, name)),
        Subject::OpenFiles { of, which } => {
            let name = format!("{of}.{which}");
            (format!("{OPEN_FILES}.{name}"), in_table(OPEN_FILES, &name))
        }
        Subject::List(key) => ((*key).to_owned(), Some(facts.get(*key).cloned().unwrap_or(Value::Array(Vec::new())))),
    }
}
