//! Reads `[clients.x]`: where they are, what they ask, and how they close.

use super::{
    addresses, conduct,
    model::{Clients, From, Host, Network},
    problems::Problems,
    requests,
    section::{Read, Section, Value, a_kind},
    units::Micros,
    values::{Body, Port, SomeTime, text},
    visiting::{self, Site},
};
use std::net::{IpAddr, SocketAddr};
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{Addresses, Close, Duplicate, Http, IpNet, Method, Phase, Protocol, Visit};

/// The most links, each of which has a number of eight bits in the guest.
const MOST_NETWORKS: usize = 200;

/// Reads each `[clients.x]`: clients of one range of addresses, which all behave alike.
pub fn clients(root: &Section<'_>, hosts: &[Host], networks: &[Network]) -> Vec<Clients> {
    let (mut found, mut taken) = (Vec::<Clients>::new(), Vec::new());
    if root.lacks("clients") {
        root.problems.report_with_hint(0..0, "there are no clients", "in this file", "begin with `[clients.a-name]`");
    }
    let links = networks.iter().map(|network| network.hosts.len()).sum::<usize>();
    if links > MOST_NETWORKS {
        let message = format!("these networks have {links} links, more than {MOST_NETWORKS}");
        root.problems.report(root.span_of("network"), message, "in these tables");
    }
    for (name, section) in root.named("clients") {
        let from = from(&section, hosts, networks);
        let protocol = visiting::protocol(&section);
        let on_a_host = matches!(from, Some(Place::Host(_)));
        let addresses = if on_a_host { None } else { addresses_of(&section) };
        if on_a_host {
            section.refuse(&["addresses"], "clients on a host have its address");
        }
        if let Some(addresses) = &addresses {
            addresses::check_range(addresses, section.problems);
            check_alone(addresses, &section, hosts, &taken);
            taken.push((name.get_ref().clone(), *addresses.get_ref()));
        }
        let family = match (&from, &addresses) {
            (_, Some(addresses)) => Some(addresses.get_ref().addr().is_ipv6()),
            _ => None,
        };
        let Some(protocol) = protocol else {
            // Which of the other keys have an effect is not known then.
            section.finish_unread();
            continue;
        };
        let one_address = addresses.as_ref().is_none_or(|addresses| addresses.get_ref().count() == 1);
        let site = Site { on_a_host, ipv6: family == Some(true), one_address };
        let target = target(&section, protocol.0, family, hosts);
        let visit = visit(&section, protocol, site);
        if let (Some((visit, flights)), Some(SocketAddr::V6(_))) = (&visit, target) {
            visiting::check_ipv6(&section, visit, *flights);
        }
        section.finish();
        let (Some((visit, flights)), Some(target)) = (visit, target) else { continue };
        let from = match (from, addresses) {
            (Some(Place::Host(host)), _) => From::Host(host),
            (Some(Place::Network(network)), Some(addresses)) => {
                From::Network { network: network.name.clone(), addresses: addresses.into_inner() }
            }
            _ => continue,
        };
        found.push(Clients { name: name.into_inner(), from, target, flights, visit });
    }
    found
}

enum Place<'a> {
    Network(&'a Network),
    Host(String),
}

/// Reads `from`: a network, or a host. Where there is one network, it is that.
fn from<'a>(section: &Section<'_>, hosts: &[Host], networks: &'a [Network]) -> Option<Place<'a>> {
    let known = || networks.iter().map(|n| n.name.as_str()).chain(hosts.iter().map(|h| h.name.as_str()));
    if section.value("from").is_none() {
        if let [only] = networks {
            return Some(Place::Network(only));
        }
        section.need_like("from", &format!("\"{}\"", networks.first().map_or("server", |n| &n.name)));
        return None;
    }
    let from = section.get::<Spanned<String>>("from")?;
    let name = from.get_ref();
    if let Some(network) = networks.iter().find(|network| &network.name == name) {
        return Some(Place::Network(network));
    }
    if hosts.iter().any(|host| &host.name == name) {
        return Some(Place::Host(name.clone()));
    }
    let known: Vec<&str> = known().collect();
    section.problems.unknown(from.span(), format!("there is neither a network nor a host `{name}`"), name, &known);
    None
}

/// Reads `addresses = "10.1.0.0/16"`, or one address for all: `"10.1.0.7"`.
fn addresses_of(section: &Section<'_>) -> Option<Spanned<IpNet>> {
    section.need::<Spanned<IpNet>>("addresses")
}

