//! `tunelab new`: a scenario to begin with.

use super::{
    Outcome,
    say::say,
    sources::{ImagesArg, say_notes},
};
use crate::{
    error::{Context, Error, Result},
    scenario::{self, FILE, SCENARIOS, Scenario},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Write a new scenario to begin with: commented, and ready to run
///
/// NAME is a folder to be made: in `scenarios/` of the project here, or at the path that is typed (`./web3`).
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "NAME|PATH")]
    name: String,
    /// Begin with a copy of this scenario
    #[arg(long, value_name = "SCENARIO")]
    from: Option<String>,
    #[command(flatten)]
    images: ImagesArg,
}

/// The files of a new scenario, by name.
const FILES: [(&str, &str); 3] = [
    (FILE, include_str!("new/scenario.toml")),
    ("nginx.conf", include_str!("new/nginx.conf")),
    ("rules.v4", include_str!("new/rules.v4")),
];

pub fn run(args: &Args) -> Result<Outcome> {
    let folder = folder(&args.name);
    if folder.symlink_metadata().is_ok() {
        let hint = "choose another name; nothing was written";
        return Err(Error::input(format!("`{}` is there already", folder.display())).hint(hint));
    }
    let from = match &args.from {
        Some(name) => {
            let project = args.images.project()?;
            let found = project.named(std::slice::from_ref(name))?;
            say_notes(&project);
            found.into_iter().next().map(|found| found.scenario)
        }
        None => None,
    };
    fs::create_dir_all(&folder).host(|| format!("failed to create `{}`", folder.display()))?;
    let files = match &from {
        Some(scenario) => files_of(scenario)?,
        None => FILES.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).to_vec(),
    };
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::write(&path, bytes).host(|| format!("failed to write `{}`", path.display()))?;
    }
    scenario::load(&folder)?;
    let typed =
        if args.name.contains('/') || !Path::new(SCENARIOS).is_dir() { shown(&folder) } else { args.name.clone() };
    say(format!("`{}` is written. Next: `tunelab check {typed}`, `tunelab scenario {typed}`\n", folder.display()))?;
    Ok(Outcome::AsExpected)
}

/// A name without a slash is one of the project here, if there is one.
fn folder(name: &str) -> PathBuf {
    let scenarios = Path::new(SCENARIOS);
    if name.contains('/') || !scenarios.is_dir() { PathBuf::from(name) } else { scenarios.join(name) }
}

/// The path as it is typed for a scenario: with a slash in it.
fn shown(folder: &Path) -> String {
    let path = folder.display().to_string();
    if path.contains('/') { path } else { format!("./{path}") }
}

/// The scenario's file and all that it deploys.
fn files_of(scenario: &Scenario) -> Result<Vec<(String, Vec<u8>)>> {
    let own = (FILE.to_owned(), scenario.folder.join(FILE));
    let all = scenario.files.iter().map(|(name, path)| (name.clone(), path.clone())).chain([own]);
    all.map(|(name, path)| {
        let bytes = fs::read(&path).host(|| format!("failed to read `{}`", path.display()))?;
        Ok((name, bytes))
    })
    .collect()
}
