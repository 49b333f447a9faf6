//! Reads which protocol clients speak (`protocol = "UDP"`), and checks what of it goes together.

use super::{
    problems::Problems,
    section::{Read, Section, Value},
    values::text,
};
use toml::Spanned;
use tunelab_protocol::{Close, Duplicate, Http, LinkBy, Protocol, Visit};

const LINKS: [LinkBy; 2] = [LinkBy::Netem, LinkBy::Agent];

impl Read for LinkBy {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "`netem` or `agent`")?;
        let found = LINKS.into_iter().find(|by| by.word() == word);
        if found.is_none() {
            let known = LINKS.map(LinkBy::word);
            problems.unknown(value.span(), format!("`{word}` cannot make links"), word, &known);
        }
        found
    }
}

/// Reads `protocol`; the version matters to HTTP only. `None`: it was refused.
pub fn protocol(section: &Section<'_>) -> Option<(Protocol, Http)> {
    let Some(value) = section.value("protocol") else { return Some((Protocol::Http, Http::V1_1)) };
    Spoken::read(value, section.problems).map(|Spoken(protocol, http)| (protocol, http))
}

struct Spoken(Protocol, Http);

impl Read for Spoken {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "a protocol such as `HTTP/1.1` or `UDP`")?;
        let found = Protocol::WORDS.iter().find(|(known, ..)| *known == word);
        if found.is_none() {
            problems.unknown(value.span(), format!("unknown protocol `{word}`"), word, &Protocol::NAMES);
        }
        found.map(|(_, protocol, http)| Spoken(*protocol, *http))
    }
}

/// Reads how often the list of paths is gone through.
pub fn times(section: &Section<'_>) -> usize {
    let Some(times) = section.get::<Spanned<u16>>("times") else { return 1 };
    if *times.get_ref() == 0 {
        section.problems.report(
            times.span(),
            "`times` is 0, and a visit has at least one request",
            "should be above zero",
        );
    }
    usize::from(times.into_inner()).max(1)
}

/// Reports combinations that are not possible: a flood needs addresses that answer nothing, and a host's address answers.
pub fn check_together(section: &Section<'_>, protocol: Protocol, on_a_host: bool) {
    if protocol == Protocol::Syn && on_a_host {
        let hint = "`from` a network, with `addresses` of their own";
        section.problems.report_with_hint(
            section.span(),
            "clients that speak SYN cannot be on a host: its address would answer",
            "in this table",
            hint,
        );
    }
    if protocol.is_beyond() && !on_a_host {
        let hint = "`from = \"server\"`: it is about the server's own routes";
        section.problems.report_with_hint(
            section.span(),
            "clients with this protocol have to be on a host",
            "in this table",
            hint,
        );
    }
}

/// Where clients are.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    pub on_a_host: bool,
    pub ipv6: bool,
    /// All of them have the same address.
    pub one_address: bool,
}

/// Reports a way to close that is not possible: an address can vanish only if it is not a host's, and an old packet
/// comes once it is gone for good.
pub fn check_close(section: &Section<'_>, value: &Value<'_>, close: Close, site: Site) {
    let late = matches!(close, Close::LateDuplicate { .. });
    if late && section.value("source-port").is_some() {
        let hint = "clients with a `source-port` are one client, which comes back: `close = \"vanish\"` is possible";
        let message = "a client that comes back has no late duplicate";
        section.problems.report_with_hint(value.span(), message, "without effect", hint);
    }
    if site.on_a_host && close.vanishes() {
        let hint = "\"client\", \"half\", \"server\", \"reset\" and \"never\" are possible there";
        section.problems.report_with_hint(value.span(), "a host cannot vanish", "not on a host", hint);
    }
}

/// Reports what the agent does with packets of IPv4 alone, for clients whose target has an IPv6 address: it makes and
/// captures such packets itself, and finds the server's socket in /proc/net/tcp.
pub fn check_ipv6(section: &Section<'_>, visit: &Visit, flights: bool) {
    let refuse = |key: &'static str, what: &str| {
        let hint = "give these clients IPv4 `addresses` and a target with one";
        section.problems.report_with_hint(section.span_of(key), what, "not over IPv6", hint);
    };
    if matches!(visit.protocol, Protocol::Syn | Protocol::Icmp) {
        refuse("protocol", "clients with this protocol speak IPv4 alone");
    }
    if flights {
        refuse("flights", "`flights` has no effect over IPv6");
    }
    if matches!(visit.close, Close::LateDuplicate { .. }) {
        refuse("close", "a packet of IPv6 is not duplicated");
    }
}

/// Reports what needs to know which packet has which part of HTTP: only OpenSSL does.
pub fn check_encrypted(section: &Section<'_>, value: &Value<'_>, close: Close) {
    section.refuse(&["flights"], "an answer is seen only once OpenSSL has decrypted it");
    let (why, hint) = match close {
        Close::Vanish { after_request: true } => {
            ("only OpenSSL knows when a request was sent", "`close = \"vanish\"` is after the answer")
        }
        Close::Half => ("TLS says by itself that no more is sent", "`close = \"client\"` closes after the answer"),
        Close::LateDuplicate { of: Duplicate::Request, .. } => {
            ("a connection's first data is the handshake's", "`of = \"ack\"` is possible")
        }
        _ => return,
    };
    let message = format!("clients that speak HTTPS cannot close like this: {why}");
    section.problems.report_with_hint(value.span(), message, "not with HTTPS", hint);
}
