//! Reads `[[phase.change]]`: what an administrator or an accident changes on the running machine.

use super::{
    files::Files,
    hosts,
    known::Known,
    section::{Section, Value},
    units::Micros,
    values::{SomeTime, text},
};
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{Action, Change, Operation, ServiceKind};

/// Reads all changes of a phase that lasts so long; `None` if that was refused. They are in the order of their times.
pub fn changes(section: &Section<'_>, lasts_us: Option<u64>, known: &Known<'_>, files: &Files<'_>) -> Vec<Change> {
    let Some(value) = section.value("change") else { return Vec::new() };
    let Some(tables) = value.get_ref().as_array() else {
        let message = "a change begins with `[[phase.change]]`, in double brackets";
        section.problems.report(value.span(), message, "not an array");
        return Vec::new();
    };
    let mut found = Vec::new();
    for (n, value) in tables.iter().enumerate() {
        let path = format!("{}, change {}", section.path(), n + 1);
        if let Some(table) = Section::of(value, path, section.problems) {
            found.extend(change(&table, lasts_us, known, files));
        }
    }
    found.sort_by_key(|change| change.at_us);
    found
}

fn change(table: &Section<'_>, lasts_us: Option<u64>, known: &Known<'_>, files: &Files<'_>) -> Vec<Change> {
    let at = table.get_or("at", Micros::default()).0;
    let for_us = table.get::<SomeTime>("for").map(|time| time.0);
    let mut actions = services(table, known);
    actions.extend(networks(table, known));
    actions.extend(of_hosts(table, known, files));
    table.finish();
    let says = |key: &str| match key {
        "at" | "for" => false,
        "service" => !table.lacks("service"),
        "network" => !table.lacks("network"),
        "host" => !table.lacks("host"),
        // It is not known, and reported as such.
        _ => true,
    };
    if !table.keys().iter().any(|key| says(key.get_ref().as_ref())) {
        let hint =
            "for example `service.app = \"restart\"`, `network.internet = \"cut\"`, `host.server.sysctls = { ... }`";
        table.problems.report_with_hint(table.span(), "this changes nothing", "in this table", hint);
    }
    let ends = at + for_us.unwrap_or(0);
    if lasts_us.is_some_and(|lasts| ends >= lasts) {
        let message = format!("`{}` comes when the phase is over", table.path());
        table.problems.report(table.span(), message, "too late");
    }
    let mut found = Vec::new();
    for (action, back) in actions {
        match (for_us, back) {
            (Some(for_us), Some(back)) => found.push(Change { at_us: at + for_us, action: back }),
            (Some(_), None) => {
                let hint =
                    "`for` is for `stop`, `freeze`, `reboot`, a response time, and what a network does to packets";
                table.problems.report_with_hint(
                    table.span(),
                    "`for` has no effect: nothing takes this change back",
                    "in this table",
                    hint,
                );
            }
            (None, _) => {}
        }
        found.push(Change { at_us: at, action });
    }
    found
}

/// An action, and the one that takes it back.
type Both = (Action, Option<Action>);

/// Reads `service.app = "restart"`, or `service.app = { response-time = "30 s" }`.
fn services(table: &Section<'_>, known: &Known<'_>) -> Vec<Both> {
    let names: Vec<&str> = known.service_names.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for (name, value) in table.section("service").iter().flat_map(|services| services.entries()) {
        if !names.contains(&name.get_ref().as_str()) {
            let message = format!("there is no service `{}`", name.get_ref());
            table.problems.unknown(name.span(), message, name.get_ref(), &names);
            continue;
        }
        found.extend(match value.get_ref() {
            DeValue::Table(_) => response_time(&name, value, table, known),
            _ => operation(&name, value, table, known),
        });
    }
    found
}

fn operation(name: &Spanned<String>, value: &Value<'_>, table: &Section<'_>, known: &Known<'_>) -> Option<Both> {
    let word = text(value, table.problems, "what is done to it, such as `restart`")?;
    let Some(operation) = Operation::ALL.into_iter().find(|operation| operation.word() == word) else {
        let words = Operation::ALL.map(Operation::word);
        let message = format!("unknown change of a service `{word}`");
        table.problems.unknown(value.span(), message, word, &words);
        return None;
    };
    let service = known.services.iter().find(|service| &service.name == name.get_ref());
    if operation == Operation::Reload && matches!(service?.kind, ServiceKind::Server(_)) {
        let message = format!("`{}` has no configuration to reload", name.get_ref());
        table.problems.report_with_hint(value.span(), message, "without effect", "`restart` starts it again");
    }
    let of = |operation| Action::Service { service: name.get_ref().clone(), operation };
    let back = match operation {
        Operation::Stop => Some(of(Operation::Start)),
        Operation::Freeze => Some(of(Operation::Thaw)),
        _ => None,
    };
    Some((of(operation), back))
}

