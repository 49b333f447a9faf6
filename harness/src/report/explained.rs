//! A scenario explained without a machine: its hosts and what joins them, its services, and what happens when.

use super::phases::groups;
use crate::scenario::{
    From, Host, Scenario, Setup, Variant,
    topology::Topology,
    units::{self, Scale},
};
use std::time::Duration;
use tunelab_protocol::{Action, Arrivals, Change, Conditions, Listen, Phase, Service, ServiceKind};

/// Returns the first variant in full, and of the others what differs.
pub fn render(scenario: &Scenario) -> String {
    let mut out = format!("{}: {}\n", scenario.name, scenario.summary);
    let first = scenario.first();
    if first.scale != Scale::default() {
        out += &format!(
            "\na run has {} of it: clients, rates and what counts them are so many times smaller\n",
            first.scale
        );
    }
    out += &section("hosts", first.hosts.iter().map(host));
    out += &section("networks", networks(first));
    out += &section("services", first.services.iter().map(service));
    out += &section("clients", clients(first));
    out += &section("what happens", timeline(&first.phases));
    out += &section("variants", scenario.variants.iter().map(|variant| described(variant, first)));
    let claims = scenario.claims.len();
    let files: Vec<&str> = scenario.files.keys().map(String::as_str).collect();
    out + &format!("\n{claims} claims, {} metrics; files: {}\n", scenario.metrics.len(), files.join(", "))
}

fn section(name: &str, lines: impl IntoIterator<Item = String>) -> String {
    let lines: String = lines.into_iter().map(|line| format!("  {line}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n{name}\n{lines}") }
}

fn host(host: &Host) -> String {
    let addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
    let mut said = vec![addresses.join(" and ")];
    said.extend(host.forwards.then(|| "forwards".to_owned()));
    said.extend(host.firewall.iter().map(|rules| name_of(&rules.file).to_owned()));
    said.extend(host.sysctl_files.iter().map(|file| name_of(file).to_owned()));
    said.extend(host.sysctls.iter().map(|sysctl| format!("{} = {}", sysctl.name, sysctl.value)));
    format!("{:<16} {}", host.name, said.join(", "))
}

/// The name of a file in the guest.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn networks(setup: &Setup) -> Vec<String> {
    let one = |network: &crate::scenario::Network| {
        let lives_there = |from: &From| matches!(from, From::Network { network: of, .. } if *of == network.name);
        let clients = setup.clients.iter().filter(|clients| lives_there(&clients.from)).map(|c| c.name.as_str());
        let on_it: Vec<&str> = network.hosts.iter().map(String::as_str).chain(clients).collect();
        let mut said = vec![on_it.join(" - ")];
        said.extend(effects(network.conditions));
        said.extend(network.mtu.map(|bytes| format!("MTU {bytes}")));
        said.extend(network.on_link.then(|| "each address by ARP".to_owned()));
        format!("{:<16} {}", network.name, said.join(", "))
    };
    setup.networks.iter().map(one).collect()
}

fn effects(conditions: Conditions) -> Vec<String> {
    let share = |ppm: u32, what: &str| (ppm > 0).then(|| format!("{} % {what}", f64::from(ppm) / 10_000.0));
    let delay = (conditions.delay_us > 0).then(|| format!("{} each way", time(conditions.delay_us)));
    let rate = (conditions.rate_bps > 0).then(|| bit_rate(conditions.rate_bps));
    let all = [delay, share(conditions.loss_ppm, "lost"), share(conditions.reorder_ppm, "overtake others"), rate];
    all.into_iter().flatten().collect()
}

fn bit_rate(bps: u64) -> String {
    let (unit, of) = [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000)]
        .into_iter()
        .find(|(_, of)| bps >= *of)
        .unwrap_or(("kbit/s", 1_000));
    format!("{} {unit}", bps as f64 / of as f64)
}

fn service(service: &Service) -> String {
    let what = match &service.kind {
        ServiceKind::Nginx { config, .. } => format!("nginx, {}", name_of(config)),
        ServiceKind::Program { argv, ready, .. } => format!("`{}`, ready at {ready}", argv.join(" ")),
        ServiceKind::Server(server) => {
            let at = match &server.listen {
                Listen::Unix(path) => format!("unix:{path}"),
                Listen::Tcp(address) => address.to_string(),
                Listen::Udp(address) => format!("{address}, UDP"),
            };
            let by = server.node.as_deref().map(|program| format!(", {} by node.js", name_of(program)));
            format!("{at}{}", by.unwrap_or_default())
        }
    };
    format!("{:<16} on {}: {what}", service.name, service.host)
}

