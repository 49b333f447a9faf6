//! `tunelab docs`: the pages in `docs/`, from scenario files and snapshots. No machine is started.

use super::{Outcome, experiments, repo, say::say};
use crate::{
    error::{Context, Error, Exit, Result},
    outcome::claims,
    report,
    scenario::Article,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const AFTER: &str = "\
Examples:
  tunelab docs              write docs/claims.md and docs/scenarios/NAME.md
  tunelab docs --check      exit 1 if a page is not what would be written; for CI";

/// Write the pages in `docs/`: one per scenario, and the article's claims
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Write nothing; say which pages are stale
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let repository = repo::find()?;
    let stale: Vec<(PathBuf, Option<String>)> = stale(&repository)?;
    for (path, text) in &stale {
        say(format!("{}{}\n", path.display(), if args.check { " is stale" } else { "" }))?;
        if !args.check {
            write(&repository.join(path), text.as_deref())?;
        }
    }
    if args.check && !stale.is_empty() {
        report::aside("hint: `tunelab docs` writes them");
        return Ok(Outcome::Ended(Exit::Differs));
    }
    Ok(Outcome::AsExpected)
}

/// Pages that are not what they should be, and what they should be; `None` for one whose scenario is gone.
pub fn stale(repository: &Path) -> Result<Vec<(PathBuf, Option<String>)>> {
    let pages = pages(repository)?;
    let gone = fs::read_dir(repository.join(SCENARIOS)).into_iter().flatten().flatten();
    let gone = gone.map(|entry| Path::new(SCENARIOS).join(entry.file_name()));
    let gone: Vec<_> = gone.filter(|path| !pages.iter().any(|(page, _)| page == path)).map(|p| (p, None)).collect();
    let differs =
        |(path, text): &(PathBuf, String)| fs::read_to_string(repository.join(path)).ok().as_ref() != Some(text);
    let changed = pages.into_iter().filter(differs).map(|(path, text)| (path, Some(text)));
    Ok(changed.chain(gone).collect())
}

const SCENARIOS: &str = "docs/scenarios";

fn pages(repository: &Path) -> Result<Vec<(PathBuf, String)>> {
    let article = Article::of(repository)?;
    let (experiments, images) = experiments::all(repository, &[])?;
    let all = claims::settle(&article, &experiments, &images);
    let claims = report::claims::markdown(&all, &all.iter().collect::<Vec<_>>(), &images);
    let page = |experiment: &claims::Experiment| {
        let name = format!("{}.md", experiment.scenario.name);
        (Path::new(SCENARIOS).join(name), report::page::render(experiment))
    };
    let mut pages = vec![(PathBuf::from("docs/claims.md"), claims)];
    pages.extend(experiments.iter().map(page));
    Ok(pages)
}

fn write(path: &Path, text: Option<&str>) -> Result<()> {
    let failed = || format!("failed to write `{}`", path.display());
    let Some(text) = text else { return fs::remove_file(path).host(failed) };
    let folder = path.parent().ok_or_else(|| Error::host(failed()))?;
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).host(failed)
}
