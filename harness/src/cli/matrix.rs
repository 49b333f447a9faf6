//! `tunelab matrix`: scenarios x images, for CI.

use super::{Outcome, repo, say::say};
use crate::{error::Result, scenario::Catalogue};
use serde_json::{Value, json};

/// The CI matrix: each scenario on each of its images, as JSON
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `github` is a line for $GITHUB_OUTPUT: `matrix={"include":[...]}`
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Json,
    Github,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let catalogue = Catalogue::of(&repo::find()?)?;
    let mut include: Vec<Value> = Vec::new();
    for name in catalogue.names() {
        let scenario = catalogue.load(name)?;
        include.extend(scenario.images.iter().map(|image| json!({ "scenario": name, "image": image })));
    }
    match args.format {
        Format::Json => say(format!("{}\n", Value::Array(include)))?,
        Format::Github => say(format!("matrix={}\n", json!({ "include": include })))?,
    }
    Ok(Outcome::AsExpected)
}
