//! Reads `[machine]`, `[host.x]` and `[network.x]`: the guest, the hosts in it, and what joins them.

use super::{
    addresses,
    files::{self, Files},
    model::{Host, Machine, Network},
    section::{Read, Section},
    units::{BitRate, Bytes, Micros, Ppm},
    values::{OneOrMany, Setting, SomeTime},
    words,
};
use crate::{image, vm::bounds};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use toml::Spanned;
use tunelab_protocol::{Conditions, Format, ModuleLoad, Sysctl};

/// The name of the host that is the guest's first namespace.
pub const SERVER: &str = "server";
/// The network that joins clients to the server where a scenario names none.
const INTERNET: &str = "internet";

/// Everything that `[machine]` says.
#[derive(Debug, Clone, Default)]
pub struct Guest {
    pub machine: Machine,
    pub modules: Vec<ModuleLoad>,
    pub limits: Option<String>,
}

/// Reads `[machine]`.
pub fn machine(root: &Section<'_>, files: &Files<'_>) -> Guest {
    let Some(section) = root.section("machine") else { return Guest::default() };
    let mut machine = Machine::default();
    let refuse = |span, why: String| section.problems.report(span, why, "not of a machine");
    if let Some(memory) = section.get::<Spanned<Bytes>>("memory") {
        machine.memory_bytes = memory.get_ref().0;
        bounds::check_memory(machine.memory_bytes).unwrap_or_else(|why| refuse(memory.span(), why.into()));
    }
    if let Some(cpus) = section.get::<Spanned<u32>>("cpus") {
        machine.cpus = *cpus.get_ref();
        bounds::check_cpus(machine.cpus).unwrap_or_else(|why| refuse(cpus.span(), why.into()));
    }
    for word in section.get::<Vec<Spanned<String>>>("cmdline").unwrap_or_default() {
        bounds::check_word(word.get_ref()).unwrap_or_else(|why| refuse(word.span(), why));
        machine.cmdline.push(word.into_inner());
    }
    bounds::check_cmdline(&machine.cmdline).unwrap_or_else(|why| refuse(section.span(), why));
    for name in section.get::<Vec<Spanned<String>>>("packages").unwrap_or_default() {
        if !image::is_package(name.get_ref()) {
            let message = format!("`{}` is no name of a package", name.get_ref());
            section.problems.report_with_hint(
                name.span(),
                message,
                "not a name",
                "for example `packages = [\"haproxy\"]`",
            );
        }
        machine.packages.push(name.into_inner());
    }
    let guest = Guest { machine, modules: modules(&section), limits: files.one(&section, "limits", files::limits_d) };
    section.finish();
    guest
}

/// Reads `[machine.modules]`, such as `nf_conntrack = "hashsize=1024"`.
fn modules(section: &Section<'_>) -> Vec<ModuleLoad> {
    let Some(section) = section.section("modules") else { return Vec::new() };
    let load = |(name, value): (Spanned<String>, _)| {
        let parameters = String::read(value, section.problems)?;
        if !bounds::is_module_name(name.get_ref()) {
            let hint = "for example `modules = { nf_conntrack = \"hashsize=512\" }`";
            let message = format!("`{}` is no name of a module", name.get_ref());
            section.problems.report_with_hint(name.span(), message, "not a name", hint);
        }
        for word in parameters.split_whitespace() {
            let (parameter, setting) = word.split_once('=').unwrap_or((word, "1"));
            if !bounds::is_module_name(parameter) || setting.is_empty() || bounds::check_word(setting).is_err() {
                let message = format!("`{word}` is no `PARAMETER=VALUE` of a module");
                section.problems.report(value.span(), message, "such as `hashsize=512`");
            }
        }
        Some(ModuleLoad { name: name.into_inner(), parameters })
    };
    section.entries().into_iter().filter_map(load).collect()
}

/// Reads each `[host.x]`. The server comes first, whether the file has it or not.
pub fn hosts(root: &Section<'_>, files: &Files<'_>) -> Vec<Host> {
    let mut found: Vec<Host> = vec![Host::new(SERVER, vec![own_address(0)])];
    for (name, section) in root.named("host") {
        let number = if name.get_ref() == SERVER { 0 } else { found.len() };
        let host = host(name.get_ref(), number, &section, files);
        for address in &host.addresses {
            let other = found.iter().find(|other| other.name != host.name && other.addresses.contains(address));
            if let Some(other) = other {
                let message = format!("`{address}` is an address of host `{}` too", other.name);
                let hint = "give each its own: `addresses = \"10.8.0.1\"`";
                section.problems.report_with_hint(section.span(), message, "two hosts, one address", hint);
            }
        }
        match number {
            0 => found[0] = host,
            _ => found.push(host),
        }
    }
    found
}

