//! Progress bars, for terminals: one for each step and each run at work.

use super::{lines::seconds, progress::Progress};
use crate::story::{RunName, Story};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// The bars of all steps and runs at work.
#[derive(Default)]
pub struct Bars {
    all: MultiProgress,
    steps: HashMap<String, ProgressBar>,
    runs: HashMap<Arc<RunName>, (ProgressBar, Progress)>,
}

/// The length of a bar, which counts thousandths.
const WHOLE: u64 = 1000;

impl Bars {
    /// Shows one piece of the story.
    pub fn hear(&mut self, story: Story) {
        match story {
            Story::Notice(line) => self.say(line),
            Story::Step { what } => {
                let bar = self.add(ProgressBar::new_spinner(), "{spinner} {prefix}  {msg:.dim}", &what);
                self.steps.insert(what, bar);
            }
            Story::StepProgress { what, fraction, detail } => self.advance(&what, fraction, detail),
            Story::StepDone { what, took } => {
                self.clear(&what);
                if took >= Duration::from_secs(1) {
                    self.say(format!("✓ {what}  {}", seconds(took)));
                }
            }
            Story::StepGivenUp { what, took } => {
                self.clear(&what);
                self.say(format!("✗ {what}  gave up after {}", seconds(took)));
            }
            Story::RunStarted { run, total_virtual } => {
                let bar = self.add(ProgressBar::new(WHOLE), "{spinner} {prefix} {bar:24.cyan} {msg}", &run.to_string());
                self.runs.insert(run, (bar, Progress::of(total_virtual)));
            }
            Story::RunEvent { run, event } => {
                let Some((bar, progress)) = self.runs.get_mut(&run) else { return };
                progress.take(&event);
                bar.set_position(share(progress));
                bar.set_message(progress.to_string());
            }
            Story::RunEnded { run, wall, error } => self.end(&run, wall, error),
        }
    }

    fn advance(&mut self, what: &str, fraction: Option<f64>, detail: String) {
        let Some(bar) = self.steps.get(what) else { return };
        if let Some(fraction) = fraction {
            if bar.length().is_none() {
                bar.set_length(WHOLE);
                bar.set_style(style("{spinner} {prefix} {bar:24.cyan} {percent} %  {msg:.dim}"));
            }
            bar.set_position((fraction.clamp(0.0, 1.0) * WHOLE as f64) as u64);
        }
        bar.set_message(detail);
    }

    fn clear(&mut self, step: &str) {
        if let Some(bar) = self.steps.remove(step) {
            bar.finish_and_clear();
        }
    }

    fn end(&mut self, run: &Arc<RunName>, wall: Duration, error: Option<String>) {
        let Some((bar, progress)) = self.runs.remove(run) else { return };
        bar.finish_and_clear();
        match error {
            None => self.say(format!("✓ {run}  {progress}  {}", seconds(wall))),
            Some(error) => self.say(format!("✗ {run}  {progress}  {error}")),
        }
    }

    fn say(&self, line: String) {
        // This fails only if standard error is gone, and then there is no reader to tell.
        let _ = self.all.println(line);
    }

    fn add(&self, bar: ProgressBar, template: &str, prefix: &str) -> ProgressBar {
        let bar = self.all.add(bar.with_style(style(template)).with_prefix(prefix.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

fn share(progress: &Progress) -> u64 {
    let total = progress.total.as_secs_f64().max(1.0);
    ((progress.clock.as_secs_f64() / total).min(1.0) * WHOLE as f64) as u64
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates in this file are right")
}
