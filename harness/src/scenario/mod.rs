//! Reads scenarios: TOML with the place of each value goes in, a checked model comes out; all errors of a file are
//! reported at once.
//!
//! Reading order: `model` (what comes out), `mod` (the file from top to bottom), `overlay` (what a variant changes) and
//! `setup` (what is read of each variant), one reader per part of the file, then the machinery: `section` (tables),
//! `values` (types), `units`, `files` (what the scenario deploys), `problems`.
//! `article` reads a file of its own: the claims that scenarios may settle.

mod addresses;
mod article;
mod catalogue;
mod certificate;
mod changes;
mod claims;
mod clients;
mod conduct;
mod files;
mod hosts;
pub mod keys;
mod known;
mod logins;
mod metrics;
mod model;
mod names;
mod overlay;
mod own;
pub mod parts;
mod phases;
mod probes;
mod problems;
mod reach;
mod requests;
mod rules;
mod search;
mod section;
mod services;
mod setup;
mod tolerance;
pub mod topology;
pub mod units;
pub mod value;
mod values;
mod visiting;
mod words;

pub use article::{Article, ArticleClaim, FILE as ARTICLE, SettledBy};
pub use catalogue::{Catalogue, SCENARIOS};
pub use model::*;
pub use own::{OwnFiles, YOURS};
pub use problems::{Problems, nearest, suggestion};

use crate::{
    error::{Error, Result},
    image, read,
};
use files::Files;
use names::Names;
use section::Section;
use std::{collections::BTreeSet, path::Path};
use toml::{Spanned, de::DeTable};
use tunelab_protocol::{Action, probe, todays_name};
use units::Scale;

/// The file that makes a folder a scenario.
pub const FILE: &str = "scenario.toml";

/// Reads and checks `folder/scenario.toml` and every file it names. The error has the problems of all these files.
pub fn load(folder: &Path) -> Result<Scenario> {
    load_at(folder, None)
}

/// The same at another scale, for variants without a scale of their own.
pub fn load_at(folder: &Path, scale: Option<Scale>) -> Result<Scenario> {
    let path = folder.join(FILE);
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
        return Err(Error::input(format!("`{}` is no folder that could name a scenario", folder.display())));
    };
    words::check_folder(name).map_err(|(message, hint)| Error::input(message).hint(hint))?;
    let text = read::text_within(folder, FILE, "the scenario")?;
    let problems = Problems::of(path.display().to_string(), text.clone());
    let (table, errors) = DeTable::parse_recoverable(&text);
    report_syntax(&errors, &problems);
    // Problems found after a syntax error would only confuse.
    let root = Section::root(table.get_ref(), &problems);
    let scenario = if errors.is_empty() { read(name, folder, &root, scale) } else { None };
    problems.into_result()?;
    Ok(scenario.expect("a file without problems is whole"))
}

