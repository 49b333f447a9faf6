//! Readers of stories and records: they print and draw, and never run anything.
//!
//! While a command works: `progress` (what a run is at), drawn as `lines` (pipes, CI) or `bars` (terminals). At the
//! end: `summary` for people (`own`: what the user's files change), `json` and `junit` for machines. `claims`: the
//! article's claims, over all scenarios; `page`: one scenario's page; `reference`: what a metric can be. `diagnostic`
//! shows errors.

mod aside;
mod bars;
pub mod claims;
pub mod diagnostic;
pub mod explained;
pub mod json;
pub mod junit;
pub mod keys;
mod lines;
mod own;
pub mod page;
mod phases;
mod progress;
pub mod reference;
pub mod summary;

pub use aside::aside;
pub use lines::Lines;
pub use progress::Progress;

use crate::{
    error::Error,
    lab::{Clock, RunResult},
    outcome::{
        Outcome,
        claims::{Finding, Judged},
        snapshot::Comparison,
    },
    project::Origin,
    story::{RunName, Story},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::mpsc::UnboundedReceiver;

/// The runs of one scenario on one image, judged.
#[derive(Debug)]
pub struct Verdict {
    pub scenario: String,
    pub origin: Origin,
    pub image: String,
    /// Release of a kernel that is not the image's own.
    pub kernel: Option<String>,
    pub seed: u64,
    /// The number of the repeat (`--repeat`), from 1.
    pub repeat: u32,
    pub runs: Vec<Told>,
    pub claims: Vec<Judged>,
    /// The number of claims about variants of which some did not run.
    pub unjudged: usize,
    /// Metrics that no claim is about: the values of the others stand in the claims' evidence.
    pub unclaimed: Vec<String>,
    pub comparison: Compared,
}

/// One run and its result.
#[derive(Debug)]
pub struct Told {
    pub run: Arc<RunName>,
    pub result: Result<Ran, Error>,
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Ran {
    pub result: RunResult,
    pub outcome: Outcome,
    /// The part of the outcome that the scenario is about ([`Outcome::facts`]).
    pub facts: toml::Table,
    pub findings: Vec<Finding>,
}

/// Whether the outcomes were compared with the snapshot, and with which result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    With(Comparison),
    /// They were not compared, for this reason.
    Not(&'static str),
}

impl Compared {
    /// Returns the word for it in the JSON document.
    pub fn word(&self) -> &'static str {
        match self {
            Compared::With(comparison) => comparison.word(),
            Compared::Not(_) => "not-compared",
        }
    }

    /// Whether nothing differs from the snapshot; a run that was not compared counts as expected.
    pub fn as_expected(&self) -> bool {
        !matches!(self, Compared::With(comparison) if !comparison.as_expected())
    }
}

/// Runs of `--repeat` that should have written the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sameness {
    /// `scenario/variant on image`, and the seed if it is not 1.
    pub run: String,
    pub runs: usize,
    /// The number of different fingerprints; one is as it should be.
    pub fingerprints: usize,
}

/// Compares the fingerprints of all runs under the virtual clock that were repeated.
pub fn sameness(verdicts: &[Verdict]) -> Vec<Sameness> {
    let mut found: BTreeMap<String, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for result in verdicts.iter().flat_map(|v| &v.runs).filter_map(|told| Some(&told.result.as_ref().ok()?.result)) {
        if result.clock == Clock::Virtual {
            let name = RunName { repeat: 1, ..(*result.run).clone() }.to_string();
            let (runs, fingerprints) = found.entry(name).or_default();
            *runs += 1;
            fingerprints.insert(&result.record.fingerprint);
        }
    }
    let repeated = found.into_iter().filter(|(_, (runs, _))| *runs > 1);
    repeated.map(|(run, (runs, prints))| Sameness { run, runs, fingerprints: prints.len() }).collect()
}

/// How progress is shown on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Bars,
    Lines,
    Silent,
}

/// Shows a story as it is told, until its teller is gone.
pub async fn follow(mut story: UnboundedReceiver<Story>, style: Style) {
    match style {
        Style::Bars => {
            let mut bars = bars::Bars::default();
            while let Some(piece) = story.recv().await {
                bars.hear(piece);
            }
        }
        Style::Lines => {
            let mut lines = Lines::default();
            while let Some(piece) = story.recv().await {
                lines.hear(&piece).iter().for_each(aside);
            }
        }
        Style::Silent => while story.recv().await.is_some() {},
    }
}
