//! `tunelab docs`: the pages in `docs/`, from scenario files and snapshots. No machine is started.

use super::{Outcome, experiments, say::say, sources::say_notes};
use crate::{
    error::{Context, Error, Exit, Result},
    outcome::claims,
    project::Project,
    report,
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
    let project = Project::find(None)?;
    project.introduce();
    say_notes(&project);
    let Some(folder) = project.folder() else { return Err(nowhere()) };
    let stale: Vec<(PathBuf, Option<String>)> = stale(&project)?;
    for (path, text) in &stale {
        say(format!("{}{}\n", path.display(), if args.check { " is stale" } else { "" }))?;
        if !args.check {
            write(&folder.join(path), text.as_deref())?;
        }
    }
    if args.check && !stale.is_empty() {
        report::aside("hint: `tunelab docs` writes them");
        return Ok(Outcome::Ended(Exit::Differs));
    }
    Ok(Outcome::AsExpected)
}

fn nowhere() -> Error {
    Error::input("there is no project to write pages of: no folder with a scenario in `scenarios/` is here or above")
        .hint("the pages of the built-in scenarios come with tunelab's source, in `docs/`")
}

/// Returns the pages that differ from what they should be, with the right text; `None` for a page whose scenario is
/// gone.
pub fn stale(project: &Project) -> Result<Vec<(PathBuf, Option<String>)>> {
    let pages = pages(project)?;
    let folder = project.folder().unwrap_or(Path::new(""));
    let gone = fs::read_dir(folder.join(SCENARIOS)).into_iter().flatten().flatten();
    let gone = gone.filter(|entry| is_ours(&entry.path())).map(|entry| Path::new(SCENARIOS).join(entry.file_name()));
    let gone: Vec<_> = gone.filter(|path| !pages.iter().any(|(page, _)| page == path)).map(|p| (p, None)).collect();
    let differs = |(path, text): &(PathBuf, String)| fs::read_to_string(folder.join(path)).ok().as_ref() != Some(text);
    let changed = pages.into_iter().filter(differs).map(|(path, text)| (path, Some(text)));
    Ok(changed.chain(gone).collect())
}

const SCENARIOS: &str = "docs/scenarios";
const KEYS: &str = "docs/reference/scenario.md";
const SCHEMA: &str = "docs/schema/scenario.schema.json";
const METRICS: &str = "docs/reference/metrics.md";

/// Whether the page is ours to remove: a project may keep pages of its own there.
fn is_ours(page: &Path) -> bool {
    fs::read_to_string(page).is_ok_and(|text| text.contains(report::page::WRITTEN))
}

fn pages(project: &Project) -> Result<Vec<(PathBuf, String)>> {
    let (experiments, images) = experiments::all(project, &[])?;
    let article = project.article()?;
    article.iter().try_for_each(|article| claims::check_article(article, &experiments))?;
    let claims = article.map(|article| {
        let all = claims::settle(&article, &experiments, &images);
        let page = report::claims::markdown(&all, &all.iter().collect::<Vec<_>>(), &images);
        [
            (PathBuf::from("docs/claims.md"), page),
            (PathBuf::from(METRICS), report::reference::render()),
            (PathBuf::from(KEYS), report::keys::page()),
            (PathBuf::from(SCHEMA), report::keys::schema()),
        ]
    });
    // The article is ours, and our README says `cargo run`.
    let command = if claims.is_some() { "cargo run --" } else { "tunelab" };
    let page = |experiment: &claims::Experiment| {
        let name = format!("{}.md", experiment.scenario.name);
        (Path::new(SCENARIOS).join(name), report::page::render(experiment, command))
    };
    Ok(claims.into_iter().flatten().chain(experiments.iter().map(page)).collect())
}

fn write(path: &Path, text: Option<&str>) -> Result<()> {
    let failed = || format!("failed to write `{}`", path.display());
    let Some(text) = text else { return fs::remove_file(path).host(failed) };
    let folder = path.parent().ok_or_else(|| Error::host(failed()))?;
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).host(failed)
}