fn response_time(name: &Spanned<String>, value: &Value<'_>, table: &Section<'_>, known: &Known<'_>) -> Option<Both> {
    let path = format!("{}.service.{}", table.path(), name.get_ref());
    let change = Section::of(value, path, table.problems)?;
    let us = change.need::<Micros>("response-time");
    change.finish();
    let service = known.services.iter().find(|service| &service.name == name.get_ref())?;
    let ServiceKind::Server(server) = &service.kind else {
        let message = format!("`{}` is not our own server: its response time cannot be set", name.get_ref());
        table.problems.report_with_hint(value.span(), message, "without effect", "`freeze` makes it answer nothing");
        return None;
    };
    if server.node.is_some() || matches!(server.listen, tunelab_protocol::Listen::Udp(_)) {
        let message = format!("`{}` is not of kind `http`: its response time cannot be set", name.get_ref());
        table.problems.report_with_hint(value.span(), message, "without effect", "`freeze` makes it answer nothing");
    }
    let of = |us| Action::ResponseTime { service: name.get_ref().clone(), us };
    Some((of(us?.0), Some(of(server.response_time_us))))
}

/// Reads `network.internet = "cut"`, `"restore"`, or `network.internet = { delay = "1 s" }`.
fn networks(table: &Section<'_>, known: &Known<'_>) -> Vec<Both> {
    let names: Vec<&str> = known.networks.iter().map(|network| network.name.as_str()).collect();
    let mut found = Vec::new();
    for (name, value) in table.section("network").iter().flat_map(|networks| networks.entries()) {
        let Some(network) = known.networks.iter().find(|network| &network.name == name.get_ref()) else {
            let message = format!("there is no network `{}`", name.get_ref());
            table.problems.unknown(name.span(), message, name.get_ref(), &names);
            continue;
        };
        let name = name.into_inner();
        let cut = |cut| Action::Cut { network: name.clone(), cut };
        match value.get_ref() {
            DeValue::Table(_) => {
                let Some(change) = Section::of(value, format!("{}.network.{name}", table.path()), table.problems)
                else {
                    continue;
                };
                let conditions = hosts::conditions(&change);
                change.finish();
                let of = |conditions| Action::Network { network: name.clone(), conditions };
                found.push((of(conditions), Some(of(network.conditions))));
            }
            _ => match text(value, table.problems, "`cut`, `restore`, or a table such as `{ delay = \"1 s\" }`") {
                Some("cut") => found.push((cut(true), Some(cut(false)))),
                Some("restore") => found.push((cut(false), None)),
                Some(other) => {
                    let message = format!("unknown change of a network `{other}`");
                    table.problems.unknown(value.span(), message, other, &["cut", "restore"]);
                }
                None => {}
            },
        }
    }
    found
}

/// Reads `host.server = { sysctls = { ... }, firewall = "other.v4", conntrack = "flush" }`, or `host.gateway = "reboot"`.
fn of_hosts(table: &Section<'_>, known: &Known<'_>, files: &Files<'_>) -> Vec<Both> {
    let mut found = Vec::new();
    for (name, value) in table.section("host").iter().flat_map(|hosts| hosts.entries()) {
        let host = name.get_ref().clone();
        if !known.hosts.contains(&host.as_str()) {
            table.problems.unknown(name.span(), format!("there is no host `{host}`"), &host, &known.hosts);
        }
        if value.get_ref().is_str() {
            found.extend(reboot(&host, value, table, known));
            continue;
        }
        let Some(section) = Section::of(value, format!("{}.host.{host}", table.path()), table.problems) else {
            continue;
        };
        section.filled("firewall");
        let rules = hosts::firewall(&section, files);
        if !rules.is_empty() {
            found.push((Action::Firewall { host: host.clone(), rules }, None));
        }
        let sysctls = hosts::sysctls(&section).into_iter();
        found.extend(sysctls.map(|sysctl| (Action::Sysctl { host: host.clone(), sysctl }, None)));
        if let Some(value) = section.value("conntrack") {
            match text(value, section.problems, "`flush`") {
                Some("flush") => found.push((Action::FlushConntrack { host }, None)),
                Some(other) => {
                    let message = format!("unknown change of conntrack `{other}`");
                    section.problems.unknown(value.span(), message, other, &["flush"]);
                }
                None => {}
            }
        }
        if section.keys().is_empty() {
            section.problems.report(section.span(), "this changes nothing", "empty");
        }
        section.finish();
    }
    found
}

/// Reads `host.gateway = "reboot"`. A process would leave sockets behind that no reboot leaves, and would speak for them
/// once its host is up again: a host with processes is refused.
fn reboot(host: &str, value: &Value<'_>, table: &Section<'_>, known: &Known<'_>) -> Option<Both> {
    let word = text(value, table.problems, "`reboot`, or a table such as `{ conntrack = \"flush\" }`")?;
    if word != "reboot" {
        let message = format!("unknown change of a host `{word}`");
        table.problems.unknown(value.span(), message, word, &["reboot"]);
        return None;
    }
    let has_processes = host == hosts::SERVER
        || known.services.iter().any(|service| service.host == host)
        || known.clients_on.contains(host);
    if has_processes {
        let message = format!("host `{host}` cannot be rebooted: sockets of its services or clients would outlive it");
        let hint = "stop and start its services instead; a host without services and clients can be rebooted";
        table.problems.report_with_hint(value.span(), message, "not this host", hint);
    }
    if table.lacks("for") {
        let hint = "for example `for = \"30 s\"`";
        table.problems.report_with_hint(
            value.span(),
            "`for` is missing: it says how long the host is away",
            "in this table",
            hint,
        );
    }
    let power = |on| Action::Power { host: host.to_owned(), on };
    Some((power(false), Some(power(true))))
}
