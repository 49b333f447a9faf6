//! Scenarios with the stored results of their runs, for pages and answers that need no run.

use super::known;
use crate::{
    error::Result,
    outcome::{claims::Experiment, snapshot},
    project::{Found, Project},
};
use std::collections::{BTreeMap, BTreeSet};

/// Returns all scenarios' results, on the images that are asked for, else on all that a scenario names.
pub fn all(project: &Project, asked: &[String]) -> Result<(Vec<Experiment>, Vec<String>)> {
    let scenarios = project.scenarios()?;
    let images = images(asked, &scenarios)?;
    let experiments = scenarios.into_iter().map(|found| experiment(found, &images)).collect::<Result<_>>()?;
    Ok((experiments, images))
}

/// Returns each image once.
fn images(asked: &[String], scenarios: &[Found]) -> Result<Vec<String>> {
    let named: BTreeSet<&str> = scenarios.iter().flat_map(|found| &found.scenario.images).map(String::as_str).collect();
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

/// Returns a scenario with its stored results on those images that it names.
fn experiment(found: Found, images: &[String]) -> Result<Experiment> {
    let Found { scenario, snapshots, .. } = found;
    let named: Vec<&String> = images.iter().filter(|image| scenario.images.contains(image)).collect();
    let mut experiment = Experiment { scenario, outcomes: BTreeMap::new(), verdicts: BTreeMap::new() };
    for image in named {
        let stored = snapshot::stored_facts(&snapshots, image)?;
        let (outcomes, verdicts) = stored.map_or((None, None), |(outcomes, verdicts)| (Some(outcomes), Some(verdicts)));
        experiment.outcomes.insert(image.clone(), outcomes);
        experiment.verdicts.extend(verdicts.map(|verdicts| (image.clone(), verdicts)));
    }
    Ok(experiment)
}
