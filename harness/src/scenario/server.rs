//! Reads the server's side: machine, tuning, rules, nginx and backends; once for all variants, then per variant.

use super::{
    files::{self, Files},
    model::{During, Machine, Server},
    names::{self, Names},
    search,
    section::{Read, Section},
    units::{Bytes, Micros},
    values::{Body, RequestPath, Setting, SomeTime},
    words,
};
use crate::vm::bounds;
use std::collections::BTreeMap;
use toml::Spanned;
use tunelab_protocol::{Backend, Http, Listen, ModuleLoad, Phase, Search, Sysctl};

/// Reads `[machine]`; a key that is missing stays as it was.
pub fn machine(section: &Section<'_>, base: &Machine) -> Machine {
    let Some(section) = section.section("machine") else { return base.clone() };
    let mut machine = base.clone();
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
    section.finish();
    machine
}

/// Applies the keys of `[server]`, which each `[variant.x]` has too: sysctl files and lists add up, the rest replaces.
pub fn apply(section: &Section<'_>, server: &mut Server, files: &Files<'_>) {
    let one = |key, check| {
        let name = section.get::<Spanned<String>>(key)?;
        files.deploy(&name, check);
        Some(name.into_inner())
    };
    server.nginx = one("nginx", files::nginx_conf as files::Check).or(server.nginx.take());
    server.rules = one("rules", files::iptables_save).or(server.rules.take());
    server.limits = one("limits", files::limits_d).or(server.limits.take());
    if let Some(by) = section.get("started-by") {
        server.started_by = by;
    }
    if let Some(segments) = section.get::<Spanned<u32>>("initcwnd") {
        if !(1..=1000).contains(segments.get_ref()) {
            section.problems.report(segments.span(), "a window begins with 1 to 1000 segments", "not of a window");
        }
        server.initcwnd = Some(segments.into_inner());
    }
    server.rto_min_us = section.get::<SomeTime>("rto-min").map(|time| time.0).or(server.rto_min_us);
    for name in section.get::<Vec<Spanned<String>>>("sysctl-files").unwrap_or_default() {
        files.deploy_sysctls(&name);
        server.sysctl_files.push(name.into_inner());
    }
    server.sysctls.extend(sysctls(section));
    for module in modules(section) {
        server.modules.retain(|m| m.name != module.name);
        server.modules.push(module);
    }
}

/// Reads `[server.sysctls]`: a name with a leading `-` may be missing on a kernel, as in sysctl.d.
fn sysctls(section: &Section<'_>) -> Vec<Sysctl> {
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

/// Reads `[variant.x.during.PHASE]`: the variant's changes to that phase. Its `sysctls` are changed on the running
/// machine when the phase begins; the phase's search goes `between` these rates.
pub fn during(section: &Section<'_>, phases: &[Phase], names: &Names) -> BTreeMap<String, During> {
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        let phase = phases.iter().find(|phase| &phase.name == name.get_ref());
        if !names.phases.contains(name.get_ref()) {
            let message = format!("there is no phase `{}`", name.get_ref());
            section.problems.unknown(name.span(), message, name.get_ref(), &names::words(&names.phases));
        }
        let during = During { sysctls: sysctls(&section), search: searched(&section, phase) };
        section.finish();
        (name.into_inner(), during)
    };
    section.named("during").into_iter().map(read).collect()
}

fn searched(section: &Section<'_>, phase: Option<&Phase>) -> Option<Search> {
    let between = section.get::<Spanned<Vec<u32>>>("between")?;
    let (phase, common) = (phase?, phase?.search);
    if common.is_none() {
        let message = format!("`{}` searches for nothing", phase.name);
        section.problems.report(between.span(), message, "rates of a search");
    }
    let common = common?;
    search::search(&between, (common.to_ppm, common.lasts_us), section)
}

/// Reads `[server.modules]`, such as `nf_conntrack = "hashsize=1024"`.
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

/// Reads each `[backend.x]`: a new backend, or a variant's changes to a known one.
pub fn backends(section: &Section<'_>, backends: &mut Vec<Backend>, files: &Files<'_>, names: &Names) {
    for (name, section) in section.named("backend") {
        let known = backends.iter().position(|b| &b.name == name.get_ref());
        let base = match known {
            Some(at) => Some(backends.remove(at)),
            // The scenario's own `[backend.x]` was refused.
            None if section.path().starts_with("variant.") && names.backends.contains(name.get_ref()) => None,
            None => section
                .need::<Listen>("listen", r#""unix:/run/tunelab/backend.sock""#)
                .map(|l| fresh(name.get_ref().clone(), l)),
        };
        let Some(base) = base else { continue };
        let backend = backend(&section, base, files);
        let moved = section.value("listen").is_some();
        if let Some(other) = backends.iter().find(|other| moved && other.listen == backend.listen) {
            let message = format!("`{}` listens where `{}` does", section.path(), other.name);
            section.problems.report(section.span(), message, "one address, one backend");
        }
        backends.insert(known.unwrap_or(backends.len()), backend);
    }
}

fn fresh(name: String, listen: Listen) -> Backend {
    Backend {
        name,
        listen,
        keep_alive: false,
        backlog: 511,
        answer_after_us: 0,
        accept_every_us: 0,
        body_bytes: 512,
        hold_path: None,
        node: None,
    }
}

/// Keys that mean nothing for a backend that sends each datagram back as it came.
const OF_CONNECTIONS: [&str; 7] =
    ["protocol", "backlog", "response-time", "accept-every", "body", "never-answer", "node"];

fn backend(section: &Section<'_>, base: Backend, files: &Files<'_>) -> Backend {
    let listen = section.get_or("listen", base.listen);
    if matches!(listen, Listen::Udp(_)) {
        section.refuse(&OF_CONNECTIONS, "a UDP backend sends each datagram back as it came, at once");
        section.finish();
        return fresh(base.name, listen);
    }
    let node = section.get::<Spanned<String>>("node");
    node.iter().for_each(|name| files.deploy(name, files::program));
    let protocol = if base.keep_alive { Http::V1_1 } else { Http::V1_0 };
    let backend = Backend {
        listen,
        keep_alive: section.get_or("protocol", protocol) == Http::V1_1,
        backlog: section.get_or("backlog", base.backlog),
        answer_after_us: section.get_or("response-time", Micros(base.answer_after_us)).0,
        accept_every_us: section.get_or("accept-every", Micros(base.accept_every_us)).0,
        body_bytes: section.get_or("body", Body(base.body_bytes)).0,
        hold_path: section.get::<RequestPath>("never-answer").map(|path| path.0).or(base.hold_path),
        node: node.map(Spanned::into_inner).or(base.node),
        name: base.name,
    };
    section.finish();
    backend
}
