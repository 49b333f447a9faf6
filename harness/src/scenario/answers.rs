//! Measures of how answers came: of clients who tell of flights.

use super::{
    measures::Known,
    model::{OfAnswers, Rank},
    section::Section,
    values::text,
};

/// All the keys of this kind that a `[measure.x]` has.
pub fn of(section: &Section<'_>, known: &Known<'_>) -> Vec<OfAnswers> {
    let rank = |key| section.get::<Rank>(key);
    let flight = |key| section.get::<u32>(key);
    let found: Vec<OfAnswers> = [
        rank("answer").map(OfAnswers::Took),
        rank("round-trips").map(OfAnswers::RoundTrips),
        rank("server-rto").map(OfAnswers::ServerRto),
        rank("server-window").map(OfAnswers::ServerWindow),
        flight("flight-bytes").map(OfAnswers::FlightBytes),
        flight("flight-segments").map(OfAnswers::FlightSegments),
        pause(section),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !found.is_empty() && !known.names.flights {
        let message = format!("nobody tells of flights, which `{}` is about", section.path());
        let hint = "add `flights = true` to the clients that are meant";
        section.problems.report_with_hint(section.span(), message, "in this table", hint);
    }
    if found.iter().any(|of| matches!(of, OfAnswers::FlightBytes(0) | OfAnswers::FlightSegments(0))) {
        section.problems.report(
            section.span(),
            format!("the first flight of `{}` is 1", section.path()),
            "counts from 0",
        );
    }
    found
}

fn pause(section: &Section<'_>) -> Option<OfAnswers> {
    let value = section.value("pause")?;
    match text(value, section.problems, "`holds` or `falls`")? {
        "holds" => Some(OfAnswers::PauseHolds),
        "falls" => Some(OfAnswers::PauseFalls),
        other => {
            let message = format!("a window neither stays nor goes by `{other}`");
            section.problems.unknown(value.span(), message, other, &["holds", "falls"]);
            None
        }
    }
}
