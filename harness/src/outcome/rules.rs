//! The counters of firewall rules: of those in force at the end, and of those that a change replaced before.

use super::record::Record;
use tunelab_protocol::{CountedRule, Event, Plan};

/// Returns the sum over the rules of a host that have these words, however often they were loaded; `None` if no rule
/// has.
pub fn sum(record: &Record, host: &str, words: &str, of: fn(&CountedRule) -> u64) -> Option<u64> {
    let rules = all(record).filter(|(on, rule)| *on == host && rule.text.contains(words));
    rules.map(|(_, rule)| of(rule)).reduce(|a, b| a + b)
}

/// Returns the rules that no packet met, each with its host (where that is not the server) and its place.
pub fn unmet(record: &Record, plan: &Plan) -> Vec<String> {
    let mut met: Vec<(String, bool)> = Vec::new();
    for (host, rule) in all(record) {
        let shown = shown(host, &plan.server().name, rule);
        match met.iter_mut().find(|(known, _)| *known == shown) {
            Some((_, met)) => *met |= rule.packets > 0,
            None => met.push((shown, rule.packets > 0)),
        }
    }
    met.into_iter().filter(|(_, met)| !met).map(|(shown, _)| shown).collect()
}

fn all(record: &Record) -> impl Iterator<Item = (&str, &CountedRule)> {
    let of_hosts = record.events.iter().filter_map(|stamped| match &stamped.event {
        Event::Rules { host, rules } => Some((host.as_str(), rules)),
        _ => None,
    });
    of_hosts.flat_map(|(host, rules)| rules.iter().map(move |rule| (host, rule)))
}

fn shown(host: &str, server: &str, rule: &CountedRule) -> String {
    let CountedRule { place, table, chain, text, .. } = rule;
    let host = if host == server { String::new() } else { format!("{host}: ") };
    // A rule of iptables names its chain itself.
    let chain = if text.starts_with("-A ") { String::new() } else { format!(" {chain}") };
    let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    format!("{host}{place}{table}{chain}: {text}")
}
