//! `tunelab claims`: the article's claims, judged by stored snapshots. No machine is started.

use super::{Outcome, experiments, say::say, sources::say_notes};
use crate::{
    error::{Error, Result},
    outcome::claims::{self, Settled},
    project::Project,
    report,
    scenario::{ARTICLE, suggestion},
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
    let project = Project::find(None)?;
    project.introduce();
    project.introduce_built_in();
    let article = project.article()?;
    say_notes(&project);
    let Some(article) = article else { return without_article(args, &project) };
    let (experiments, images) = experiments::all(&project, &args.image)?;
    claims::check_article(&article, &experiments)?;
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

/// Answers for a project of the user's own, which has scenarios with claims and no article.
fn without_article(args: &Args, project: &Project) -> Result<Outcome> {
    let file = project.catalogue()?.folder().join(ARTICLE);
    let sentence = format!("there is no article here whose claims could be settled: no `{}`", file.display());
    if let Some(name) = args.names.first() {
        let error = Error::input(format!("the article has no claim `{name}`: {sentence}"));
        return Err(error.hint("a scenario's own claims are shown when it runs, and in its snapshots"));
    }
    match args.format {
        Format::Json => say("[]\n")?,
        Format::Human | Format::Markdown => say(format!("{sentence}\n"))?,
    }
    Ok(Outcome::AsExpected)
}

/// Selects claims by name or by number, in the article's order.
fn shown<'a>(names: &[String], all: &'a [Settled]) -> Result<Vec<&'a Settled>> {
    let is = |settled: &Settled, name: &str| settled.claim.id == name || settled.claim.number.to_string() == name;
    let ids: Vec<&str> = all.iter().map(|settled| settled.claim.id.as_str()).collect();
    if let Some(name) = names.iter().find(|name| !all.iter().any(|settled| is(settled, name))) {
        return Err(Error::input(format!("the article has no claim `{name}`")).hint(suggestion(name, &ids)));
    }
    Ok(all.iter().filter(|settled| names.is_empty() || names.iter().any(|name| is(settled, name))).collect())
}
