//! Reads what most clients do not do: they send or read in pieces, wait for no answer, have several datagrams on the way,
//! or a packet comes in their name.

use super::{
    section::Section,
    values::{Body, Offset, SomeTime},
    visiting::Site,
};
use toml::Spanned;
use tunelab_protocol::{Close, Injected, Pace, Packet, Protocol, Visit};

/// The longest request that is one packet everywhere, in bytes after its first line.
const ONE_PACKET: u64 = 1000;
/// The most connections of a pool: an address has so many ports.
const MOST_POOLED: u32 = 65_535;

/// Reads `send`, `read`, `wait` and `inject`.
pub fn of_http(section: &Section<'_>, visit: Visit, flights: bool, site: Site) -> Visit {
    let (sends, reads) = (pace(section, "send"), pace(section, "read"));
    let ignores_answers = !section.get_or("wait", true);
    let longest = visit.paths.iter().map(|path| visit.request_bytes(path)).max().unwrap_or_default();
    if sends.is_some_and(|pace| pace.bytes >= longest) {
        section.refuse(&["send"], "each of their requests is one piece");
    }
    let injected = inject(section, &visit, site);
    if visit.protocol == Protocol::Https {
        section.refuse(&["send", "read"], "OpenSSL sends and reads for them");
        section.refuse(&["wait"], "only an answer tells them how their connection ends");
    }
    if reads.is_some() && flights {
        section.refuse(&["flights"], "they read an answer when it is time, not when it comes");
    }
    if visit.protocol == Protocol::Tcp {
        section.refuse(&["read"], "it is not known where an answer ends");
    }
    if ignores_answers {
        check_without_answers(section, visit.close);
    }
    if matches!(visit.close, Close::Pool { .. }) {
        check_pool(section, &visit, site);
    }
    Visit { sends, reads, ignores_answers, injected, ..visit }
}

/// Reports what is only for clients that wait for answers.
fn check_without_answers(section: &Section<'_>, close: Close) {
    section.refuse(&["flights", "read"], "they wait for no answer");
    let timeouts = section.value("timeout").filter(|value| value.get_ref().as_table().is_some());
    if !matches!(close, Close::Server | Close::LateDuplicate { .. }) && timeouts.is_some() {
        section.section("timeout").iter().for_each(|table| table.refuse(&["response"], "they wait for no answer"));
    }
    if matches!(close, Close::Half | Close::Pool { .. } | Close::Vanish { after_request: true }) {
        let hint = "it is about the last answer; with `wait = false` none is read";
        let message = "clients that wait for no answer do not close so";
        section.problems.report_with_hint(section.span_of("close"), message, "without effect", hint);
    }
}

/// Reads `close.pool = { size = 4, idle = "60 s" }`.
pub fn pool(table: &Section<'_>) -> Option<Close> {
    let size = table.need::<Spanned<u32>>("size");
    let idle_us = table.get::<SomeTime>("idle").map(|time| time.0);
    table.finish();
    let size = size?;
    if !(1..=MOST_POOLED).contains(size.get_ref()) {
        let message = format!("a pool has 1 to {MOST_POOLED} connections");
        table.problems.report(size.span(), message, "out of range");
    }
    Some(Close::Pool { size: size.into_inner(), idle_us })
}

/// Reports what connections that are shared do not have.
fn check_pool(section: &Section<'_>, visit: &Visit, site: Site) {
    let refuse = |message: &str, hint| {
        section.problems.report_with_hint(section.span_of("close"), message, "without effect", hint);
    };
    section.refuse(&["source-port", "sequence"], "each connection of a pool has a port of its own");
    if visit.protocol == Protocol::Https {
        refuse("clients that speak HTTPS share no connections", "each has an OpenSSL of its own");
    } else if !visit.keep_alive {
        refuse("a connection that is not kept alive goes into no pool", "`protocol = \"HTTP/1.1\"` keeps them");
    } else if !site.one_address {
        refuse("clients with addresses of their own share no connections", "one address: `addresses = \"10.1.0.7\"`");
    }
}

/// Reads `in-flight`: how many datagrams of a visit that asks so often wait for their answers at once.
pub fn in_flight(section: &Section<'_>, asked: usize) -> u32 {
    let Some(most) = section.get::<Spanned<u32>>("in-flight") else { return 1 };
    let refuse = |message: &str, hint| section.problems.report_with_hint(most.span(), message, "without effect", hint);
    match most.get_ref() {
        0 => refuse("at least one datagram is on the way", "1 is the default"),
        1 => {}
        _ if asked == 1 => refuse("one datagram alone has none beside it", "`times = 10`, or a list of paths or names"),
        _ => section.refuse(&["pause"], "the next datagram is sent once one is answered"),
    }
    most.into_inner()
}

/// Reads `{ bytes = "100 B", every = "1 s" }`.
fn pace(section: &Section<'_>, key: &'static str) -> Option<Pace> {
    let table = section.section(key)?;
    let bytes = table.need::<Spanned<Body>>("bytes");
    let every = table.need::<SomeTime>("every");
    table.finish();
    let bytes = bytes?;
    if bytes.get_ref().0 == 0 {
        section.problems.report(bytes.span(), "a piece has at least one byte", "should be above zero");
    }
    Some(Pace { bytes: bytes.into_inner().0.max(1), every_us: every?.0 })
}

/// Reads `{ packet = "reset", offset = 1000 }`.
fn inject(section: &Section<'_>, visit: &Visit, site: Site) -> Option<Injected> {
    let table = section.section("inject")?;
    let word = table.need::<Spanned<String>>("packet");
    let offset = table.get_or("offset", Offset(0)).0;
    table.finish();
    let word = word?;
    let known_words = Packet::WORDS.map(|(known, _)| known);
    let Some((_, packet)) = Packet::WORDS.into_iter().find(|(known, _)| known == word.get_ref()) else {
        let message = format!("no packet is called `{}`", word.get_ref());
        section.problems.unknown(word.span(), message, word.get_ref(), &known_words);
        return None;
    };
    if let Some(why) = unseen(site).or_else(|| unsuitable(visit, packet)) {
        section.refuse(&["inject"], why);
    }
    Some(Injected { packet, offset })
}

/// Returns why the packets of such clients cannot be captured on their way out.
fn unseen(site: Site) -> Option<&'static str> {
    match site {
        Site { on_a_host: true, .. } => Some("the packets of a host are its own"),
        Site { ipv6: true, .. } => Some("only packets of IPv4 are sent in a client's name"),
        _ => None,
    }
}

/// Returns why there is no such packet in this visit.
fn unsuitable(visit: &Visit, packet: Packet) -> Option<&'static str> {
    if matches!(visit.close, Close::LateDuplicate { .. }) {
        return Some("`close.late-duplicate` says which packet comes again");
    }
    let length = visit.method.body_bytes() + visit.paths.first().map_or(0, |path| path.len() as u64);
    match packet {
        Packet::Request if visit.protocol == Protocol::Https => Some("a connection's first data is the handshake's"),
        Packet::Request if length > ONE_PACKET => Some("a request of more than 1 kB is more than one packet"),
        _ => None,
    }
}
