//! Scenarios: TOML with places -> a checked model, all errors of a file at once.
//!
//! Reading order: `model` (what comes out), `mod` (the file from top to bottom), one reader per part of the file,
//! then the machinery: `section` (tables), `values` (types), `units`, `files` (what the scenario deploys), `problems`.
//! `article` is a file of its own: the claims that scenarios may settle.

mod answers;
mod article;
mod catalogue;
mod claims;
mod clients;
mod files;
mod logins;
mod measures;
mod model;
mod own;
mod phases;
mod problems;
mod requests;
mod search;
mod section;
mod series;
mod server;
pub mod units;
mod values;
mod visiting;

pub use article::{Article, ArticleClaim, FILE as ARTICLE};
pub use catalogue::{Catalogue, SCENARIOS};
pub use model::*;
pub use own::{OwnFiles, YOURS};
pub use problems::{nearest, suggestion};

use crate::error::{Context, Error, Result};
use files::Files;
use problems::Problems;
use section::Section;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use toml::{Spanned, de::DeTable};
use tunelab_protocol::{Phase, Population, todays_name};

/// The file that makes a folder a scenario.
pub const FILE: &str = "scenario.toml";

/// Reads and checks `folder/scenario.toml` and every file it names.
pub fn load(folder: &Path) -> Result<Scenario> {
    let path = folder.join(FILE);
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
        return Err(Error::input(format!("`{}` is no folder that could name a scenario", folder.display())));
    };
    let text = std::fs::read_to_string(&path).host(|| format!("failed to read `{}`", path.display()))?;
    let problems = Problems::of(path.display().to_string(), text.clone());
    let (table, errors) = DeTable::parse_recoverable(&text);
    report_syntax(&errors, &problems);
    // What follows a syntax error would only confuse.
    let scenario = if errors.is_empty() { read(name, folder, &Section::root(&table, &problems)) } else { None };
    problems.into_result()?;
    Ok(scenario.expect("a file without problems is whole"))
}

fn report_syntax(errors: &[toml::de::Error], problems: &Problems) {
    for error in errors {
        let message = format!("this is no TOML: {}", one_line(error.message()));
        problems.report(error.span().unwrap_or(0..0), message, "here");
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(name: &str, folder: &Path, root: &Section<'_>) -> Option<Scenario> {
    let files = Files::of(folder, root.problems);
    let summary = root.need("summary", r#""what happens, in a sentence""#);
    let article = root.get("article");
    let images = root.get("images").filter(|i: &Vec<String>| !i.is_empty()).unwrap_or(vec!["debian-12".to_owned()]);
    let scaled: Vec<Spanned<String>> = root.get_or("scaled", Vec::new());
    let base = common(root, &files);
    let upstreams = clients::upstreams(root);
    let populations = clients::populations(root, base.server.address, &upstreams);
    let phases = phases::phases(root, &populations);
    let variants = variants(root, &base, &files, &phases);
    let phases::Asked { probes, sysctls: asked, limits: reported_limits } = phases::probes(root);
    let known = measures::Known { phases: &phases, populations: &populations, probes: &probes, variants: &variants };
    let measures = measures::measures(root, &known);
    let series = series::series(root, &known);
    let helps = root.names("helps", "variant", &variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>());
    let give_or_take = give_or_take(root, &populations, &phases, &variants);
    let claims = claims::claims(root, &variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>());
    root.finish();
    let (files, mut reported_sysctls) = files.into_parts();
    let files = files.into_iter().map(|name| (name.clone(), folder.join(name))).collect();
    let set = variants.iter().flat_map(|v| {
        v.server.sysctls.iter().chain(v.during.values().flat_map(|during| &during.sysctls)).map(|s| &s.name)
    });
    reported_sysctls.extend(asked.iter().chain(set).map(|name| todays_name(name)));
    let scaled = scaled.into_iter().map(|name| scaled_down(name, &reported_sysctls, root.problems)).collect();
    Some(Scenario {
        name: name.to_owned(),
        folder: folder.to_owned(),
        summary: summary?,
        article,
        images,
        scaled,
        helps: helps.unwrap_or_default(),
        upstreams,
        populations,
        phases,
        probes,
        variants,
        give_or_take,
        measures,
        series,
        claims,
        files,
        reported_sysctls,
        reported_limits,
        source: root.problems.source(),
    })
}

/// By today's name. What is scaled down is set, in a file or by a variant.
fn scaled_down(name: Spanned<String>, set: &BTreeSet<String>, problems: &Problems) -> String {
    let todays = todays_name(name.get_ref());
    if !set.contains(&todays) {
        let known: Vec<&str> = set.iter().map(String::as_str).collect();
        problems.unknown(name.span(), format!("nothing here sets `{todays}`"), &todays, &known);
    }
    todays
}

/// `[give-or-take]`: `visitors = { tuned = 4 }`, `crowded = { browsers = 8 }`, `crowded-in = ["morning"]`, `entries = 12`.
fn give_or_take(root: &Section<'_>, populations: &[Population], phases: &[Phase], variants: &[Variant]) -> GiveOrTake {
    let Some(section) = root.section("give-or-take") else {
        return GiveOrTake::default();
    };
    let clients: Vec<&str> = populations.iter().map(|p| p.name.as_str()).collect();
    let phases: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
    let read = GiveOrTake {
        visitors: measures::by_variant(&section, "visitors", variants, |visitors| visitors),
        crowded: section.by_name("crowded", "clients", &clients),
        crowded_in: section.names("crowded-in", "phase", &phases).unwrap_or_default().into_iter().collect(),
        entries: measures::by_variant(&section, "entries", variants, |entries| entries),
    };
    section.finish();
    read
}

/// What is the same in all variants unless one says otherwise.
fn common(root: &Section<'_>, files: &Files<'_>) -> Variant {
    let mut server = Server::default();
    if let Some(section) = root.section("server") {
        server.address = section.get_or("address", server.address);
        server::apply(&section, &mut server, files);
        section.finish();
    }
    server::backends(root, &mut server.backends, files);
    let machine = server::machine(root, &Machine::default());
    Variant { name: String::new(), summary: String::new(), machine, server, during: BTreeMap::new() }
}

/// `[variant.x]`: the keys of `[server]`, and `machine` and `backend`, on top of what is common.
fn variants(root: &Section<'_>, base: &Variant, files: &Files<'_>, phases: &[Phase]) -> Vec<Variant> {
    let named = root.named("variant");
    if named.is_empty() {
        let hint = "begin with `[variant.default]`";
        root.problems.report_with_hint(0..0, "there is no variant", "in this file", hint);
    }
    let read = |(name, section): (toml::Spanned<String>, Section<'_>)| {
        let mut server = base.server.clone();
        server::apply(&section, &mut server, files);
        server::backends(&section, &mut server.backends, files);
        let machine = server::machine(&section, &base.machine);
        let summary = section.get_or("summary", String::new());
        if name.get_ref() == YOURS {
            let message = format!("`{YOURS}` is the name of the variant with the user's own files");
            section.problems.report(name.span(), message, "another name");
        }
        let during = server::during(&section, phases);
        section.finish();
        Variant { name: name.into_inner(), summary, machine, server, during }
    };
    named.into_iter().map(read).collect()
}