/// Returns the address of the host with this number, for which the file names none.
fn own_address(number: usize) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + number as u32).into()
}

/// The first of the IPv6 addresses that stand in for those that were refused.
const STAND_IN: u128 = 0xfd << 120;

fn host(name: &str, number: usize, section: &Section<'_>, files: &Files<'_>) -> Host {
    let problems = section.problems.count();
    section.filled("addresses");
    let addresses = section.get::<OneOrMany<Spanned<IpAddr>>>("addresses").map(|OneOrMany(all)| all);
    for address in addresses.iter().flatten() {
        addresses::check_host(address, section.problems);
    }
    let mut addresses: Vec<IpAddr> = addresses.into_iter().flatten().map(Spanned::into_inner).collect();
    if section.problems.count() > problems {
        // That clients do not find one of their family would only follow.
        addresses.extend([own_address(number), Ipv6Addr::from_bits(STAND_IN + number as u128).into()]);
    }
    let initcwnd = section.get::<Spanned<u32>>("initcwnd").map(|segments| {
        if !(1..=1000).contains(segments.get_ref()) {
            section.problems.report(segments.span(), "`initcwnd` is 1 to 1000 segments", "out of range");
        }
        segments.into_inner()
    });
    let host = Host {
        name: name.to_owned(),
        addresses: if addresses.is_empty() { vec![own_address(number)] } else { addresses },
        forwards: section.get_or("forwards", false),
        firewall: firewall(section, files),
        sysctl_files: files.sysctls_of(section, "sysctl-files"),
        sysctls: sysctls(section),
        initcwnd,
        rto_min_us: section.get::<SomeTime>("rto-min").map(|time| time.0),
    };
    section.finish();
    host
}

/// Reads `firewall = ["rules.v4", "rules.nft"]`: files whose format follows from their ending.
pub fn firewall(section: &Section<'_>, files: &Files<'_>) -> Vec<tunelab_protocol::Ruleset> {
    let names = section.get::<OneOrMany<Spanned<String>>>("firewall").map(|OneOrMany(all)| all).unwrap_or_default();
    let read = |name: Spanned<String>| {
        let Some(format) = Format::of(name.get_ref()) else {
            let endings: Vec<String> = Format::ALL.iter().map(|format| format!("`{}`", format.ending())).collect();
            let message = format!("the ending of `{}` is that of no known format", name.get_ref());
            let hint = format!("the name ends in one of {}", endings.join(", "));
            section.problems.report_with_hint(name.span(), message, "unknown ending", hint);
            return None;
        };
        files.deploy(&name, files::of_firewall(format));
        Some(tunelab_protocol::Ruleset { format, file: files::deployed(name.get_ref()) })
    };
    names.into_iter().filter_map(read).collect()
}

/// Reads `sysctls`: a name with a leading `-` may be missing on a kernel, as in sysctl.d.
pub fn sysctls(section: &Section<'_>) -> Vec<Sysctl> {
    let Some(section) = section.section("sysctls") else { return Vec::new() };
    let mut found = Vec::new();
    for (key, value) in section.entries() {
        let name = key.get_ref().trim_start_matches('-');
        if !words::is_sysctl(name) {
            let hint = "quote the dotted name: `\"net.ipv4.tcp_tw_reuse\" = 1`";
            section.problems.report_with_hint(key.span(), format!("`{name}` is no sysctl"), "no dotted name", hint);
        } else if let Some(Setting(value)) = Setting::read(value, section.problems) {
            found.push(Sysctl { name: name.into(), value, required: !key.get_ref().starts_with('-') });
        }
    }
    found
}

/// The longest name of an interface (IFNAMSIZ less the end of the text).
const LONGEST_INTERFACE: usize = 15;

