//! `tunelab claims`: what the article claims, settled from stored snapshots. No machine is started.

use super::{Outcome, experiments, repo, say::say};
use crate::{
    error::{Error, Result},
    outcome::claims::{self, Settled},
    report,
    scenario::{Article, suggestion},
};

const AFTER: &str = "\
Examples:
  tunelab claims                                        a table: every claim on every image
  tunelab claims one-line-once 21                       two of them, with evidence and how to repeat it
  tunelab claims --image debian-12 --verbose            the evidence of all, on one image
  tunelab claims --format json                          for scripts
  tunelab claims --format markdown                      the page docs/claims.md (`tunelab docs` writes it)

Verdicts are made from `snapshots/`: no machine is started, and the exit code is 0 whatever they are.";

/// What the article claims, and what runs made of it, image by image
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Claims to show with their evidence, by name or number [default: all, without]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Images to show [default: all that scenarios run on]
    #[arg(long, value_name = "IMAGE", value_delimiter = ',')]
    image: Vec<String>,
    /// Evidence of all claims
    #[arg(long, short)]
    verbose: bool,
    /// On standard output; `json` is an array of claims, `markdown` the page `docs/claims.md`
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Human,
    Json,
    Markdown,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let repository = repo::find()?;
    let article = Article::of(&repository)?;
    let (experiments, images) = experiments::all(&repository, &args.image)?;
    let all = claims::settle(&article, &experiments, &images);
    let shown = shown(&args.names, &all)?;
    let text = match args.format {
        Format::Human => report::claims::human(&all, &shown, &images, args.verbose || !args.names.is_empty()),
        Format::Json => format!("{}\n", report::claims::json(&shown)),
        Format::Markdown => report::claims::markdown(&all, &shown, &images),
    };
    say(text)?;
    Ok(Outcome::AsExpected)
}

/// In the article's order; by name or by number.
fn shown<'a>(names: &[String], all: &'a [Settled]) -> Result<Vec<&'a Settled>> {
    let is = |settled: &Settled, name: &str| settled.claim.id == name || settled.claim.number.to_string() == name;
    let ids: Vec<&str> = all.iter().map(|settled| settled.claim.id.as_str()).collect();
    if let Some(name) = names.iter().find(|name| !all.iter().any(|settled| is(settled, name))) {
        return Err(Error::input(format!("the article has no claim `{name}`")).hint(suggestion(name, &ids)));
    }
    Ok(all.iter().filter(|settled| names.is_empty() || names.iter().any(|name| is(settled, name))).collect())
}
