//! `tunelab check`: everything that can be said of a scenario without a machine.

use super::{
    Outcome,
    say::say,
    sources::{ImagesArg, say_notes},
};
use crate::{error::Result, report::explained};

/// Check a scenario without a machine, and show what will happen in it
///
/// Every mistake in its file, and in the files that it deploys, is told with its line. Then: its hosts and networks, its
/// services and clients, what happens when, and what each variant changes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of scenarios, or paths to them
    #[arg(required = true, value_name = "NAME|PATH")]
    names: Vec<String>,
    #[command(flatten)]
    images: ImagesArg,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let project = args.images.project()?;
    let found = project.named(&args.names)?;
    say_notes(&project);
    // The images that it names have to exist, too.
    project.images_for(&found)?;
    let texts: Vec<String> = found.iter().map(|found| explained::render(&found.scenario)).collect();
    say(texts.join("\n"))?;
    Ok(Outcome::AsExpected)
}
