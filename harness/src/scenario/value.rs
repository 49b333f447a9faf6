//! Reads `value = "max(conntrack.count)"`: a function of a reading, of what clients report, or of a log.

use super::model::{Among, ClientOutcome, Counted, OfAnswers, Rank, Value};
use tunelab_protocol::Outcome;

/// All functions: name, example, and what each gives. The parser, messages and pages know the functions from here.
pub const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("max", "max(conntrack.count)", "the highest reading, or the longest of clients' times"),
    ("min", "min(memory.available_bytes)", "the lowest reading, or the shortest of clients' times"),
    ("first", "first(tcp.inuse)", "the first reading"),
    ("last", "last(tcp.time_wait)", "the last reading"),
    ("delta", "delta(TcpExt.ListenDrops)", "the last reading less the first: for counters"),
    ("ratio", "ratio(cpu.idle_ms / cpu)", "a counter's delta in the deltas of all of its group, in per cent"),
    (
        "count",
        "count(served)",
        "clients with this outcome, lines of a log (`count(log.app, 'text')`), packets or bytes that met firewall rules (`count(rule.packets, '-j DROP')`), or conntrack entries",
    ),
    (
        "duration_above",
        "duration_above(tcp.time_wait, 0)",
        "from the first reading above so much to the last one's end",
    ),
    (
        "time_to",
        "time_to(conntrack.count >= 720)",
        "from the start of the phase, or of the run, to the first such reading",
    ),
    ("percentile", "percentile(connect_time, 50)", "the time that so many per cent of clients did not exceed"),
    ("rate_max", "rate_max(browsers)", "the highest rate of a search at which each client was served"),
];

/// The things that `count` can count besides clients by their outcome, by a status (`502`) or by an error (`ENOBUFS`).
const COUNTED: &[(&str, Counted)] = &[
    ("failed", Counted::Clients(ClientOutcome::Failed)),
    ("log.kernel", Counted::KernelLines(None)),
    ("log.kernel.suppressed", Counted::SuppressedLines),
    ("log.nginx", Counted::NginxLines(None)),
    ("conntrack.full_rounds", Counted::FullRounds),
    ("conntrack.refused_packets", Counted::RefusedPackets),
    ("entry.created", Counted::EntriesCreated),
    ("entry.picked_up", Counted::EntriesPickedUp),
    ("entry.alive", Counted::EntriesAlive),
    ("leaks", Counted::Leaks),
];

/// Why a text is no value.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A word is not known where it stands; `known` are the words that are.
    Unknown { what: &'static str, word: String, known: Vec<&'static str> },
    /// The text does not have the form that its function needs; `example` has it.
    Form { example: &'static str },
}

