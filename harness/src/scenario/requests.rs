//! What one visitor asks for on its connection, and when.

use super::{
    section::Section,
    units::Micros,
    values::{OneOrMany, text},
    visiting,
};
use tunelab_protocol::Link;

/// What is asked for, and the pauses between. One pause is between any two; of several each is followed by a request, and
/// what is asked for begins again where it ends.
pub fn paths(section: &Section<'_>) -> (Vec<String>, Vec<u64>) {
    let paths = section.get("get").map_or(vec!["/".to_owned()], |OneOrMany(paths)| paths);
    let paths = vec![paths; visiting::times(section)].concat();
    let OneOrMany(pauses) = section.get("pause").unwrap_or(OneOrMany(vec![Micros::default()]));
    let pauses: Vec<u64> = pauses.into_iter().map(|pause: Micros| pause.0).collect();
    let asked = if pauses.len() > 1 { pauses.len() + 1 } else { paths.len() };
    let gaps = asked.saturating_sub(1);
    (paths.into_iter().cycle().take(asked).collect(), pauses.into_iter().cycle().take(gaps).collect())
}

/// `flights = true`: half a round trip, by which they are told apart, is the link's delay.
pub fn flights(section: &Section<'_>, link: Link) -> bool {
    let flights = section.get_or("flights", false);
    if flights && link.delay_us == 0 {
        let hint = "for example `link = { delay = \"50 ms\" }`";
        let message = format!("without a delay the answers of `{}` have no flights", section.path());
        section.problems.report_with_hint(section.span(), message, "in this table", hint);
    }
    flights
}

/// `sequence = "older"`: each connection begins with an older number than the one before it, and not with the kernel's.
pub fn older_sequence(section: &Section<'_>) -> bool {
    let Some(value) = section.value("sequence") else { return false };
    let word = text(value, section.problems, "`older`");
    if let Some(other) = word.filter(|word| *word != "older") {
        section.problems.unknown(value.span(), format!("no connection begins `{other}`"), other, &["older"]);
    }
    word.is_some()
}
