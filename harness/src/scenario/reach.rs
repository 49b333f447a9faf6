//! Checks that what is named in a setup has an effect: clients reach their targets, networks join something, and rules
//! name interfaces that there are.

use super::{
    files::Files,
    hosts::SERVER,
    model::{From, Setup},
    section::Section,
    topology::Topology,
};
use tunelab_protocol::{Action, Format, Ruleset};

/// The least MTU with which the kernel has IPv6 on an interface, in bytes (IPV6_MIN_MTU).
const LEAST_MTU6: u32 = 1280;

pub fn check(parts: &Section<'_>, setup: &Setup, files: &Files<'_>) {
    if parts.problems.count() > 0 {
        // What could be said now would only follow from another mistake.
        return;
    }
    let place = |table: &'static str, name: &str| {
        let table = parts.value(table).and_then(|value| value.get_ref().as_table());
        let own = table.and_then(|table| table.get(name)).map(|value| value.span());
        own.unwrap_or(0..0)
    };
    for network in setup.networks.iter().filter(|network| network.hosts.len() < 2) {
        let lives_there = |from: &From| matches!(from, From::Network { network: of, .. } if *of == network.name);
        if !setup.clients.iter().any(|clients| lives_there(&clients.from)) && !parts.lacks("network") {
            let message = format!("`network.{}` joins neither clients nor a second host", network.name);
            let hint = "give it clients (`from`), or a second host (`hosts`)";
            parts.problems.report_with_hint(place("network", &network.name), message, "without effect", hint);
        }
    }
    if parts.problems.count() > 0 {
        return;
    }
    let topology = Topology::of(setup);
    for network in setup.networks.iter().filter(|network| network.mtu.is_some_and(|mtu| mtu < LEAST_MTU6)) {
        if topology.links.iter().any(|link| link.ipv6 && link.network == network.name) {
            let message = format!("`network.{}` carries IPv6, which needs an MTU of {LEAST_MTU6}", network.name);
            let hint = "below it the kernel turns IPv6 off (RFC 8200, 5)";
            parts.problems.report_with_hint(place("network", &network.name), message, "too small", hint);
        }
    }
    for clients in setup.clients.iter().filter(|clients| !clients.visit.protocol.is_beyond()) {
        if let Err(why) = topology.reaches(clients) {
            let hint = "a host between them needs `forwards = true`, and each network names its `hosts`";
            parts.problems.report_with_hint(place("clients", &clients.name), why, "no way there", hint);
        } else if clients.flights && topology.delay_us(clients) == 0 {
            // Flights are told apart by half a round trip.
            let message = format!("without a delay the answers of `clients.{}` have no flights", clients.name);
            let hint = "give their network a `delay`, for example `delay = \"50 ms\"`";
            parts.problems.report_with_hint(place("clients", &clients.name), message, "in this table", hint);
        }
    }
    for host in &setup.hosts {
        let interfaces: Vec<&str> = topology.interfaces(&host.name).collect();
        let changes = setup.phases.iter().flat_map(|phase| &phase.changes);
        let later = changes.filter_map(|change| match &change.action {
            Action::Firewall { host: of, rules } if *of == host.name => Some(rules),
            _ => None,
        });
        let read = |rules: &&Ruleset| matches!(rules.format, Format::Iptables | Format::Ip6tables);
        for rules in host.firewall.iter().chain(later.flatten()).filter(read) {
            files.check_interfaces(&rules.file, place("host", &host.name), &host.name, &interfaces);
        }
    }
    if parts.problems.count() > 0 {
        return;
    }
    for host in &setup.hosts {
        let (message, hint) = match topology.interfaces(&host.name).count() {
            0 if host.name != SERVER => ("is on no network", "name it in the `hosts` of one"),
            0 | 1 if host.forwards => {
                ("forwards, and is on one network only", "it needs a second one, or no `forwards`")
            }
            _ => continue,
        };
        let message = format!("host `{}` {message}", host.name);
        parts.problems.report_with_hint(place("host", &host.name), message, "without effect", hint);
    }
}
