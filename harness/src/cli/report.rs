//! `tunelab report`: runs read again from their folders. No machine is started.

use super::{Outcome, judge, say::say, scenario::Format, sources::say_notes};
use crate::{
    error::Result,
    lab::kept::{self, Again},
    outcome::snapshot::Mode,
    project::{Found, Project},
    report,
};
use std::{
    io::{IsTerminal, stdout},
    path::PathBuf,
};

const AFTER: &str = "\
Examples:
  tunelab scenario conntrack-leak --out records/          keeps the runs
  tunelab report records/*                                says again what came of them
  tunelab report records/* --format junit                 in another form

Outcomes, claims and comparisons are made anew, from each run's events and its scenario as it was. They are compared with
the snapshots of the project here, where it has a scenario of that name; the exit code is 0 whatever they are.";

/// Read runs again: outcomes, claims and comparisons from their records, without a machine
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Folders of runs, as `--out` of `tunelab scenario` leaves them
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// On standard output; `json` is a document a line for each run
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let project = Project::find(None)?;
    let again = args.runs.iter().map(|folder| kept::read(folder)).collect::<Result<Vec<_>>>()?;
    let (mut found, mut runs): (Vec<Found>, _) = (Vec::new(), Vec::new());
    for Again { scenario, mut spec, result } in again {
        let known = project.named(std::slice::from_ref(&scenario.name)).ok().and_then(|mut known| known.pop());
        if known.is_none() {
            spec.not_comparable = Some("the project here has no such scenario");
        }
        let label = &spec.run.scenario;
        if !found.iter().any(|found| &found.label == label) {
            found.push(Found::of_a_record(label, scenario, known));
        }
        runs.push((spec, result));
    }
    say_notes(&project);
    let verdicts = judge(&found, runs, Mode::Check)?;
    let terminal = stdout().is_terminal();
    say(match args.format {
        Format::Human => verdicts.iter().map(|verdict| report::summary::render(verdict, terminal)).collect(),
        Format::Json => report::json::render(&verdicts),
        Format::Junit => report::junit::render(&verdicts)?,
    })?;
    Ok(Outcome::AsExpected)
}