/// Reports addresses that others have too.
fn check_alone(addresses: &Spanned<IpNet>, section: &Section<'_>, hosts: &[Host], others: &[(String, IpNet)]) {
    let own = addresses.get_ref();
    let taken = |(_, theirs): &&(String, IpNet)| theirs.contains(own) || own.contains(theirs);
    if let Some((name, theirs)) = others.iter().find(taken) {
        let message = format!("`{own}` overlaps `{theirs}` of `clients.{name}`");
        section.problems.report(addresses.span(), message, "clients of each name have addresses of their own");
    }
    for host in hosts {
        if let Some(address) = host.addresses.iter().find(|address| own.contains(*address)) {
            let message = format!("`{own}` contains `{address}`, the address of host `{}`", host.name);
            section.problems.report(addresses.span(), message, "clients' addresses are theirs alone");
        }
    }
}

/// Reports a range with too few addresses for clients that vanish: after a client vanished its address is gone, so each
/// client that comes needs one of its own.
pub fn check_enough(root: &Section<'_>, clients: &[Clients], phases: &[Phase]) {
    let tables = root.value("clients").and_then(|clients| clients.get_ref().as_table());
    for (name, table) in tables.into_iter().flatten() {
        let name = name.get_ref().as_ref();
        let known = clients.iter().find(|clients| clients.name == name);
        let gone = |clients: &&Clients| clients.visit.close.vanishes() && clients.visit.source_port.is_none();
        let Some(Clients { from: From::Network { addresses, .. }, .. }) = known.filter(gone) else {
            continue;
        };
        let come: u64 = phases.iter().map(|phase| phase.come(name)).sum();
        if come > addresses.count() {
            let message =
                format!("{come} clients vanish from `{addresses}`, which has {} addresses", addresses.count());
            let hint = "an address is gone after its client vanished: give them more `addresses`";
            root.problems.report_with_hint(table.span(), message, "too few addresses", hint);
        }
    }
}

/// Reads `to`: a host, or an address, with a port: `"server:80"`, `"gateway"`, `"10.9.0.1:53"`, `"[fd00::1]:80"`.
fn target(section: &Section<'_>, protocol: Protocol, ipv6: Option<bool>, hosts: &[Host]) -> Option<SocketAddr> {
    if protocol.is_beyond() {
        section.refuse(&["to"], "their packets go to addresses that no host has");
        return hosts.first().and_then(|server| server.addresses.first()).map(|address| SocketAddr::new(*address, 80));
    }
    let usual = if protocol == Protocol::Https { 443 } else { 80 };
    let Some(to) = section.get::<Spanned<String>>("to") else {
        if section.value("to").is_some() {
            return None;
        }
        return address_of(hosts.first()?, ipv6, section.span(), section)
            .map(|address| SocketAddr::new(address, usual));
    };
    if let Ok(address) = to.get_ref().parse::<SocketAddr>() {
        if ipv6.is_some_and(|ipv6| ipv6 != address.is_ipv6()) {
            let message = format!("`{address}` is not of the same family as the clients' addresses");
            section.problems.report(to.span(), message, "IPv4 or IPv6");
        }
        return Some(address);
    }
    let (name, port) = match to.get_ref().rsplit_once(':') {
        Some((name, port)) => (name, port.parse().ok().filter(|port| *port > 0)),
        None => (to.get_ref().as_str(), Some(usual)),
    };
    let Some(port) = port else {
        let message = format!("`{}` has no port from 1 to 65535", to.get_ref());
        section.problems.report_with_hint(to.span(), message, "not a port", "for example `to = \"server:80\"`");
        return None;
    };
    let Some(host) = hosts.iter().find(|host| host.name == name) else {
        let known: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        section.problems.unknown(to.span(), format!("there is no host `{name}`"), name, &known);
        return None;
    };
    address_of(host, ipv6, to.span(), section).map(|address| SocketAddr::new(address, port))
}

/// Returns the host's first address of the family that the clients have.
fn address_of(host: &Host, ipv6: Option<bool>, span: std::ops::Range<usize>, section: &Section<'_>) -> Option<IpAddr> {
    let found = host.addresses.iter().find(|address| ipv6.is_none_or(|ipv6| address.is_ipv6() == ipv6)).copied();
    if found.is_none() {
        let family = if ipv6 == Some(true) { "IPv6" } else { "IPv4" };
        let message = format!("host `{}` has no {family} address", host.name);
        let hint = "`addresses = [\"10.0.0.1\", \"fd00::1\"]` gives it both";
        section.problems.report_with_hint(span, message, "not reached", hint);
    }
    found
}