/// Parses the value of a metric.
pub fn parse(text: &str) -> Result<Value, Wrong> {
    let form = |example| Wrong::Form { example };
    let call =
        text.trim().split_once('(').and_then(|(function, rest)| Some((function.trim(), rest.strip_suffix(')')?)));
    let (function, argument) = call.ok_or(form("max(conntrack.count)"))?;
    let Some((_, example, _)) = FUNCTIONS.iter().find(|(name, ..)| *name == function) else {
        let known = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
        return Err(Wrong::Unknown { what: "function", word: function.to_owned(), known });
    };
    let argument = argument.trim();
    let reading = || is_reading(argument).then(|| argument.to_owned()).ok_or(form(example));
    match function {
        "max" => observed(argument, Rank::Longest).map_or_else(|| reading().map(Value::Max), Ok),
        "min" => observed(argument, Rank::Shortest).map_or_else(|| reading().map(Value::Min), Ok),
        "first" => reading().map(Value::First),
        "last" => reading().map(Value::Last),
        "delta" => reading().map(Value::Delta),
        "ratio" => ratio(argument).ok_or(form(example)),
        "count" => counted(argument).map(Value::Count),
        "duration_above" => {
            bounded(argument, ",").map(|(reading, bound)| Value::DurationAbove { reading, bound }).ok_or(form(example))
        }
        "time_to" => {
            bounded(argument, ">=").map(|(reading, bound)| Value::TimeTo { reading, bound }).ok_or(form(example))
        }
        "percentile" => percentile(argument).ok_or(form(example)),
        _ => is_name(argument).then(|| Value::RateMax(argument.to_owned())).ok_or(form(example)),
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn is_reading(word: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    word.contains('.') && word.split('.').all(|part| !part.is_empty() && part.chars().all(good))
}

/// Returns the value of a metric about what clients report; `None` if the argument is a probe's reading.
fn observed(argument: &str, rank: Rank) -> Option<Value> {
    let answers = |of| Some(Value::Answers(of));
    match (argument, rank) {
        ("connect_time", _) => Some(Value::ConnectTime(Among::Ranks(rank))),
        ("duration", _) => Some(Value::Duration(Among::Ranks(rank))),
        ("entry.life", _) => Some(Value::EntryLife(rank)),
        ("response_time", _) => answers(OfAnswers::Took(rank)),
        ("round_trips", _) => answers(OfAnswers::RoundTrips(rank)),
        ("server.rto", _) => answers(OfAnswers::ServerRto(rank)),
        ("server.cwnd", _) => answers(OfAnswers::ServerWindow(rank)),
        ("pause.window_kept", Rank::Longest) => answers(OfAnswers::PauseHolds),
        ("pause.window_reduced", Rank::Shortest) => answers(OfAnswers::PauseFalls),
        (_, Rank::Shortest) => {
            let (number, what) = argument.strip_prefix("flight[")?.split_once("].")?;
            let number = number.parse().ok().filter(|number| *number > 0)?;
            match what {
                "bytes" => answers(OfAnswers::FlightBytes(number)),
                "segments" => answers(OfAnswers::FlightSegments(number)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Parses `cpu.idle_ms / cpu`.
fn ratio(argument: &str) -> Option<Value> {
    let (part, group) = argument.split_once('/').map(|(part, group)| (part.trim(), group.trim()))?;
    let of_group = part.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
    (is_reading(part) && of_group).then(|| Value::Ratio { part: part.to_owned(), group: group.to_owned() })
}

fn bounded(argument: &str, between: &str) -> Option<(String, u64)> {
    let (reading, bound) = argument.split_once(between).map(|(reading, bound)| (reading.trim(), bound.trim()))?;
    Some((reading.to_owned(), bound.parse().ok()?)).filter(|_| is_reading(reading))
}

fn percentile(argument: &str) -> Option<Value> {
    let (of, percent) = argument.split_once(',').map(|(of, percent)| (of.trim(), percent.trim()))?;
    let among = Among::Percentile(percent.parse().ok().filter(|percent| *percent <= 100)?);
    match of {
        "connect_time" => Some(Value::ConnectTime(among)),
        "duration" => Some(Value::Duration(among)),
        _ => None,
    }
}

/// Parses `served`, `502`, `ENOBUFS`, `log.kernel`, `log.nginx, 'upstream timed out'`.
fn counted(argument: &str) -> Result<Counted, Wrong> {
    if let Some((of, text)) = argument.split_once(',') {
        return with_text(of.trim(), text.trim());
    }
    if ["rule.packets", "rule.bytes"].contains(&argument) {
        return Err(Wrong::Form { example: RULES });
    }
    let errno = argument.len() > 1 && argument.starts_with('E') && argument.chars().all(|c| c.is_ascii_uppercase());
    let status = argument.len() == 3 && argument.chars().all(|c| c.is_ascii_digit());
    if errno || status {
        return Ok(Counted::Clients(ClientOutcome::Named(argument.to_owned())));
    }
    let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.word() == argument);
    let outcome = outcome.map(|outcome| Counted::Clients(ClientOutcome::Is(outcome)));
    let other = || COUNTED.iter().find(|(word, _)| *word == argument).map(|(_, counted)| counted.clone());
    let service = || Some(Counted::ServiceLines(service_of(argument)?, None));
    outcome.or_else(other).or_else(service).ok_or_else(|| {
        let words = Outcome::ALL.map(Outcome::word).into_iter().chain(COUNTED.iter().map(|(word, _)| *word));
        let known = words.chain(["502", "ENOBUFS"]).collect();
        Wrong::Unknown { what: "thing to count", word: argument.to_owned(), known }
    })
}

const RULES: &str = "count(rule.packets, '-j DROP')";

/// Parses `log.nginx, 'upstream timed out'`, `rule.packets, '-j DROP'`.
fn with_text(of: &str, text: &str) -> Result<Counted, Wrong> {
    let example = if of.starts_with("rule.") { RULES } else { "count(log.kernel, 'table full')" };
    let text = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let text = text.filter(|text| !text.is_empty()).map(str::to_owned).ok_or(Wrong::Form { example })?;
    match of {
        "log.kernel" => Ok(Counted::KernelLines(Some(text))),
        "log.nginx" => Ok(Counted::NginxLines(Some(text))),
        "rule.packets" => Ok(Counted::RulePackets(text)),
        "rule.bytes" => Ok(Counted::RuleBytes(text)),
        _ => service_of(of).map(|service| Counted::ServiceLines(service, Some(text))).ok_or(Wrong::Form { example }),
    }
}

/// Parses `log.app`, the log of a service.
fn service_of(log: &str) -> Option<String> {
    log.strip_prefix("log.").filter(|name| is_name(name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_functions_example_is_one() {
        for (name, example, _) in FUNCTIONS {
            assert!(parse(example).is_ok(), "{name}: {example}");
        }
    }

    #[test]
    fn of_what_clients_tell() {
        let some = |text: &str| parse(text).unwrap();
        assert_eq!(some("max(connect_time)"), Value::ConnectTime(Among::Ranks(Rank::Longest)));
        assert_eq!(some("percentile(duration, 99)"), Value::Duration(Among::Percentile(99)));
        assert_eq!(some("min(flight[2].segments)"), Value::Answers(OfAnswers::FlightSegments(2)));
        assert_eq!(some(" count( ENOBUFS ) "), Value::Count(Counted::Clients(ClientOutcome::Named("ENOBUFS".into()))));
        let text = some("count(log.nginx, '(24: Too many, open files)')");
        assert_eq!(text, Value::Count(Counted::NginxLines(Some("(24: Too many, open files)".into()))));
        assert_eq!(some("count(log.app)"), Value::Count(Counted::ServiceLines("app".into(), None)));
        let rule = some("count(rule.bytes, '-p tcp --dport 80, x')");
        assert_eq!(rule, Value::Count(Counted::RuleBytes("-p tcp --dport 80, x".into())));
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "max",
            "max()",
            "max(conntrack)",
            "max(flight[1].bytes)",
            "min(flight[0].bytes)",
            "delta(duration)",
            "ratio(cpu.idle_ms / memory)",
            "duration_above(tcp.orphan)",
            "time_to(tcp.orphan > 3)",
            "percentile(duration, 101)",
            "count(log.nginx, x)",
            "count(log.a b, 'x')",
            "count(rule.packets)",
            "count(rule.packets, '')",
            "count(rules, 'x')",
            "rate_max()",
        ] {
            assert!(matches!(parse(text), Err(Wrong::Form { .. })), "{text}");
        }
        for text in ["most(conntrack.count)", "count(servd)", "count(600x)"] {
            assert!(matches!(parse(text), Err(Wrong::Unknown { .. })), "{text}");
        }
    }

    #[test]
    fn bounds_are_whole_numbers() {
        let time_to = Value::TimeTo { reading: "conntrack.drop".into(), bound: 1 };
        assert_eq!(parse("time_to(conntrack.drop>=1)"), Ok(time_to));
        assert!(parse("time_to(conntrack.drop >= 1 s)").is_err());
    }
}
