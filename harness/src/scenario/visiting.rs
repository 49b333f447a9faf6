//! Reads where clients are and which protocol they speak: `at = "server"`, `protocol = "UDP"`; and checks what of it
//! goes together.

use super::{
    problems::Problems,
    section::{Read, Section, Value},
    values::text,
};
use std::net::Ipv4Addr;
use toml::Spanned;
use tunelab_protocol::{At, Http, Leave, LinkBy, Speech, Subnet};

const PLACES: &[(&str, At)] = &[("behind-a-route", At::BehindARoute), ("on-link", At::OnLink), ("server", At::Server)];

const LINKS: [LinkBy; 2] = [LinkBy::Netem, LinkBy::Agent];

impl Read for LinkBy {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "`netem` or `agent`")?;
        let found = LINKS.into_iter().find(|by| by.word() == word);
        if found.is_none() {
            let known = LINKS.map(LinkBy::word);
            problems.unknown(value.span(), format!("`{word}` makes no networks"), word, &known);
        }
        found
    }
}

impl Read for At {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "`behind-a-route`, `on-link` or `server`")?;
        let found = PLACES.iter().find(|(known, _)| *known == word).map(|(_, at)| *at);
        if found.is_none() {
            let known: Vec<&str> = PLACES.iter().map(|(known, _)| *known).collect();
            problems.unknown(value.span(), format!("unknown place `{word}`"), word, &known);
        }
        found
    }
}

/// Reads where an upstream is. It is not on the server: an upstream has a namespace of its own.
pub fn of_an_upstream(section: &Section<'_>) -> At {
    let Some(at) = section.get::<Spanned<At>>("at") else { return At::default() };
    if *at.get_ref() == At::Server {
        let hint = "what listens on the server is a `[backend.x]`";
        section.problems.report_with_hint(at.span(), "an upstream is not on the server", "not here", hint);
    }
    at.into_inner()
}

/// Returns the subnet of clients at the server: they have its address.
pub fn own_subnet(section: &Section<'_>, server: Ipv4Addr) -> Spanned<Subnet> {
    Spanned::new(section.span(), Subnet::one(server))
}

/// Reads `protocol`; the version matters to HTTP only.
pub fn speech(section: &Section<'_>) -> (Speech, Http) {
    let spoken = section.get_or("protocol", Spoken(Speech::Http, Http::V1_1));
    (spoken.0, spoken.1)
}

struct Spoken(Speech, Http);

const SPOKEN: &[(&str, Speech, Http)] = &[
    ("HTTP/1.0", Speech::Http, Http::V1_0),
    ("HTTP/1.1", Speech::Http, Http::V1_1),
    ("SYN", Speech::Syn, Http::V1_1),
    ("UDP", Speech::Udp, Http::V1_1),
    ("UDP6", Speech::Udp6, Http::V1_1),
    ("RAW6", Speech::Raw6, Http::V1_1),
    ("ICMP", Speech::Icmp, Http::V1_1),
];

impl Read for Spoken {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "`HTTP/1.0`, `HTTP/1.1`, `SYN`, `UDP`, `UDP6`, `RAW6` or `ICMP`")?;
        let found = SPOKEN.iter().find(|(known, ..)| *known == word);
        if found.is_none() {
            let known: Vec<&str> = SPOKEN.iter().map(|(known, ..)| *known).collect();
            problems.unknown(value.span(), format!("unknown protocol `{word}`"), word, &known);
        }
        found.map(|(_, speech, http)| Spoken(*speech, *http))
    }
}

/// Reads how often the list of paths is gone through.
pub fn times(section: &Section<'_>) -> usize {
    let Some(times) = section.get::<Spanned<u16>>("times") else { return 1 };
    if *times.get_ref() == 0 {
        section.problems.report(times.span(), "a visit asks at least once", "should be above zero");
    }
    usize::from(times.into_inner()).max(1)
}

/// Reports combinations that are not possible: a flood needs addresses that answer nothing, and the server's address
/// answers; no site has IPv6.
pub fn check_together(section: &Section<'_>, speech: Speech, at: At) {
    if speech == Speech::Syn && at == At::Server {
        let hint = "give them a `subnet` instead of `at = \"server\"`";
        section.problems.report_with_hint(section.span(), "the server does not flood itself", "in this table", hint);
    }
    if speech.is_ipv6() && at != At::Server {
        let hint = "`at = \"server\"`: it is about the server's own routes";
        section.problems.report_with_hint(section.span(), "only the server speaks IPv6", "in this table", hint);
    }
}

/// Reports a way to close that is not possible: an address can vanish only if it is not the server's, and if it is not
/// needed again; an upstream never closes.
pub fn check_leave(section: &Section<'_>, value: &Value<'_>, leave: Leave, at: At) {
    let vanishes = matches!(leave, Leave::Vanish { .. } | Leave::LateDuplicate { .. });
    if vanishes && section.value("source-port").is_some() {
        let hint = "clients with a `source-port` are one client, whose address is gone after it vanished once";
        section.problems.report_with_hint(
            value.span(),
            "a client that vanished does not come back",
            "without effect",
            hint,
        );
    }
    if section.value("upstream").is_some() && matches!(leave, Leave::ServerCloses | Leave::LateDuplicate { .. }) {
        let hint = "\"client\", \"reset\", \"vanish\" and \"never\" are possible there";
        section.problems.report_with_hint(
            value.span(),
            "an upstream never closes a connection",
            "without effect",
            hint,
        );
    }
    if at == At::Server && vanishes {
        let hint = "\"client\", \"server\", \"reset\" and \"never\" are possible there";
        section.problems.report_with_hint(value.span(), "the server cannot vanish", "not at the server", hint);
    }
}
