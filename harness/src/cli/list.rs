//! `tunelab list`: what there is.

use super::{Outcome, experiments, repo, say::say};
use crate::{
    error::Result,
    plan,
    scenario::{Catalogue, FILE, Scenario, units},
    visible::visible,
};
use serde_json::{Value, json};
use std::io::{Write, stderr};

/// What there is: scenarios, their variants, and what they claim.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `json` is an array of scenarios
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let repository = repo::find()?;
    let scenarios = experiments::scenarios(&repository)?;
    for folder in Catalogue::of(&repository)?.others() {
        let why =
            if folder.to_str().is_some() { format!("it has no `{FILE}`") } else { "its name is not UTF-8".into() };
        // Nobody may be reading.
        let _ = writeln!(stderr(), "note: `{}` is no scenario: {why}", visible(&folder.display().to_string()));
    }
    match args.format {
        Format::Json => say(format!("{}\n", scenarios.iter().map(document).collect::<Value>()))?,
        Format::Human => say(scenarios.iter().map(describe).collect::<String>())?,
    }
    Ok(Outcome::AsExpected)
}

fn lasts(scenario: &Scenario) -> std::time::Duration {
    plan::virtual_time(&plan::plan(scenario, &scenario.variants[0], 0))
}

fn document(scenario: &Scenario) -> Value {
    json!({
        "name": scenario.name,
        "summary": scenario.summary,
        "article": scenario.article,
        "images": scenario.images,
        "virtual_seconds": lasts(scenario).as_secs_f64(),
        "variants": scenario.variants.iter().map(|v| json!({ "name": v.name, "summary": v.summary })).collect::<Value>(),
        "claims": scenario.claims.iter().map(|c| json!({ "id": c.id, "says": c.says })).collect::<Value>(),
    })
}

fn describe(scenario: &Scenario) -> String {
    let mut out = format!("{}  {}\n", scenario.name, scenario.summary);
    let images = scenario.images.join(", ");
    out += &format!("  {} in the guest, {} claims, on {images}\n", units::show(lasts(scenario)), scenario.claims.len());
    for variant in &scenario.variants {
        out += &format!("  {:<20} {}\n", variant.name, variant.summary);
    }
    out
}
