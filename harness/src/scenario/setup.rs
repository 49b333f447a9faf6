//! Reads the setup of one variant: machine, hosts, networks, services, clients, phases. The tables are those of the
//! scenario with the variant's laid over them.

use super::{clients, files::Files, hosts, model::Setup, phases, reach, section::Section, services};

pub fn read(parts: &Section<'_>, files: &Files<'_>) -> Setup {
    let hosts::Guest { machine, modules, limits } = hosts::machine(parts, files);
    let hosts = hosts::hosts(parts, files);
    let networks = hosts::networks(parts, &hosts);
    let services = services::services(parts, &hosts, files);
    let clients = clients::clients(parts, &hosts, &networks);
    let phases = phases::phases(parts, &phases::Known::of(parts, &hosts, &networks, &services, &clients), files);
    clients::check_enough(parts, &clients, &phases);
    let setup = Setup { machine, modules, limits, hosts, networks, services, clients, phases };
    reach::check(parts, &setup, files);
    setup
}