/// Reads each `[network.x]`; where there is none, one network joins clients to the server.
pub fn networks(root: &Section<'_>, hosts: &[Host]) -> Vec<Network> {
    if root.lacks("network") {
        return vec![Network::new(INTERNET, vec![SERVER.to_owned()])];
    }
    let known: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let mut found = Vec::new();
    for (name, section) in root.named("network") {
        if known.contains(&name.get_ref().as_str()) {
            let message = format!("`{}` is a host, and cannot be a network too", name.get_ref());
            section.problems.report(name.span(), message, "another name");
        }
        section.filled("hosts");
        let on_it = section.names("hosts", "host", &known).unwrap_or_else(|| vec![SERVER.to_owned()]);
        let interface = interface(&name, &section);
        let conditions = conditions_by(&section);
        let on_link = section.get_or("on-link", false);
        let mtu = mtu(&section);
        section.finish();
        for host in on_it.iter().filter(|host| on_it.iter().filter(|other| other == host).count() > 1) {
            section.problems.report(section.span(), format!("host `{host}` is named twice"), "in this table");
        }
        found.push(Network { name: name.into_inner(), interface, hosts: on_it, conditions, mtu, on_link });
    }
    check_interfaces(root, &found);
    found
}

/// Reads the name that the network's interface has on each host: `interface = "eth0"`; by default the network's own.
fn interface(name: &Spanned<String>, section: &Section<'_>) -> String {
    let given = section.get::<Spanned<String>>("interface");
    let (span, word) = given.map_or((name.span(), name.get_ref().clone()), |given| (given.span(), given.into_inner()));
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if word.is_empty() || word.len() > LONGEST_INTERFACE || !word.chars().all(good) || word == "lo" {
        let message =
            format!("`{word}` cannot be the name of an interface, which has 1 to {LONGEST_INTERFACE} letters");
        section.problems.report_with_hint(span, message, "not a name", "give it one: `interface = \"eth0\"`");
    }
    word
}

/// Reads the largest packet in bytes.
fn mtu(section: &Section<'_>) -> Option<u32> {
    let mtu = section.get::<Spanned<u32>>("mtu")?;
    if !(576..=9000).contains(mtu.get_ref()) {
        section.problems.report(mtu.span(), "an MTU is 576 to 9000 bytes", "out of range");
    }
    Some(mtu.into_inner())
}

/// Reports two networks with one interface on a host.
fn check_interfaces(root: &Section<'_>, networks: &[Network]) {
    for (n, network) in networks.iter().enumerate() {
        let clash = networks[..n].iter().find(|other| {
            other.interface == network.interface && other.hosts.iter().any(|host| network.hosts.contains(host))
        });
        if let Some(other) = clash {
            let message = format!(
                "`network.{}` and `network.{}` are both interface `{}` of one host",
                other.name, network.name, network.interface
            );
            root.problems.report(root.span_of("network"), message, "in these tables");
        }
    }
}

/// Reads the effects of a network on packets, and the part that is to have them: `by`.
fn conditions_by(section: &Section<'_>) -> Conditions {
    let found = section.problems.count();
    let conditions = Conditions { by: section.get("by"), ..conditions(section) };
    if conditions.by.is_some() && conditions.is_plain() && section.problems.count() == found {
        let hint = "take `by` out, or give the network a `delay`, `loss`, `reorder` or `rate`";
        let message = "`by` has no effect: this network does nothing to packets";
        section.problems.report_with_hint(section.span(), message, "without effect", hint);
    }
    conditions
}

/// Reads the effects of a network on packets: `delay`, `loss`, `reorder`, `rate`.
pub fn conditions(section: &Section<'_>) -> Conditions {
    let found = section.problems.count();
    let conditions = Conditions {
        delay_us: section.get_or("delay", Micros::default()).0,
        loss_ppm: section.get_or("loss", Ppm::default()).0,
        reorder_ppm: section.get_or("reorder", Ppm::default()).0,
        rate_bps: section.get_or("rate", BitRate::default()).0,
        by: None,
    };
    if section.problems.count() > found {
        // That there is no delay would only follow.
        return Conditions { delay_us: conditions.delay_us.max(1), ..conditions };
    }
    if conditions.reorder_ppm > 0 && conditions.delay_us == 0 {
        let hint = "give the network a `delay`: a packet that is reordered is not delayed, and so overtakes others";
        section.problems.report_with_hint(
            section.span(),
            "`reorder` has no effect without a `delay`",
            "no delay",
            hint,
        );
    }
    conditions
}
