//! Scenarios with what is stored of their runs, for what is told without a run.

use super::known;
use crate::{
    error::Result,
    outcome::{
        claims::{self, Experiment},
        snapshot,
    },
    scenario::{Catalogue, Scenario},
};
use std::{collections::BTreeSet, path::Path};

/// Of all scenarios, on those images that are asked for, else on all that some scenario names.
pub fn all(repository: &Path, asked: &[String]) -> Result<(Vec<Experiment>, Vec<String>)> {
    let scenarios = scenarios(repository)?;
    let images = images(asked, &scenarios)?;
    let experiments = scenarios.into_iter().map(|s| experiment(repository, s, &images)).collect::<Result<_>>()?;
    Ok((experiments, images))
}

/// All of them, checked.
pub fn scenarios(repository: &Path) -> Result<Vec<Scenario>> {
    let catalogue = Catalogue::of(repository)?;
    let scenarios = catalogue.names().iter().map(|name| catalogue.load(name)).collect::<Result<Vec<_>>>()?;
    scenarios.iter().try_for_each(claims::check)?;
    Ok(scenarios)
}

/// Each once.
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
