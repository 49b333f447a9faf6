//! Claims: does the run bear them out, and what shows it?

mod expression;
mod settled;
mod weigh;

pub use settled::{Experiment, Part, Settled, Standing, check_article, settle};

use crate::scenario::{Claim, Scenario};
use serde::Serialize;
use std::collections::BTreeMap;

/// The facts of outcomes of one scenario on one image, by variant.
pub type Outcomes = BTreeMap<String, toml::Table>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Holds,
    DoesNotHold,
    /// What it is about is not there on this kernel: one of its `applies-to` is false.
    DoesNotApply,
    /// It holds, and so it does in the control that should have turned it; or what must be given for it is not; or an
    /// outcome has not what it is about. Of the article's claims also: no run decided.
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
    /// Why it is unsettled.
    pub why: Option<String>,
    /// What decided, on both sides: where it is said to be true, and in its control.
    pub figure: String,
    /// All that was looked at.
    pub evidence: Vec<String>,
}

/// A claim against one run of one variant.
#[derive(Debug, Clone)]
pub struct Finding {
    pub id: String,
    pub says: String,
    /// What this run alone says, without a control.
    pub verdict: Verdict,
    pub evidence: Vec<String>,
}

/// All claims whose variants are among the outcomes; the others cannot be judged by these runs.
pub fn judge(scenario: &Scenario, outcomes: &Outcomes) -> Vec<Judged> {
    let ran = |claim: &&Claim| claim.variants.iter().chain(&claim.control).all(|v| outcomes.contains_key(v));
    scenario.claims.iter().filter(ran).map(|claim| weigh::judge(claim, outcomes)).collect()
}

/// The claims that are made about a variant, against its outcome.
pub fn findings(scenario: &Scenario, variant: &str, outcome: &toml::Table) -> Vec<Finding> {
    let about = |claim: &&Claim| claim.variants.iter().any(|v| v == variant);
    scenario.claims.iter().filter(about).map(|claim| weigh::find(claim, outcome)).collect()
}
