//! Reads what one client requests on its connection, and when.

use super::{
    section::{Read, Section},
    units::Micros,
    values::{HostName, OneOrMany, Payload, RequestPath, text},
    visiting,
};
use tunelab_protocol::Protocol;

/// The most requests of one visit: more need several visits.
const MOST: usize = 10_000;
/// The most characters of all paths of one visit together.
const MOST_CHARACTERS: usize = 1_000_000;

/// Returns the paths that are requested, and the pauses between the requests in microseconds. A single pause lies
/// between any two requests. In a list each pause is followed by a request, and when the paths run out they begin
/// again. Queries are for names.
pub fn paths(section: &Section<'_>, protocol: Protocol) -> (Vec<String>, Vec<u64>) {
    let found = section.problems.count();
    let paths: Vec<String> = match protocol {
        Protocol::Dns => {
            section.refuse(&["path", "text"], "a query is for a `name`");
            some(section, "name", HostName("example.test".into())).into_iter().map(|name| name.0).collect()
        }
        Protocol::Tcp => {
            section.refuse(&["path", "name"], "clients of TCP send a `text`");
            some(section, "text", Payload(String::new())).into_iter().map(|text| text.0).collect()
        }
        _ => {
            section.refuse(&["name"], "it is for queries: `protocol = \"DNS\"`");
            section.refuse(&["text"], "it is for `protocol = \"TCP\"`");
            some(section, "path", RequestPath("/".into())).into_iter().map(|path| path.0).collect()
        }
    };
    let once = paths.len() * visiting::times(section);
    let pauses: Vec<u64> = some(section, "pause", Micros::default()).into_iter().map(|pause| pause.0).collect();
    let listed = section.value("pause").is_some_and(|pause| pause.get_ref().as_array().is_some());
    let asked = if listed { pauses.len() + 1 } else { once };
    if section.problems.count() == found {
        check_pauses(section, listed, once, asked);
    }
    if asked > MOST {
        let message = format!("a visit of `{}` asks {asked} times, more often than {MOST}", section.path());
        section.problems.report(section.span(), message, "in this table");
    }
    let characters = paths.iter().map(String::len).sum::<usize>() / paths.len() * asked;
    if characters > MOST_CHARACTERS {
        let message = format!("the paths that a visit of `{}` asks for are {characters} characters", section.path());
        section.problems.report(section.span(), message, "more than a million");
    }
    let asked = if characters > MOST_CHARACTERS { 1 } else { asked.min(MOST) };
    let gaps = asked.saturating_sub(1);
    (paths.into_iter().cycle().take(asked).collect(), pauses.into_iter().cycle().take(gaps).collect())
}

/// Reports a pause without effect: a pause needs a request on either side, and a list of pauses says how many requests
/// there are.
fn check_pauses(section: &Section<'_>, listed: bool, once: usize, asked: usize) {
    let Some(pause) = section.value("pause") else { return };
    let refuse = |message: &str, hint| section.problems.report_with_hint(pause.span(), message, "without effect", hint);
    if !listed && once == 1 {
        refuse(
            "`pause` has no effect: there is only one request",
            "`pause = [\"1 s\"]` is followed by a second request",
        );
    } else if listed && section.value("times").is_some() {
        refuse(
            "a list of pauses says how many requests there are, and so does `times`",
            "give `times` and one pause, or the list alone",
        );
    } else if asked < once {
        refuse(
            &format!("the pauses are enough for {asked} of the {once} requests"),
            "each pause of a list is followed by one request",
        );
    }
}

/// Reads one value or many of a key. An empty array has none, which is a mistake; the default then stands in.
fn some<T: Read + Clone>(section: &Section<'_>, key: &'static str, default: T) -> Vec<T> {
    section.filled(key);
    section.get(key).map(|OneOrMany(many)| many).filter(|many| !many.is_empty()).unwrap_or(vec![default])
}

/// Reads `sequence = "older"`: each connection begins with an older sequence number than the one before it, and not
/// with the kernel's.
pub fn older_sequence(section: &Section<'_>) -> bool {
    let Some(value) = section.value("sequence") else { return false };
    let word = text(value, section.problems, "`older`");
    if let Some(other) = word.filter(|word| *word != "older") {
        section.problems.unknown(value.span(), format!("unknown sequence `{other}`"), other, &["older"]);
    }
    word.is_some()
}
