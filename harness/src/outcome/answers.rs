//! Metrics of answers that are reported with their flights.

use super::record::Record;
use crate::scenario::{OfAnswers, Rank, Where};
use tunelab_protocol::{Answer, Event};

/// Returns the metric over all answers that it is about; times are in milliseconds.
pub fn value(record: &Record, about: &Where, of: OfAnswers) -> Option<u64> {
    let answers: Vec<&Answer> = answers(record, about).collect();
    let all = |read: fn(&Answer) -> Option<u64>| answers.iter().filter_map(move |answer| read(answer));
    match of {
        OfAnswers::Took(rank) => by(rank, all(|a| Some(a.took_us))).map(ms),
        OfAnswers::RoundTrips(rank) => by(rank, all(|a| Some(a.flights.len() as u64))),
        OfAnswers::ServerRto(rank) => by(rank, all(|a| a.server_rto_ms)),
        OfAnswers::FlightBytes(number) => answers.iter().filter_map(|a| flight(a, number)).min(),
        OfAnswers::FlightSegments(number) => {
            answers.iter().filter_map(|a| Some(flight(a, number)?.div_ceil(u64::from(a.mss.max(1))))).min()
        }
        OfAnswers::ServerWindow(rank) => by(rank, all(|a| a.sent_with_cwnd.map(u64::from))),
        OfAnswers::PauseFalls => falls_us(&answers).map(ms),
        OfAnswers::PauseHolds => {
            let falls = falls_us(&answers).unwrap_or(u64::MAX);
            answers.iter().map(|a| a.paused_us).filter(|paused| *paused < falls).max().map(ms)
        }
    }
}

fn answers<'a>(record: &'a Record, about: &'a Where) -> impl Iterator<Item = &'a Answer> {
    let rounds = record.events.iter().filter_map(move |stamped| match &stamped.event {
        Event::Round { phase, clients, answers, .. } if about.includes(phase, clients) => Some(answers),
        _ => None,
    });
    rounds.flatten().filter(|answer| about.after_pause_us.is_none_or(|pause| pause == answer.paused_us))
}

fn flight(answer: &Answer, number: u32) -> Option<u64> {
    answer.flights.get(number.checked_sub(1)? as usize).copied()
}

/// Returns the shortest pause, in microseconds, after which an answer was sent with a smaller window than the server
/// had before.
fn falls_us(answers: &[&Answer]) -> Option<u64> {
    let fell = |a: &&&Answer| a.server_cwnd.zip(a.sent_with_cwnd).is_some_and(|(before, sent)| sent < before);
    answers.iter().filter(fell).map(|a| a.paused_us).min()
}

fn by(rank: Rank, values: impl Iterator<Item = u64>) -> Option<u64> {
    match rank {
        Rank::Shortest => values.min(),
        Rank::Longest => values.max(),
    }
}

fn ms(us: u64) -> u64 {
    (us + 500) / 1000
}
