//! The firewall rules in the files of a scenario, so that a metric about some of them can be checked.

use super::{files::Files, model::Setup};
use std::collections::BTreeSet;
use tunelab_protocol::{
    Action,
    rules::{Rule, parse},
};

/// The rules of one host, of all variants.
pub struct HostRules {
    pub host: String,
    pub rules: Vec<Rule>,
}

/// Reads the rules of each host, those of changes too.
pub fn of(setups: &[&Setup], files: &Files<'_>) -> Vec<HostRules> {
    let mut read = BTreeSet::new();
    let mut found: Vec<HostRules> = Vec::new();
    for setup in setups {
        let changes = setup.phases.iter().flat_map(|phase| &phase.changes);
        let later = changes.filter_map(|change| match &change.action {
            Action::Firewall { host, rules } => Some(rules.iter().map(move |file| (host, file))),
            _ => None,
        });
        let at_the_start = setup.hosts.iter().flat_map(|host| host.firewall.iter().map(move |file| (&host.name, file)));
        for (host, file) in at_the_start.chain(later.flatten()) {
            if !read.insert((host, &file.file)) {
                continue;
            }
            let name = file.file.rsplit('/').next().unwrap_or(&file.file);
            let rules = files.text_of(name).map(|text| parse(file.format, &text)).unwrap_or_default();
            match found.iter_mut().find(|known| known.host == *host) {
                Some(known) => known.rules.extend(rules),
                None => found.push(HostRules { host: host.clone(), rules }),
            }
        }
    }
    found
}
