//! `tunelab matrix`: scenarios x images, for CI.

use super::{
    Outcome, known,
    say::say,
    sources::{ImagesArg, say_notes},
};
use crate::error::Result;
use serde_json::{Value, json};

/// The CI matrix: each scenario on each of its images, as JSON
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `github` is a line for $GITHUB_OUTPUT: `matrix={"include":[...]}`
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    #[command(flatten)]
    images: ImagesArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Json,
    Github,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let project = args.images.project()?;
    project.introduce();
    project.introduce_built_in();
    let found = project.scenarios()?;
    let mut include: Vec<Value> = Vec::new();
    for one in &found {
        let (name, recipes) = (&one.scenario.name, project.images_for(std::slice::from_ref(one))?);
        for image in &one.scenario.images {
            known(image, &recipes.names(), || format!("there is no image `{image}`, on which `{name}` is to run"))?;
            include.push(json!({ "scenario": name, "image": image }));
        }
    }
    say_notes(&project);
    match args.format {
        Format::Json => say(format!("{}\n", Value::Array(include)))?,
        Format::Github => say(format!("matrix={}\n", json!({ "include": include })))?,
    }
    Ok(Outcome::AsExpected)
}
