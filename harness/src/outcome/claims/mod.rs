//! Claims: does the run bear them out, and what shows it?

mod check;
mod expression;
mod settled;
mod settles;

pub use check::check;
pub use settled::{Experiment, Part, Settled, Standing, settle};

use crate::scenario::{Claim, Scenario};
use expression::evaluate;
use serde::Serialize;
use std::collections::BTreeMap;

/// Outcomes of one scenario on one image, by variant.
pub type Outcomes = BTreeMap<String, toml::Table>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Holds,
    DoesNotHold,
    /// What it is about is not there on this kernel: one of its `applies` is false.
    DoesNotApply,
    /// It holds, and so it does in the control that should have turned it. Of the article's claims also: no run decided.
    Unsettled,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::DoesNotHold => "does not hold",
            Verdict::DoesNotApply => "does not apply",
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
    /// Whether it is about this kernel at all; if not, `holds` is no verdict.
    pub applies: bool,
    pub holds: bool,
    pub evidence: Vec<String>,
}

/// All claims whose variants are among the outcomes; the others cannot be judged by these runs.
pub fn judge(scenario: &Scenario, outcomes: &Outcomes) -> Vec<Judged> {
    let ran = |claim: &&Claim| claim.variants.iter().chain(&claim.control).all(|v| outcomes.contains_key(v));
    scenario.claims.iter().filter(ran).map(|claim| judge_one(claim, outcomes)).collect()
}

fn judge_one(claim: &Claim, outcomes: &Outcomes) -> Judged {
    let (verdict, evidence) = match not_here(claim, outcomes) {
        missing if missing.is_empty() => weigh(claim, outcomes),
        missing => (Verdict::DoesNotApply, missing),
    };
    Judged { id: claim.id.clone(), says: claim.says.clone(), verdict, evidence }
}

/// What shows that the claim is not about this kernel.
fn not_here(claim: &Claim, outcomes: &Outcomes) -> Vec<String> {
    let of = |variant: &String| {
        let missing = missing(claim, &outcomes[variant]).into_iter();
        missing.map(|e| format!("{variant}: {e}")).collect::<Vec<_>>()
    };
    claim.variants.iter().flat_map(of).collect()
}

fn weigh(claim: &Claim, outcomes: &Outcomes) -> (Verdict, Vec<String>) {
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
    (verdict, evidence)
}

/// The evidence of each of `applies` that is false.
fn missing(claim: &Claim, outcome: &toml::Table) -> Vec<String> {
    let found = claim.applies.iter().map(|e| evaluate(e, outcome));
    found.filter(|(holds, _)| !holds).map(|(_, evidence)| evidence).collect()
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
        applies: missing(claim, outcome).is_empty(),
        holds: found.iter().all(|(holds, _)| *holds),
        evidence: found.into_iter().map(|(_, evidence)| evidence).collect(),
    }
}
