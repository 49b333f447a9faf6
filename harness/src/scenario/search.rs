//! Reads `[phase.search]`: which rate of clients is sustained. Each rate is held for a while, and its outcome decides
//! the next one.

use super::{
    known::Known,
    section::Section,
    units::{Micros, Ppm, Rate, Scale},
    values::SomeTime,
};
use toml::Spanned;
use tunelab_protocol::{Arrivals, Phase, Search};

/// The most clients of a trial.
const MOST: u128 = 1_000_000;

/// Reads the search of a phase, and returns the phase; `None` if something in it is wrong.
pub fn phase(section: &Section<'_>, name: Option<String>, known: &Known<'_>) -> Option<Phase> {
    let clients = section.need::<Spanned<String>>("clients");
    let lasts = section.need::<SomeTime>("for");
    let rest = section.get_or("rest", Micros::default());
    let found = section.problems.count();
    let between = section.need::<Spanned<Vec<Rate>>>("between");
    let between = between.filter(|_| section.problems.count() == found);
    let to_ppm = section.get_or("to", Ppm(20_000)).0;
    section.finish();
    if let Some(clients) = clients.as_ref().filter(|clients| !known.clients.contains(clients.get_ref())) {
        let message = format!("there are no clients `{}`", clients.get_ref());
        let known: Vec<&str> = known.clients.iter().map(String::as_str).collect();
        section.problems.unknown(clients.span(), message, clients.get_ref(), &known);
    }
    // Wrong rates are a mistake of their own, whatever else is wrong.
    let rates =
        between.zip(lasts.as_ref()).map(|(between, lasts)| search(&between, (to_ppm, lasts.0), known.scale, section));
    let (name, clients, lasts, search) = (name?, clients?, lasts?, rates??);
    if !known.clients.contains(clients.get_ref()) {
        return None;
    }
    let first = Arrivals {
        clients: clients.into_inner(),
        count: 0,
        after_us: 0,
        spacing_us: 0,
        at_once: 0,
        rounds: None,
        each_time: false,
    };
    let every_us = lasts.0 + rest.0;
    let phase = Phase { name, rounds: 0, every_us, changes: Vec::new(), search: None, arrivals: vec![first] };
    Some(phase.with_search(search))
}

/// Returns a search with the rates of `between`; `None` if they are wrong, which is reported.
fn search(
    between: &Spanned<Vec<Rate>>,
    (to_ppm, lasts_us): (u32, u64),
    scale: Scale,
    section: &Section<'_>,
) -> Option<Search> {
    let rates = between.get_ref().iter().map(|rate| u32::try_from(rate.per_1000_s()).unwrap_or(u32::MAX));
    let rates: Vec<u32> = rates.collect();
    if let Some(message) = rates.iter().find_map(|rate| scale.misfits(*rate)) {
        let message = format!("{message} (in 1000 s)");
        section.problems.report_with_hint(between.span(), message, "not such rates", Scale::HINT);
        return None;
    }
    let (message, label, hint) = match rates[..] {
        [least, most] if 0 < least && least < most && most < u32::MAX => {
            let search = Search { least, most, to_ppm, lasts_us };
            let in_a_run = |rate: u32| u128::from(scale.part(rate));
            let clients = |rate: u32| u128::from(lasts_us) * in_a_run(rate) / 1_000_000_000;
            match (clients(least), clients(most)) {
                (0, _) => (
                    format!("a trial of `{}` is over before a client comes", section.path()),
                    "too low",
                    "`for` is too short for the lowest rate",
                ),
                (_, most) if most > MOST => (
                    format!("`{}` has {most} clients in a trial, more than {MOST}", section.path()),
                    "too high",
                    "`for` is too long for the highest rate",
                ),
                _ => return Some(search),
            }
        }
        _ => {
            let hint = "the lowest and the highest rate: `[\"100/s\", \"1000/s\"]`";
            ("`between` is not two rates, the lower one first".to_owned(), "not two such rates", hint)
        }
    };
    section.problems.report_with_hint(between.span(), message, label, hint);
    None
}
