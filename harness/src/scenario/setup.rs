//! Reads the setup of one variant: machine, hosts, networks, services, clients, phases. The tables are those of the
//! scenario with the variant's laid over them.

use super::{
    clients,
    files::Files,
    hosts,
    known::Known,
    model::{Network, Setup},
    phases, reach,
    section::Section,
    services,
    units::Scale,
};

/// Another `scale` takes the place of the written one.
pub fn read(parts: &Section<'_>, files: &Files<'_>, scale: Option<Scale>) -> Setup {
    let hosts::Guest { machine, modules, limits } = hosts::machine(parts, files);
    let hosts = hosts::hosts(parts, files);
    let networks = hosts::networks(parts, &hosts);
    let services = services::services(parts, &hosts, files);
    let clients = clients::clients(parts, &hosts, &networks);
    let written_scale = parts.get_or("scale", Scale::default());
    let scale = scale.unwrap_or(written_scale);
    check_networks(parts, &networks, scale);
    let known = Known { scale, ..Known::of(parts, &hosts, &networks, &services, &clients) };
    let phases = phases::phases(parts, &known, files);
    let in_a_run: Vec<_> = phases.iter().map(|phase| phase.shrunk(scale.0)).collect();
    clients::check_enough(parts, &clients, &in_a_run);
    let setup = Setup { scale, written_scale, machine, modules, limits, hosts, networks, services, clients, phases };
    reach::check(parts, &setup, files);
    setup
}

/// The slowest network of a run, in bits a second, if a scale makes it slower than it is written: below it a packet of 1500
/// bytes takes 12 ms, and that is no longer nothing beside the times that stay as they are.
const SLOWEST: u64 = 1_000_000;

fn check_networks(parts: &Section<'_>, networks: &[Network], scale: Scale) {
    for network in networks.iter().filter(|network| network.conditions.rate_bps > 0 && scale != Scale::default()) {
        let rate = network.conditions.rate_bps / u64::from(scale.0);
        if rate < SLOWEST {
            let message = format!("at the scale {scale}, the network `{}` has {rate} bit/s", network.name);
            let hint = "a larger scale: below 1 Mbit/s the time that a packet takes is no part of the incident";
            parts.problems.report_with_hint(parts.span_of("network"), message, "too slow for the scale", hint);
        }
    }
}
