//! Settles the article's claims by what scenarios found: no machine is started for it.

use super::{Judged, Outcomes, Verdict, judge};
use crate::{
    error::{Error, Result},
    outcome::snapshot::Verdicts,
    scenario::{Article, ArticleClaim, Claim, Scenario, SettledBy, suggestion},
};
use miette::LabeledSpan;
use std::collections::BTreeMap;

/// A scenario and the stored results of its runs.
#[derive(Debug)]
pub struct Experiment {
    pub scenario: Scenario,
    /// Outcomes by image, for each image that the scenario names; `None` where it was not run.
    pub outcomes: BTreeMap<String, Option<Outcomes>>,
    /// The verdicts on the scenario's claims when it ran, by image. A metric that is zero is not in a snapshot, nor is
    /// a metric that did not exist yet: a claim with another verdict than it had then asks for more than was stored.
    pub verdicts: BTreeMap<String, Verdicts>,
}

/// One claim of the article on all images.
#[derive(Debug, Clone)]
pub struct Settled {
    pub claim: ArticleClaim,
    /// The claim on each image, in the order that was asked for.
    pub images: Vec<(String, Standing)>,
}

/// One claim of the article on one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub verdict: Verdict,
    /// Why it is unsettled.
    pub reason: Option<String>,
    /// The claims of scenarios that it is made of.
    pub parts: Vec<Part>,
}

/// The contribution of one claim of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub scenario: String,
    pub claim: String,
    pub verdict: Verdict,
    /// Why it is unsettled.
    pub reason: Option<String>,
    /// The values that decided, on both sides.
    pub figure: String,
    /// Empty if it was not run.
    pub evidence: Vec<String>,
    /// Why it is so, as the scenario says.
    pub because: Option<String>,
    /// Why no variant could turn the verdict, as the scenario says.
    pub uncontrolled_because: Option<String>,
    /// All variants that must run for it, those of the control too.
    pub variants: Vec<String>,
}

impl Standing {
    fn unsettled(reason: &str) -> Self {
        Standing { verdict: Verdict::Unsettled, reason: Some(reason.to_owned()), parts: Vec::new() }
    }

    /// Returns the part that made the verdict what it is.
    pub fn decided_by(&self) -> Option<&Part> {
        self.parts.iter().find(|part| part.verdict == self.verdict)
    }

    fn of(parts: Vec<Part>) -> Self {
        let mut standing = Standing { verdict: combined(&parts), reason: None, parts };
        standing.reason = standing.decided_by().and_then(|part| part.reason.clone());
        standing
    }
}

impl Settled {
    /// Returns the number of images with a verdict; that the claim does not apply is a verdict too.
    pub fn settled_on(&self) -> usize {
        self.images.iter().filter(|(_, standing)| standing.verdict != Verdict::Unsettled).count()
    }
}

/// Combines the verdicts of all parts. One refutation refutes; the claim holds only after everything that could refute
/// it was tried.
fn combined(parts: &[Part]) -> Verdict {
    let order = [Verdict::DoesNotHold, Verdict::Unsettled, Verdict::Holds, Verdict::DoesNotApply];
    let found = order.into_iter().find(|verdict| parts.iter().any(|part| part.verdict == *verdict));
    found.unwrap_or(Verdict::Unsettled)
}

/// Settles every claim of the article on each of `images`.
pub fn settle(article: &Article, experiments: &[Experiment], images: &[String]) -> Vec<Settled> {
    let on = |claim: &ArticleClaim, image: &String| (image.clone(), standing(claim, experiments, image));
    let one = |claim: &ArticleClaim| Settled {
        claim: claim.clone(),
        images: images.iter().map(|image| on(claim, image)).collect(),
    };
    article.claims.iter().map(one).collect()
}

