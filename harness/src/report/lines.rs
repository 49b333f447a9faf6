//! Shows progress as plain lines, for pipes and CI: a step when it begins and ends, a run once a virtual day.

use super::progress::Progress;
use crate::story::{RunName, Story};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// The runs and steps at work, and what was told of them.
#[derive(Debug, Default)]
pub struct Lines {
    runs: HashMap<Arc<RunName>, (Progress, u64)>,
    /// The quarters of each step that were told already.
    steps: HashMap<String, u32>,
}

impl Lines {
    /// Returns the lines to print for this piece; mostly none.
    pub fn hear(&mut self, story: &Story) -> Vec<String> {
        let line = match story {
            Story::Notice(line) => Some(line.clone()),
            Story::Step { what } => {
                self.steps.insert(what.clone(), 0);
                Some(format!("{what} ..."))
            }
            Story::StepProgress { what, fraction, detail } => self.quarter(what, *fraction, detail),
            Story::StepDone { what, took } => {
                self.steps.remove(what);
                Some(format!("{what}: done in {}", seconds(*took)))
            }
            Story::StepGivenUp { what, took } => {
                self.steps.remove(what);
                Some(format!("{what}: gave up after {}", seconds(*took)))
            }
            Story::RunStarted { run, total_virtual } => {
                self.runs.insert(run.clone(), (Progress::of(*total_virtual), 0));
                let total = crate::scenario::units::show(*total_virtual);
                Some(format!("{run}: started, {total} to go"))
            }
            Story::RunEvent { run, event } => self.day(run, event),
            Story::RunEnded { run, wall, error } => {
                let progress = self.runs.remove(run).map(|(p, _)| p).unwrap_or_default();
                Some(match error {
                    None => format!("{run}: {progress}; done in {}", seconds(*wall)),
                    Some(error) => format!("{run}: {progress}; failed after {}: {error}", seconds(*wall)),
                })
            }
        };
        line.into_iter().collect()
    }

    fn quarter(&mut self, what: &str, fraction: Option<f64>, detail: &str) -> Option<String> {
        let quarter = (fraction?.clamp(0.0, 1.0) * 4.0) as u32;
        let told = self.steps.entry(what.to_owned()).or_default();
        if quarter <= *told || quarter == 4 {
            return None;
        }
        *told = quarter;
        Some(format!("{what}: {} %, {detail}", quarter * 25))
    }

    fn day(&mut self, run: &Arc<RunName>, event: &tunelab_protocol::Stamped) -> Option<String> {
        let (progress, told) = self.runs.get_mut(run)?;
        progress.take(event);
        if progress.day() == *told || progress.clock >= progress.total {
            return None;
        }
        *told = progress.day();
        Some(format!("{run}: {progress}"))
    }
}

/// Writes a time as `1.2 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
