//! Reads the setup of one variant: machine, hosts, networks, services, clients, phases. The tables are those of the
//! scenario with the variant's laid over them.

use super::{
    clients, files::Files, hosts, known::Known, model::Setup, phases, reach, section::Section, services, units::Scale,
};

pub fn read(parts: &Section<'_>, files: &Files<'_>) -> Setup {
    let hosts::Guest { machine, modules, limits } = hosts::machine(parts, files);
    let hosts = hosts::hosts(parts, files);
    let networks = hosts::networks(parts, &hosts);
    let services = services::services(parts, &hosts, files);
    let clients = clients::clients(parts, &hosts, &networks);
    let scale = parts.get_or("scale", Scale::default());
    let known = Known { scale, ..Known::of(parts, &hosts, &networks, &services, &clients) };
    let phases = phases::phases(parts, &known, files);
    let in_a_run: Vec<_> = phases.iter().map(|phase| phase.shrunk(scale.0)).collect();
    clients::check_enough(parts, &clients, &in_a_run);
    let setup = Setup { scale, machine, modules, limits, hosts, networks, services, clients, phases };
    reach::check(parts, &setup, files);
    setup
}
