//! Judges claims: whether the run confirms them, and what shows it.

mod expression;
mod settled;
mod weigh;

pub use settled::{Experiment, Part, Settled, Standing, check_article, settle};

use crate::scenario::{Claim, Scenario};
use serde::Serialize;
use std::collections::BTreeMap;

/// The facts of outcomes of one scenario on one image, by variant.
pub type Outcomes = BTreeMap<String, toml::Table>;

/// The verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Holds,
    DoesNotHold,
    /// This kernel does not have what the claim is about: one of its `applies-to` is false.
    DoesNotApply,
    /// The claim holds, but also in the control that should have turned it; or one of its `requires` is false; or an
    /// outcome does not have what the claim is about. For the article's claims also: no run decided.
    Unsettled,
}

impl Verdict {
    /// Returns the words that people are shown.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::DoesNotHold => "does not hold",
            Verdict::DoesNotApply => "does not apply",
            Verdict::Unsettled => "unsettled",
        }
    }
}

/// A claim, judged by the outcomes of all its variants.
#[derive(Debug, Clone)]
pub struct Judged {
    pub id: String,
    pub says: String,
    pub verdict: Verdict,
    /// Why it is unsettled.
    pub why: Option<String>,
    /// The values that decided, on both sides: in a variant where the claim is said to be true, and in its control.
    pub figure: String,
    /// All values that were looked at.
    pub evidence: Vec<String>,
}

/// A claim, judged by one run of one variant.
#[derive(Debug, Clone)]
pub struct Finding {
    pub id: String,
    pub says: String,
    /// The verdict of this run alone, without a control.
    pub verdict: Verdict,
    pub evidence: Vec<String>,
}

/// Judges all claims that have all their variants among the outcomes; these runs cannot judge the others.
pub fn judge(scenario: &Scenario, outcomes: &Outcomes) -> Vec<Judged> {
    let ran = |claim: &&Claim| claim.variants.iter().chain(&claim.control).all(|v| outcomes.contains_key(v));
    scenario.claims.iter().filter(ran).map(|claim| weigh::judge(claim, outcomes)).collect()
}

/// Judges the claims that are made about a variant, by its outcome.
pub fn findings(scenario: &Scenario, variant: &str, outcome: &toml::Table) -> Vec<Finding> {
    let about = |claim: &&Claim| claim.variants.iter().any(|v| v == variant);
    scenario.claims.iter().filter(about).map(|claim| weigh::find(claim, outcome)).collect()
}