/// Reads `timeout = "5 s"`, or `timeout = { connect = "5 s", response = "20 min" }`.
fn timeouts(section: &Section<'_>) -> (u64, u64) {
    const USUAL: u64 = 5_000_000;
    let Some(value) = section.value("timeout") else { return (USUAL, USUAL) };
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let both = SomeTime::read(value, section.problems).map_or(USUAL, |time| time.0);
        return (both, both);
    }
    let Some(table) = section.section("timeout") else { return (USUAL, USUAL) };
    let [connect, response] = ["connect", "response"].map(|key| table.get_or(key, SomeTime(USUAL)).0);
    table.finish();
    (connect, response)
}

/// Keys that only clients of HTTP have.
const OF_HTTP: [&str; 4] = ["method", "body", "keep-alive", "flights"];

/// Keys that only clients with connections have.
const ON_CONNECTIONS: [&str; 10] =
    ["backoff", "keepalive", "user-timeout", "source-port", "sequence", "send", "read", "wait", "inject", "close"];

/// Keys that only clients of UDP have.
const OF_UDP: [&str; 2] = ["receive-errors", "in-flight"];

/// Returns the visit, and whether its answers are reported by flights.
fn visit(section: &Section<'_>, (protocol, http): (Protocol, Http), site: Site) -> Option<(Visit, bool)> {
    visiting::check_together(section, protocol, site.on_a_host);
    let (paths, pauses_us) = requests::paths(section, protocol);
    let (connect_timeout_us, response_timeout_us) = timeouts(section);
    let visit = Visit {
        protocol,
        http,
        method: Method::Get,
        keep_alive: true,
        paths,
        pauses_us,
        connect_timeout_us,
        response_timeout_us,
        retries: 0,
        backoff_us: None,
        keepalive_us: None,
        user_timeout_us: None,
        half_trip_us: None,
        source_port: None,
        older_sequence: false,
        receive_errors: false,
        in_flight: 1,
        ignores_answers: false,
        sends: None,
        reads: None,
        injected: None,
        close: Close::Client,
    };
    if !protocol.connects() {
        section.refuse(&OF_HTTP, "there is no connection");
        section.refuse(&ON_CONNECTIONS, "there is no connection");
        let udp = protocol.is_udp();
        if !udp {
            section.refuse(&OF_UDP, "it is for clients of UDP");
            section.refuse(&["retries"], "it is for clients that wait for an answer");
        }
        let retries = if udp { section.get_or("retries", 0) } else { 0 };
        let receive_errors = udp && section.get_or("receive-errors", false);
        let in_flight = if udp { conduct::in_flight(section, visit.paths.len()) } else { 1 };
        return Some((Visit { retries, receive_errors, in_flight, ..visit }, false));
    }
    section.refuse(&OF_UDP, "it is for clients of UDP");
    if protocol == Protocol::Tcp {
        section.refuse(&OF_HTTP, "it is for clients of HTTP");
    }
    let keep_alive = protocol != Protocol::Tcp && section.get_or("keep-alive", http == Http::V1_1);
    let method = method(section);
    let keepalive_us = off_or_time(section, "keepalive");
    let user_timeout_us = section.get::<SomeTime>("user-timeout").map(|time| time.0);
    let flights = section.get_or("flights", false);
    let source_port = section.get("source-port").map(|Port(port)| port);
    let older_sequence = requests::older_sequence(section);
    let (retries, backoff_us) = attempts(section);
    let value = section.need_value("close")?;
    let close = closing(value, section)?;
    if keep_alive && matches!(close, Close::Server | Close::LateDuplicate { .. }) {
        section.problems.report_with_hint(
            value.span(),
            "the server does not close a connection that is kept alive",
            "needs the server to close first",
            if protocol == Protocol::Https {
                "say `keep-alive = false`"
            } else {
                "say `keep-alive = false`, or `protocol = \"HTTP/1.0\"`"
            },
        );
    }
    visiting::check_close(section, value, close, site);
    if protocol == Protocol::Https {
        visiting::check_encrypted(section, value, close);
    }
    let visit =
        Visit { method, keep_alive, keepalive_us, user_timeout_us, source_port, older_sequence, close, ..visit };
    let visit = Visit { retries, backoff_us, ..visit };
    if retries > 0 && (close.vanishes() || matches!(close, Close::Pool { .. }) || source_port.is_some()) {
        let message = "these clients cannot try again";
        let hint = "a new attempt is a connection of its own, from the same address: it needs another `close`, and no `source-port`";
        section.problems.report_with_hint(section.span_of("retries"), message, "not with them", hint);
    }
    Some((conduct::of_http(section, visit, flights, site), flights))
}