fn report_syntax(errors: &[toml::de::Error], problems: &Problems) {
    // Each error is looked for in the whole text, and no reader wants more of them.
    let mut told = BTreeSet::new();
    for error in errors.iter().take(problems::TOLD) {
        // Each bracket that is open at the end of the file gives an error of its own, all of them at that place.
        if !told.insert((error.span().map(|span| span.start), error.message())) {
            continue;
        }
        let message = format!("this is no TOML: {}", one_line(error.message()));
        problems.report(error.span().unwrap_or(0..0), message, "here");
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(name: &str, folder: &Path, root: &Section<'_>, scale: Option<Scale>) -> Option<Scenario> {
    let files = Files::of(folder, root.problems);
    let names = Names::of(root);
    let summary = root.need::<values::Filled>("summary");
    let images = images(root);
    let variants = variants(root, &files, scale);
    certificate::check(root, &variants, &files);
    let probes::Asked { mut probes, sysctls: asked, limits: reported_limits } = probes::probes(root, &names);
    let phases: Vec<_> = variants.iter().flat_map(|variant| variant.setup.phases.iter().cloned()).collect();
    let setups: Vec<&Setup> = variants.iter().map(|variant| &variant.setup).collect();
    let rules = rules::of(&setups, &files);
    let services: Vec<_> = setups.iter().flat_map(|setup| setup.services.iter().cloned()).collect();
    let known = metrics::Known { names: &names, phases: &phases, services: &services, probes: &probes, rules: &rules };
    let metrics = metrics::metrics(root, &known);
    let series = metrics::series(root, &known);
    probes::ask(&mut probes, &metrics, &series, root);
    let [files, certificates, mut reported_sysctls] = files.into_parts();
    let files = files.into_iter().map(|name| (name.clone(), folder.join(name))).collect();
    let set = variants.iter().flat_map(|variant| sysctls_of_the_server(&variant.setup));
    reported_sysctls.extend(asked.iter().map(String::as_str).chain(set).map(todays_name));
    let claims = claims::claims(
        root,
        &claims::Known {
            variants: &names::words(&names.variants),
            metrics: &metrics,
            refused_metrics: &names.metrics,
            sysctls: &reported_sysctls,
            limits: &reported_limits,
            follows_entries: names.probes.iter().any(|key| key == probe::CONNTRACK_ENTRIES),
        },
    );
    root.finish();
    Some(Scenario {
        name: name.to_owned(),
        folder: folder.to_owned(),
        summary: summary?.0,
        images,
        probes,
        variants,
        metrics,
        series,
        claims,
        files,
        certificates,
        reported_sysctls,
        reported_limits,
        source: root.problems.source(),
    })
}

/// Reads `images`; `debian-12` alone if the file names none.
fn images(root: &Section<'_>) -> Vec<String> {
    root.filled("images");
    let images = root.get::<Vec<Spanned<String>>>("images").unwrap_or_default();
    for name in images.iter().filter(|name| !image::is_name(name.get_ref())) {
        let message = format!("`{}` is not the name of an image", name.get_ref());
        root.problems.report_with_hint(name.span(), message, "not a name", "see `tunelab image list`");
    }
    let mut seen = BTreeSet::new();
    for name in images.iter().filter(|name| !seen.insert(name.get_ref().clone())) {
        root.problems.report(name.span(), format!("`{}` is named twice", name.get_ref()), "the second");
    }
    let images: Vec<String> = images.into_iter().map(Spanned::into_inner).collect();
    if images.is_empty() { vec!["debian-12".to_owned()] } else { images }
}

/// Returns the single sysctls that a setup sets on the server, at the start or later.
fn sysctls_of_the_server(setup: &Setup) -> impl Iterator<Item = &str> {
    let at_the_start = setup.hosts.first().into_iter().flat_map(|server| &server.sysctls);
    let later = setup.phases.iter().flat_map(|phase| &phase.changes).filter_map(|change| match &change.action {
        Action::Sysctl { host, sysctl } if host == hosts::SERVER => Some(sysctl),
        _ => None,
    });
    at_the_start.chain(later).map(|sysctl| sysctl.name.as_str())
}

/// Reads each `[variant.x]`: tables to lay over those of the scenario.
fn variants(root: &Section<'_>, files: &Files<'_>, scale: Option<Scale>) -> Vec<Variant> {
    let named = root.named("variant");
    if root.lacks("variant") {
        let hint = "begin with `[variant.default]`";
        root.problems.report_with_hint(0..0, "there is no variant", "in this file", hint);
    }
    if named.is_empty() {
        // What is wrong with the rest is told all the same.
        setup::read(root, files, scale);
    }
    for part in overlay::PARTS {
        root.value(part);
    }
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        let parts = overlay::merged(root, &section);
        let scale = scale.filter(|_| section.value("scale").is_none());
        let setup = setup::read(&Section::root(&parts, root.problems), files, scale);
        let summary = section.get_or("summary", String::new());
        let mitigates = section.get_or("mitigates", false);
        if name.get_ref() == YOURS {
            let message = format!("`{YOURS}` is the name of the variant with the user's own files");
            section.problems.report(name.span(), message, "another name");
        }
        section.finish();
        Variant { name: name.into_inner(), summary, mitigates, setup, own: Own::default() }
    };
    named.into_iter().map(read).collect()
}