fn standing(claim: &ArticleClaim, experiments: &[Experiment], image: &str) -> Standing {
    if let Some(why) = &claim.cannot {
        return Standing::unsettled(why);
    }
    let settling: Vec<(&Experiment, &Claim)> =
        claim.settled_by.iter().filter_map(|by| named(by, experiments)).collect();
    if settling.is_empty() {
        return Standing::unsettled("no scenario settles it yet");
    }
    let parts: Vec<Part> = settling.iter().filter_map(|(experiment, claim)| experiment.part(claim, image)).collect();
    if parts.is_empty() {
        return Standing::unsettled("no scenario that settles it runs on this image");
    }
    Standing::of(parts)
}

fn named<'a>(by: &SettledBy, experiments: &'a [Experiment]) -> Option<(&'a Experiment, &'a Claim)> {
    let experiment = experiments.iter().find(|experiment| experiment.scenario.name == by.scenario)?;
    Some((experiment, experiment.scenario.claims.iter().find(|claim| claim.id == by.claim)?))
}

/// Refuses an article that names claims which no scenario makes.
pub fn check_article(article: &Article, experiments: &[Experiment]) -> Result<()> {
    let all = article.claims.iter().flat_map(|claim| &claim.settled_by);
    let missing = all.filter(|by| named(by, experiments).is_none());
    let wrong: Vec<Error> = missing.map(|by| missing_claim(by, article, experiments)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::input(format!("`{}` names claims that no scenario makes", article.source.name())).related(wrong))
}

fn missing_claim(by: &SettledBy, article: &Article, experiments: &[Experiment]) -> Error {
    let scenarios: Vec<&str> = experiments.iter().map(|experiment| experiment.scenario.name.as_str()).collect();
    let (message, hint) = match experiments.iter().find(|experiment| experiment.scenario.name == by.scenario) {
        None => (format!("there is no scenario `{}`", by.scenario), suggestion(&by.scenario, &scenarios)),
        Some(Experiment { scenario, .. }) => {
            let claims: Vec<&str> = scenario.claims.iter().map(|claim| claim.id.as_str()).collect();
            (format!("`{}` has no claim `{}`", by.scenario, by.claim), suggestion(&by.claim, &claims))
        }
    };
    let label = LabeledSpan::at(by.span.clone(), "not there");
    Error::input(message).hint(hint).at(article.source.clone(), vec![label])
}

impl Experiment {
    /// Returns what the scenario contributes on an image; `None` if it does not name the image.
    fn part(&self, claim: &Claim, image: &str) -> Option<Part> {
        let mut variants = claim.variants.clone();
        variants.extend(claim.control.iter().filter(|v| !claim.variants.contains(v)).cloned());
        let found = self.found(claim, image, self.outcomes.get(image)?.as_ref());
        let (verdict, reason, figure, evidence) = match found {
            Ok(Judged { verdict, why, figure, evidence, .. }) => {
                let of = |why| format!("`{}` of `{}`: {why}", claim.id, self.scenario.name);
                (verdict, why.map(of), figure, evidence)
            }
            Err(why) => (Verdict::Unsettled, Some(why), String::new(), Vec::new()),
        };
        let (because, uncontrolled_because) = (claim.because.clone(), claim.uncontrolled_because.clone());
        let (scenario, claim) = (self.scenario.name.clone(), claim.id.clone());
        Some(Part { scenario, claim, verdict, reason, figure, evidence, because, uncontrolled_because, variants })
    }

    /// Judges a claim by the stored outcomes; the error says why it could not be judged.
    fn found(&self, claim: &Claim, image: &str, outcomes: Option<&Outcomes>) -> Result<Judged, String> {
        let name = &self.scenario.name;
        let outcomes = outcomes.ok_or_else(|| format!("`{name}` was not run on this image"))?;
        let judged = judge(&self.scenario, outcomes).into_iter().find(|judged| judged.id == claim.id);
        let judged = judged.ok_or_else(|| format!("`{name}` was not run with all variants it takes"))?;
        let stored = self.verdicts.get(image).map(|verdicts| verdicts.get(&claim.id).map(String::as_str));
        match stored {
            Some(word) if word != Some(judged.verdict.word()) => {
                Err(format!("`{}` of `{name}` is newer than the snapshot: run it again", claim.id))
            }
            _ => Ok(judged),
        }
    }
}
