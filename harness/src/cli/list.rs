//! `tunelab list`: the scenarios that there are.

use super::{
    Outcome,
    say::say,
    sources::{ImagesArg, say_notes},
};
use crate::{
    error::Result,
    image::Recipes,
    plan,
    project::Found,
    scenario::{FILE, Scenario, units},
};
use serde_json::{Value, json};

/// What there is: scenarios, their variants, and what they claim.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `json` is an array of scenarios
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    images: ImagesArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let project = args.images.project()?;
    project.introduce();
    project.introduce_built_in();
    for folder in project.catalogue()?.others() {
        let why =
            if folder.to_str().is_some() { format!("it has no `{FILE}`") } else { "its name is not UTF-8".into() };
        project.note(format!("`{}` is no scenario: {why}", folder.display()));
    }
    say_notes(&project);
    let found = project.scenarios()?;
    let recipes = |found: &Found| project.images_for(std::slice::from_ref(found));
    let text = match args.format {
        Format::Json => format!("{}\n", found.iter().map(|found| document(&found.scenario)).collect::<Value>()),
        Format::Human => {
            found.iter().map(|found| Ok(describe(&found.scenario, &recipes(found)?))).collect::<Result<String>>()?
        }
    };
    say_notes(&project);
    say(text)?;
    Ok(Outcome::AsExpected)
}

fn lasts(scenario: &Scenario) -> std::time::Duration {
    plan::virtual_time(&plan::plan(scenario, &scenario.variants[0], 0))
}

fn document(scenario: &Scenario) -> Value {
    json!({
        "name": scenario.name,
        "summary": scenario.summary,
        "images": scenario.images,
        "virtual_seconds": lasts(scenario).as_secs_f64(),
        "variants": scenario.variants.iter().map(|v| json!({ "name": v.name, "summary": v.summary })).collect::<Value>(),
        "claims": scenario.claims.iter().map(|c| json!({ "id": c.id, "says": c.says })).collect::<Value>(),
    })
}

fn describe(scenario: &Scenario, recipes: &Recipes) -> String {
    let mut out = format!("{}  {}\n", scenario.name, scenario.summary);
    let image = |name: &String| match recipes.file(name) {
        Some(_) => name.clone(),
        None => format!("{name} (no such image)"),
    };
    let images = scenario.images.iter().map(image).collect::<Vec<_>>().join(", ");
    out += &format!("  {} in the guest, {} claims, on {images}\n", units::show(lasts(scenario)), scenario.claims.len());
    for variant in &scenario.variants {
        out += &format!("  {:<20} {}\n", variant.name, variant.summary);
    }
    out
}
