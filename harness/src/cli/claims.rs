//! `tunelab claims`: what the article claims, settled from stored snapshots. No machine is started.

use super::{Outcome, known, repo};
use crate::{
    error::{Context, Error, Result},
    outcome::{
        claims::{self, Experiment, Settled},
        snapshot,
    },
    report,
    scenario::{Article, Catalogue, Scenario, suggestion},
};
use std::{
    collections::BTreeSet,
    io::{Write, stdout},
    path::Path,
};

const AFTER: &str = "\
Examples:
  tunelab claims                                        a table: every claim on every image
  tunelab claims one-line-once 21                       two of them, with evidence and how to repeat it
  tunelab claims --image debian-12 --verbose            the evidence of all, on one image
  tunelab claims --format json                          for scripts
  tunelab claims --format markdown > docs/claims.md     the page in the repository

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
    let scenarios = scenarios(&repository)?;
    let images = images(&args.image, &scenarios)?;
    let experiments: Vec<Experiment> =
        scenarios.into_iter().map(|s| experiment(&repository, s, &images)).collect::<Result<_>>()?;
    let all = claims::settle(&article, &experiments, &images);
    let shown = shown(&args.names, &all)?;
    let text = match args.format {
        Format::Human => report::claims::human(&all, &shown, &images, args.verbose || !args.names.is_empty()),
        Format::Json => format!("{}\n", report::claims::json(&shown)),
        Format::Markdown => report::claims::markdown(&all, &shown, &images),
    };
    stdout().write_all(text.as_bytes()).host(|| "failed to write to standard output".into())?;
    Ok(Outcome::AsExpected)
}

fn scenarios(repository: &Path) -> Result<Vec<Scenario>> {
    let catalogue = Catalogue::of(repository)?;
    let scenarios = catalogue.names().iter().map(|name| catalogue.load(name)).collect::<Result<Vec<_>>>()?;
    scenarios.iter().try_for_each(claims::check)?;
    Ok(scenarios)
}

/// Those asked for, else all that some scenario names; each once.
fn images(asked: &[String], scenarios: &[Scenario]) -> Result<Vec<String>> {
    let named: BTreeSet<&str> = scenarios.iter().flat_map(|s| &s.images).map(String::as_str).collect();
    let named: Vec<&str> = named.into_iter().collect();
    if asked.is_empty() {
        return Ok(named.into_iter().map(str::to_owned).collect());
    }
    let mut images: Vec<String> = Vec::new();
    for image in asked {
        known(image, &named, || format!("no scenario runs on an image `{image}`"))?;
        if !images.contains(image) {
            images.push(image.clone());
        }
    }
    Ok(images)
}

/// A scenario with what is stored of it on those images that it names.
fn experiment(repository: &Path, scenario: Scenario, images: &[String]) -> Result<Experiment> {
    let named = images.iter().filter(|image| scenario.images.contains(image));
    let stored = |image: &String| Ok((image.clone(), snapshot::outcomes(repository, &scenario.name, image)?));
    let outcomes = named.map(stored).collect::<Result<_>>()?;
    Ok(Experiment { scenario, outcomes })
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
