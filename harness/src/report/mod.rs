//! Readers of stories and records: they print and draw, and never run anything.
//!
//! While it works: `progress` (what a run is at), drawn as `lines` (pipes, CI) or `bars` (terminals). At the end:
//! `summary` for people, `json` and `junit` for machines. `diagnostic` shows errors.

mod bars;
pub mod diagnostic;
pub mod json;
pub mod junit;
mod lines;
mod progress;
pub mod summary;

pub use lines::Lines;
pub use progress::Progress;

use crate::{
    error::Error,
    lab::RunResult,
    outcome::{
        Outcome,
        claims::{Finding, Judged},
        snapshot::Comparison,
    },
    story::{RunName, Story},
};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// The runs of one scenario on one image, judged.
#[derive(Debug)]
pub struct Verdict {
    pub scenario: String,
    pub image: String,
    /// Which of `--repeat`, from 1.
    pub repeat: u32,
    pub runs: Vec<Told>,
    pub claims: Vec<Judged>,
    pub comparison: Compared,
}

/// One run and what is to be said of it.
#[derive(Debug)]
pub struct Told {
    pub run: Arc<RunName>,
    pub result: Result<Ran, Error>,
}

#[derive(Debug)]
pub struct Ran {
    pub result: RunResult,
    pub outcome: Outcome,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    With(Comparison),
    /// Not at all, and why not.
    Not(&'static str),
}

impl Compared {
    pub fn word(&self) -> &'static str {
        match self {
            Compared::With(comparison) => comparison.word(),
            Compared::Not(_) => "not-compared",
        }
    }

    pub fn as_expected(&self) -> bool {
        !matches!(self, Compared::With(comparison) if !comparison.as_expected())
    }
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
                lines.hear(&piece).iter().for_each(|line| eprintln!("{line}"));
            }
        }
        Style::Silent => while story.recv().await.is_some() {},
    }
}
