//! Reads the clients' side: upstreams, clients, and how clients close.

use super::{
    addresses,
    names::{Names, words},
    problems::Problems,
    requests,
    section::{Section, Value, a_kind},
    units::{Micros, Ppm},
    values::{Body, Port, SomeTime},
    visiting,
};
use std::net::Ipv4Addr;
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{At, Duplicate, Http, Leave, Link, Phase, Population, Speech, Subnet, Upstream, Visit};

/// Reads each `[upstream.x]`: a host that the server forwards to.
pub fn upstreams(root: &Section<'_>) -> Vec<Upstream> {
    let mut found: Vec<Upstream> = Vec::new();
    for (name, section) in root.named("upstream") {
        let address = section.need::<Spanned<Ipv4Addr>>("address", r#""10.8.0.1""#);
        let port = section.get_or("port", Port(80)).0;
        let body_bytes = section.get_or("body", Body(512)).0;
        let at = visiting::of_an_upstream(&section);
        section.finish();
        let Some(address) = address else { continue };
        addresses::check_host(&address, section.problems);
        let around = addresses::around(*address.get_ref());
        if let Some(other) = found.iter().find(|other| addresses::around(other.address) == around) {
            let message = format!("`{}` is in `{around}`, as upstream `{}` is", address.get_ref(), other.name);
            let hint = "each upstream has a network of its own: `10.8.0.1`, `10.8.1.1`";
            section.problems.report_with_hint(address.span(), message, "too near", hint);
        }
        found.push(Upstream { name: name.into_inner(), address: address.into_inner(), port, body_bytes, at });
    }
    found
}

/// The most kinds of clients and upstreams together: each has a number of eight bits in the guest.
const MOST_SITES: usize = 200;

/// Reads each `[clients.x]`: clients of one subnet, which all behave alike.
pub fn populations(root: &Section<'_>, server: Ipv4Addr, upstreams: &[Upstream], names: &Names) -> Vec<Population> {
    let mut found: Vec<Population> = Vec::new();
    if root.lacks("clients") {
        root.problems.report_with_hint(0..0, "there are no clients", "in this file", "begin with `[clients.a-name]`");
    }
    let sites = names.clients.len() + names.upstreams.len();
    if sites > MOST_SITES {
        let message = format!("these are {sites} kinds of clients and upstreams, more than {MOST_SITES}");
        root.problems.report(0..0, message, "in this file");
    }
    for (name, section) in root.named("clients") {
        let at = section.get_or("at", At::default());
        let (subnet, link) = match at {
            At::Server => (Some(visiting::own_subnet(&section, server)), Some(Link::default())),
            _ => (section.need::<Spanned<Subnet>>("subnet", r#""10.1.0.0/16""#), link(&section)),
        };
        let target = target(&section, upstreams, names);
        let visit = visit(&section, at, link);
        section.finish();
        let (Some(subnet), Some(visit), Some(link)) = (subnet, visit, link) else { continue };
        let name = name.into_inner();
        if at == At::Server {
            let (subnet, (target, port)) = (subnet.into_inner(), target);
            found.push(Population { name, subnet, at, target, port, link, visit });
            continue;
        }
        addresses::check_subnet(&subnet, section.problems);
        if let Some(other) = found.iter().filter(|p| p.at != At::Server).find(|p| p.subnet.overlaps(subnet.get_ref())) {
            let message = format!("`{}` overlaps `{}` of `clients.{}`", subnet.get_ref(), other.subnet, other.name);
            section.problems.report(subnet.span(), message, "clients of each name have a subnet of their own");
        }
        if let Some((whose, address)) = inhabitant(subnet.get_ref(), server, upstreams) {
            let message = format!("`{}` contains `{address}`, the address of {whose}", subnet.get_ref());
            section.problems.report(subnet.span(), message, "clients' addresses are theirs alone");
        }
        let (target, port) = target;
        found.push(Population { name, subnet: subnet.into_inner(), at, target, port, link, visit });
    }
    found
}

/// Reports a subnet with too few addresses for clients that vanish: after a client vanished its address is gone, so
/// each client that comes needs one of its own.
pub fn check_enough(root: &Section<'_>, populations: &[Population], phases: &[Phase]) {
    let tables = root.value("clients").and_then(|clients| clients.get_ref().as_table());
    for (name, table) in tables.into_iter().flatten() {
        let name = name.get_ref().as_ref();
        let vanishes = |leave| matches!(leave, Leave::Vanish { .. } | Leave::LateDuplicate { .. });
        let known = populations.iter().find(|p| p.name == name);
        let Some(Population { subnet, .. }) = known.filter(|p| vanishes(p.visit.leave)) else { continue };
        let come: u64 = phases.iter().map(|phase| phase.visitors(name)).sum();
        if come > u64::from(subnet.hosts()) {
            let message = format!("{come} clients vanish from `{subnet}`, which has {} addresses", subnet.hosts());
            let hint = "an address is gone after its client vanished: give them a larger `subnet`";
            root.problems.report_with_hint(table.span(), message, "too few addresses", hint);
        }
    }
}

/// Returns the server or the upstream that has an address in a subnet of clients, with that address.
fn inhabitant(subnet: &Subnet, server: Ipv4Addr, upstreams: &[Upstream]) -> Option<(String, Ipv4Addr)> {
    let others = upstreams.iter().map(|u| (format!("upstream `{}`", u.name), u.address));
    std::iter::once(("the server".to_owned(), server)).chain(others).find(|(_, address)| subnet.contains(*address))
}

/// Returns the address and port that clients connect to: an upstream's by its name, or the server's (`None`).
fn target(section: &Section<'_>, upstreams: &[Upstream], names: &Names) -> (Option<Ipv4Addr>, u16) {
    let port = section.get("port").map(|Port(port)| port);
    let Some(name) = section.get::<Spanned<String>>("upstream") else { return (None, port.unwrap_or(80)) };
    match upstreams.iter().find(|u| &u.name == name.get_ref()) {
        Some(upstream) => (Some(upstream.address), port.unwrap_or(upstream.port)),
        None if names.upstreams.contains(name.get_ref()) => (None, 80),
        None => {
            let message = format!("there is no upstream `{}`", name.get_ref());
            section.problems.unknown(name.span(), message, name.get_ref(), &words(&names.upstreams));
            (None, 80)
        }
    }
}

/// Reads `link`. `None`: it is wrong, and more that could be reported about it would only follow from that.
fn link(section: &Section<'_>) -> Option<Link> {
    let found = section.problems.count();
    let Some(section) = section.section("link") else {
        return (section.problems.count() == found).then_some(Link::default());
    };
    let link = Link {
        delay_us: section.get_or("delay", Micros::default()).0,
        loss_ppm: section.get_or("loss", Ppm::default()).0,
        reorder_ppm: section.get_or("reorder", Ppm::default()).0,
        by: section.get("by"),
    };
    let right = section.problems.count() == found;
    section.finish();
    right.then(|| check_link(&section, link)).map(|()| link)
}

fn check_link(section: &Section<'_>, link: Link) {
    if link.by.is_some() && link.is_plain() {
        let hint = "`by` is for a link with `delay`, `loss` or `reorder`";
        section.problems.report_with_hint(section.span(), "this link does nothing to packets", "without effect", hint);
    }
    if link.reorder_ppm > 0 && link.delay_us == 0 {
        let hint = "give it a `delay`: those of `reorder` are not delayed, and so overtake the others";
        section.problems.report_with_hint(section.span(), "without delay nothing can be overtaken", "no delay", hint);
    }
}

fn visit(section: &Section<'_>, at: At, link: Option<Link>) -> Option<Visit> {
    let (speech, http) = visiting::speech(section);
    visiting::check_together(section, speech, at);
    let keep_alive = section.get_or("keep-alive", http == Http::V1_1);
    let (paths, pauses_us) = requests::paths(section);
    let patience_us = section.get_or("timeout", SomeTime(5_000_000)).0;
    let visit = Visit {
        speech,
        http,
        keep_alive,
        paths,
        pauses_us,
        patience_us,
        flights: false,
        source_port: None,
        older_sequence: false,
        recverr: speech == Speech::Udp && section.get_or("receive-errors", false),
        leave: Leave::ClientCloses,
    };
    if speech != Speech::Http {
        // There is no connection to close: `close` is an unknown key here.
        return Some(visit);
    }
    let flights = requests::flights(section, link);
    let source_port = section.get("source-port").map(|Port(port)| port);
    let older_sequence = requests::older_sequence(section);
    let leave = section.value("close");
    if leave.is_none() {
        let message = format!("`close` is missing in `{}`", section.path());
        let hint = r#"which side closes? for example `close = "client"`"#;
        section.problems.report_with_hint(section.span(), message, "in this table", hint);
    }
    let leave_value = leave?;
    let leave = closing(leave_value, section)?;
    if keep_alive && matches!(leave, Leave::ServerCloses | Leave::LateDuplicate { .. }) {
        section.problems.report_with_hint(
            leave_value.span(),
            "the server does not close a connection that is kept alive",
            "needs the server to close first",
            "say `keep-alive = false`, or `protocol = \"HTTP/1.0\"`",
        );
    }
    visiting::check_leave(section, leave_value, leave, at);
    Some(Visit { flights, source_port, older_sequence, leave, ..visit })
}

const CLOSES: &[&str] = &["client", "server", "reset", "vanish", "never", "late-duplicate"];

/// Reads `close = "reset"`, or with particulars `close.late-duplicate = { of = "ack", after = "30 s" }`.
fn closing(value: &Value<'_>, section: &Section<'_>) -> Option<Leave> {
    let problems = section.problems;
    match value.get_ref() {
        DeValue::String(word) => plain(word, value, problems),
        DeValue::Table(_) => {
            let table = Section::of(value, format!("{}.close", section.path()), problems)?;
            let leave = particular(&table);
            table.finish();
            if leave.is_none() && table.keys().is_empty() {
                problems.report(value.span(), "`close` does not say how", "empty");
            }
            leave
        }
        other => {
            let message = format!("expected a way to close, found {}", a_kind(other));
            problems.report(value.span(), message, "should be a string or a table");
            None
        }
    }
}

fn plain(word: &str, value: &Value<'_>, problems: &Problems) -> Option<Leave> {
    match word {
        "client" => Some(Leave::ClientCloses),
        "server" => Some(Leave::ServerCloses),
        "reset" => Some(Leave::Reset),
        "vanish" => Some(Leave::Vanish { after_request: false }),
        "never" => Some(Leave::Stay),
        "late-duplicate" => {
            let hint = r#"for example `close.late-duplicate = { of = "ack", after = "30 s" }`"#;
            let message = "`late-duplicate` needs to know of what and when";
            problems.report_with_hint(value.span(), message, "particulars missing", hint);
            None
        }
        other => {
            problems.unknown(value.span(), format!("unknown way to close `{other}`"), other, CLOSES);
            None
        }
    }
}

fn particular(table: &Section<'_>) -> Option<Leave> {
    let late = table.section("late-duplicate").and_then(|late| {
        let of = late.need::<Spanned<String>>("of", r#""ack""#);
        let after = late.need::<Micros>("after", r#""30 s""#);
        late.finish();
        Some(Leave::LateDuplicate { of: duplicate(&of?, late.problems)?, after_us: after?.0 })
    });
    let vanish = table.section("vanish").map(|vanish| {
        let after_request = vanish.get_or("after-request", false);
        vanish.finish();
        Leave::Vanish { after_request }
    });
    late.or(vanish)
}

fn duplicate(of: &Spanned<String>, problems: &Problems) -> Option<Duplicate> {
    match of.get_ref().as_str() {
        "ack" => Some(Duplicate::Ack),
        "request" => Some(Duplicate::Request),
        other => {
            problems.unknown(of.span(), format!("nothing called `{other}` is duplicated"), other, &["ack", "request"]);
            None
        }
    }
}
