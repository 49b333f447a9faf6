//! Turns the lab's results into verdicts: outcomes, claims, snapshot.

use crate::{
    error::Result,
    lab::{Clock, RunResult},
    outcome::{
        Outcome,
        claims::{self, Outcomes},
        snapshot::{self, Document, Mode, Shelf},
    },
    plan::RunSpec,
    project::Found,
    report::{Compared, Ran, Told, Verdict},
    scenario::{Claim, Expression, Metric, Scenario, Subject, YOURS},
};
use std::collections::BTreeSet;

/// Judges runs and their results, in order, of any number of scenarios, images and repeats.
pub fn judge(scenarios: &[Found], runs: Vec<(RunSpec, Result<RunResult>)>, mode: Mode) -> Result<Vec<Verdict>> {
    let mut groups: Vec<Vec<(RunSpec, Result<RunResult>)>> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|group| same(&group[0].0, &run.0)) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    let found = |label: &str| scenarios.iter().find(|s| s.label == label).expect("runs come from these scenarios");
    let failed: BTreeSet<String> = groups
        .iter()
        .flatten()
        .filter(|(_, result)| result.is_err())
        .map(|(spec, _)| spec.run.scenario.clone())
        .collect();
    let judged = groups.into_iter().map(|group| {
        let found = found(&group[0].0.run.scenario);
        let taken = (mode != Mode::Accept || !failed.contains(&found.label)).then_some(mode);
        one(found, group, taken)
    });
    judged.collect()
}

/// Whether two runs belong to one snapshot.
fn same(a: &RunSpec, b: &RunSpec) -> bool {
    let key = |spec: &RunSpec| (spec.run.scenario.clone(), spec.run.image.clone(), spec.run.seed, spec.run.repeat);
    key(a) == key(b)
}

fn one(found: &Found, group: Vec<(RunSpec, Result<RunResult>)>, mode: Option<Mode>) -> Result<Verdict> {
    let scenario = &found.scenario;
    let name = group[0].0.run.clone();
    let not_comparable = group[0].0.not_comparable;
    let runs: Vec<Told> = group.into_iter().map(|(spec, result)| told(scenario, spec, result)).collect();
    let outcomes: Outcomes =
        runs.iter().filter_map(|t| Some((t.run.variant.clone(), t.result.as_ref().ok()?.facts.clone()))).collect();
    let judged = claims::judge(scenario, &outcomes);
    let document = Document {
        scenario: scenario.name.clone(),
        image: name.image.clone(),
        variants: runs
            .iter()
            .filter(|t| t.run.variant != YOURS)
            .filter_map(|t| Some((t.run.variant.clone(), outcomes.get(&t.run.variant)?.clone())))
            .collect(),
        claims: judged.clone(),
        whole: scenario.variants.iter().all(|v| v.name == YOURS || outcomes.contains_key(&v.name)),
    };
    Ok(Verdict {
        comparison: compare(&found.snapshots, &document, &runs, not_comparable, mode)?,
        scenario: name.scenario.clone(),
        origin: found.origin,
        image: name.image.clone(),
        kernel: name.kernel.clone(),
        seed: name.seed,
        repeat: name.repeat,
        unjudged: scenario.claims.len() - judged.len(),
        unclaimed: unclaimed(scenario),
        claims: judged,
        runs,
    })
}

fn unclaimed(scenario: &Scenario) -> Vec<String> {
    let subjects = || scenario.claims.iter().flat_map(Claim::expressions).flat_map(Expression::subjects);
    let claimed = |metric: &Metric| {
        subjects().any(|subject| matches!(subject, Subject::Metric { name, .. } if *name == metric.name))
    };
    scenario.metrics.iter().filter(|metric| !claimed(metric)).map(|metric| metric.name.clone()).collect()
}

fn told(scenario: &Scenario, spec: RunSpec, result: Result<RunResult>) -> Told {
    let ran = |result: RunResult| {
        let outcome = Outcome::of(&result.record, &spec.plan, scenario);
        let facts = outcome.facts(scenario);
        let findings = claims::findings(scenario, asked_of(scenario, &spec.run.variant), &facts);
        Ran { result, outcome, facts, findings }
    };
    Told { result: result.map(ran), run: spec.run }
}

/// The variant whose claims apply. No claim is about the user's own files: they are asked about the variant that they
/// change.
fn asked_of<'a>(scenario: &'a Scenario, variant: &'a str) -> &'a str {
    scenario.variants.first().filter(|_| variant == YOURS).map_or(variant, |first| &first.name)
}

fn compare(
    shelf: &Shelf,
    document: &Document,
    runs: &[Told],
    not_comparable: Option<&'static str>,
    mode: Option<Mode>,
) -> Result<Compared> {
    let clocks: Vec<Clock> = runs.iter().filter_map(|t| Some(t.result.as_ref().ok()?.result.clock)).collect();
    if clocks.is_empty() {
        return Ok(Compared::Not("no run came to its end"));
    }
    if let Some(why) = not_comparable {
        return Ok(Compared::Not(why));
    }
    if clocks.contains(&Clock::Wall) {
        return Ok(Compared::Not("the wall clock repeats nothing exactly, snapshots are of the virtual one"));
    }
    // An accepted outcome stands for the scenario: half of it would hide that the other half is broken.
    let Some(mode) = mode else {
        return Ok(Compared::Not("a run of this scenario failed: nothing of it was accepted"));
    };
    Ok(Compared::With(snapshot::compare(shelf, document, mode)?))
}