/// Reads `retries = 3` and `backoff = "1 s"`, which stands for the first of them.
fn attempts(section: &Section<'_>) -> (u32, Option<u64>) {
    let retries = section.get_or("retries", 0);
    if retries == 0 {
        section.refuse(&["backoff"], "there are no `retries`");
        return (0, None);
    }
    let Micros(backoff_us) = section.get_or("backoff", Micros(1_000_000));
    (retries, Some(backoff_us))
}

/// Reads `method = "POST"` and `body = "1 kB"`.
fn method(section: &Section<'_>) -> Method {
    let body = section.get::<Body>("body");
    let word = section.value("method").and_then(|value| text(value, section.problems, "`GET` or `POST`"));
    match word {
        Some("POST") => Method::Post { body_bytes: body.map_or(0, |Body(bytes)| bytes) },
        Some("GET") | None => {
            section.refuse(&["body"], "only a POST has one");
            Method::Get
        }
        Some(other) => {
            let span = section.span_of("method");
            section.problems.unknown(span, format!("unknown method `{other}`"), other, &["GET", "POST"]);
            Method::Get
        }
    }
}

/// Reads a time, or `"off"`.
fn off_or_time(section: &Section<'_>, key: &'static str) -> Option<u64> {
    let value = section.value(key)?;
    if value.get_ref().as_str() == Some("off") {
        return None;
    }
    SomeTime::read(value, section.problems).map(|time| time.0)
}

const CLOSES: &[&str] = &["client", "half", "server", "reset", "vanish", "never", "late-duplicate", "pool"];

/// Reads `close = "reset"`, or with particulars `close.late-duplicate = { of = "ack", after = "30 s" }`.
fn closing(value: &Value<'_>, section: &Section<'_>) -> Option<Close> {
    let problems = section.problems;
    match value.get_ref() {
        DeValue::String(word) => plain(word, value, problems),
        DeValue::Table(_) => {
            let table = Section::of(value, format!("{}.close", section.path()), problems)?;
            let close = particular(&table);
            table.finish();
            if close.is_none() && table.keys().is_empty() {
                problems.report(value.span(), "`close` is empty: it says how clients close", "an empty table");
            }
            close
        }
        other => {
            let message = format!("expected a way to close, found {}", a_kind(other));
            problems.report(value.span(), message, "should be a string or a table");
            None
        }
    }
}

fn plain(word: &str, value: &Value<'_>, problems: &Problems) -> Option<Close> {
    match word {
        "client" => Some(Close::Client),
        "half" => Some(Close::Half),
        "server" => Some(Close::Server),
        "reset" => Some(Close::Reset),
        "vanish" => Some(Close::Vanish { after_request: false }),
        "never" => Some(Close::Never),
        "late-duplicate" => {
            let hint = r#"for example `close.late-duplicate = { of = "ack", after = "30 s" }`"#;
            let message = "`late-duplicate` needs `of` and `after`";
            problems.report_with_hint(value.span(), message, "particulars missing", hint);
            None
        }
        "pool" => {
            let hint = "for example `close.pool = { size = 4 }`";
            problems.report_with_hint(value.span(), "`pool` needs to know its size", "particulars missing", hint);
            None
        }
        other => {
            problems.unknown(value.span(), format!("unknown way to close `{other}`"), other, CLOSES);
            None
        }
    }
}

fn particular(table: &Section<'_>) -> Option<Close> {
    let late = table.section("late-duplicate").and_then(|late| {
        let of = late.need::<Spanned<String>>("of");
        let after = late.need::<Micros>("after");
        late.finish();
        Some(Close::LateDuplicate { of: duplicate(&of?, late.problems)?, after_us: after?.0 })
    });
    let vanish = table.section("vanish").map(|vanish| {
        let after_request = vanish.get_or("after-request", false);
        vanish.finish();
        Close::Vanish { after_request }
    });
    let pool = table.section("pool").and_then(|pool| conduct::pool(&pool));
    late.or(vanish).or(pool)
}

fn duplicate(of: &Spanned<String>, problems: &Problems) -> Option<Duplicate> {
    match of.get_ref().as_str() {
        "ack" => Some(Duplicate::Ack),
        "request" => Some(Duplicate::Request),
        other => {
            problems.unknown(
                of.span(),
                format!("no packet called `{other}` can be duplicated"),
                other,
                &["ack", "request"],
            );
            None
        }
    }
}
