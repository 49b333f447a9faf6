//! The events of the engine, as they happen: one enum, told by the engine, read by the code that prints or draws.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tunelab_protocol::Stamped;

/// The run to which a piece of the story belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct RunName {
    /// The scenario's name, or the end of its path where one command runs two of that name.
    pub scenario: String,
    pub image: String,
    /// Release of a kernel that is not the image's own.
    pub kernel: Option<String>,
    pub variant: String,
    pub seed: u64,
    /// The repeat, from 1; above 1 only with `--repeat`.
    pub repeat: u32,
}

impl RunName {
    /// Returns the scenario as part of a file's name: two of one name are told apart by the folders they are in. A
    /// user's folder may have a comma or a space in its name, which QEMU's options do not bear.
    pub fn scenario_in_files(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        self.scenario.split('/').map(|part| part.chars().map(plain).collect::<String>()).collect::<Vec<_>>().join("+")
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} on {}", self.scenario, self.variant, self.image)?;
        if let Some(kernel) = &self.kernel {
            write!(f, " with {kernel}")?;
        }
        if self.seed != 1 {
            write!(f, ", seed {}", self.seed)?;
        }
        if self.repeat > 1 { write!(f, " #{}", self.repeat) } else { Ok(()) }
    }
}

#[derive(Debug, Clone)]
pub enum Story {
    /// One line worth knowing: what was installed, why KVM is not used, what was swept, what was rebuilt.
    Notice(String),
    /// A step of over a second begins. `what` identifies it until its `StepDone` or `StepGivenUp`.
    Step {
        what: String,
    },
    /// How far the step is, 0 to 1 where known, and what it is at.
    StepProgress {
        what: String,
        fraction: Option<f64>,
        detail: String,
    },
    StepDone {
        what: String,
        took: Duration,
    },
    /// The step failed, or was interrupted; an error, or the next step, says more.
    StepGivenUp {
        what: String,
        took: Duration,
    },
    RunStarted {
        run: Arc<RunName>,
        total_virtual: Duration,
    },
    /// An event of the guest, as it arrives.
    RunEvent {
        run: Arc<RunName>,
        event: Stamped,
    },
    RunEnded {
        run: Arc<RunName>,
        wall: Duration,
        error: Option<String>,
    },
}

/// Tells a story to its reader; it is fine if there is no reader.
#[derive(Debug, Clone)]
pub struct Teller(Option<mpsc::UnboundedSender<Story>>);

impl Teller {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Story>) {
        let (tx, rx) = mpsc::unbounded_channel();
        (Teller(Some(tx)), rx)
    }

    pub fn silent() -> Self {
        Teller(None)
    }

    pub fn tell(&self, story: Story) {
        if let Some(tx) = &self.0 {
            let _ = tx.send(story);
        }
    }

    pub fn notice(&self, line: impl Into<String>) {
        self.tell(Story::Notice(line.into()));
    }

    /// Begins a step; it ends well with [`StepGuard::done`], and is given up when the guard is dropped before.
    #[must_use]
    pub fn step(&self, what: impl Into<String>) -> StepGuard {
        let what = what.into();
        self.tell(Story::Step { what: what.clone() });
        StepGuard { teller: self.clone(), what, since: Instant::now(), done: false }
    }
}

pub struct StepGuard {
    teller: Teller,
    what: String,
    since: Instant,
    done: bool,
}

impl StepGuard {
    pub fn progress(&self, fraction: Option<f64>, detail: impl Into<String>) {
        self.teller.tell(Story::StepProgress { what: self.what.clone(), fraction, detail: detail.into() });
    }

    /// A share of the step that counts by itself, from one fraction to another.
    pub fn part(&self, from: f64, to: f64) -> StepPart<'_> {
        StepPart { step: self, from, to }
    }

    /// Ends the step well.
    pub fn done(mut self) {
        self.done = true;
    }
}

/// Counts a part of a step from 0 to 1, so that the step's progress never goes back.
pub struct StepPart<'s> {
    step: &'s StepGuard,
    from: f64,
    to: f64,
}

impl StepPart<'_> {
    pub fn progress(&self, fraction: f64, detail: impl Into<String>) {
        self.step.progress(Some(self.from + (self.to - self.from) * fraction), detail);
    }
}

impl Drop for StepGuard {
    fn drop(&mut self) {
        let (what, took) = (self.what.clone(), self.since.elapsed());
        self.teller.tell(if self.done { Story::StepDone { what, took } } else { Story::StepGivenUp { what, took } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_step_begins_where_it_is() {
        let (teller, mut story) = Teller::new();
        let step = teller.step("a");
        step.progress(Some(0.7), "b");
        let part = step.part(0.7, 0.99);
        [0.0, 0.5, 1.0].into_iter().for_each(|fraction| part.progress(fraction, "c"));
        step.done();
        let mut fractions = Vec::new();
        while let Ok(piece) = story.try_recv() {
            if let Story::StepProgress { fraction, .. } = piece {
                fractions.push((fraction.unwrap() * 1000.0).round());
            }
        }
        assert_eq!(fractions, [700.0, 700.0, 845.0, 990.0]);
    }
}