fn clients(setup: &Setup) -> Vec<String> {
    let topology = Topology::of(setup);
    let one = |clients: &crate::scenario::Clients| {
        let from = match &clients.from {
            From::Network { network, addresses } => format!("{addresses} in {network}"),
            From::Host(host) => format!("on {host}"),
        };
        let delay = topology.delay_us(clients);
        let far = if delay > 0 { format!(", {} away", time(delay)) } else { String::new() };
        format!("{:<16} {from}, to {}{far}", clients.name, clients.target)
    };
    setup.clients.iter().map(one).collect()
}

fn time(us: u64) -> String {
    units::show(Duration::from_micros(us))
}

/// Returns a line for each phase and each change, with the time since the start when it comes first.
fn timeline(phases: &[Phase]) -> Vec<String> {
    let (mut lines, mut at_us) = (Vec::new(), 0);
    for (phases, times) in groups(phases) {
        let again = if times > 1 { format!(", {times} times") } else { String::new() };
        let begins = at_us;
        for phase in phases {
            lines.push(format!(
                "{:<10} {} for {}{again}: {}",
                time(at_us),
                phase.name,
                time(phase.lasts_us()),
                come(phase)
            ));
            let change = |change: &Change| format!("{:<10}   {}", time(at_us + change.at_us), changed(change));
            lines.extend(phase.changes.iter().map(change));
            at_us += phase.lasts_us();
        }
        at_us = begins + (at_us - begins) * times as u64;
    }
    lines.push(format!("{:<10} the end", time(at_us)));
    lines
}

fn rate(per_1000_s: u32) -> String {
    units::Rate::show(u64::from(per_1000_s))
}

fn come(phase: &Phase) -> String {
    if phase.arrivals.is_empty() {
        return "nothing comes".into();
    }
    if let Some(search) = &phase.search {
        return format!("the highest rate of {} that is served", phase.arrivals[0].clients)
            + &format!(", between {} and {}", rate(search.least), rate(search.most));
    }
    let one = |come: &Arrivals| format!("{} {}", come.count, come.clients);
    let all: Vec<String> = phase.arrivals.iter().map(one).collect();
    let every = if phase.rounds > 1 { format!(" every {}", time(phase.every_us)) } else { String::new() };
    format!("{}{every}", all.join(", "))
}

fn changed(change: &Change) -> String {
    match &change.action {
        Action::Sysctl { host, sysctl } => format!("{host}: {} = {}", sysctl.name, sysctl.value),
        Action::Firewall { host, rules } => {
            let names: Vec<&str> = rules.iter().map(|rules| name_of(&rules.file)).collect();
            format!("{host}: rules of {}", names.join(", "))
        }
        Action::FlushConntrack { host } => format!("{host}: conntrack is flushed"),
        Action::Service { service, operation } => format!("{} {service}", operation.word()),
        Action::ResponseTime { service, us } => format!("{service} answers after {}", time(*us)),
        Action::Network { network, conditions } => format!("{network}: {}", effects(*conditions).join(", ")),
        Action::Power { host, on: false } => format!("{host} loses power"),
        Action::Power { host, on: true } => format!("{host} is up again"),
        Action::Cut { network, cut: true } => format!("{network} is cut"),
        Action::Cut { network, cut: false } => format!("{network} is whole again"),
    }
}

/// Returns a variant with the parts in which it differs from the first.
fn described(variant: &Variant, first: &Setup) -> String {
    let Setup { scale, written_scale: _, machine, modules, limits, hosts, networks, services, clients, phases } =
        &variant.setup;
    let differs = [
        ("machine", *machine != first.machine || *modules != first.modules || *limits != first.limits),
        ("hosts", *hosts != first.hosts),
        ("networks", *networks != first.networks),
        ("services", *services != first.services),
        ("clients", *clients != first.clients),
        ("phases", *phases != first.phases),
    ];
    let parts: Vec<&str> = differs.iter().filter(|(_, differs)| *differs).map(|(part, _)| *part).collect();
    let scaled = if *scale == first.scale { String::new() } else { format!(", at the scale {scale}") };
    let other = if parts.is_empty() { String::new() } else { format!(" (other {})", parts.join(", ")) };
    let mitigates = if variant.mitigates { ", mitigates" } else { "" };
    format!("{:<16} {}{other}{scaled}{mitigates}", variant.name, variant.summary)
}
