//! `[measure.x]`: the numbers that an outcome of this scenario is to have, by names of its own.

use super::{
    answers,
    model::{Among, ByVariant, Measure, Of, Rank},
    names::{Names, words},
    section::{Read, Section, Value},
    units::{Micros, Ppm},
    values::text,
};
use toml::Spanned;
use tunelab_protocol::Phase;

/// What else of the file a measure may name.
pub struct Known<'a> {
    pub names: &'a Names,
    pub phases: &'a [Phase],
}

pub fn measures(root: &Section<'_>, known: &Known<'_>) -> Vec<Measure> {
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        let of = of(&section, known);
        let phase = one_of(&section, "phase", "phase", &known.names.phases);
        let clients = one_of(&section, "clients", "clients", &known.names.clients);
        let within_ppm = by_variant(&section, "within", known.names, |share: Ppm| share.0);
        let least = by_variant(&section, "give-or-take", known.names, |least| least);
        let expected = expected(&section);
        let after_pause_us = section.get::<Micros>("after-pause").map(|pause| pause.0);
        section.finish();
        let (of, own) = (of?, name.get_ref().clone());
        let measure = Measure { name: own, of, phase, clients, expected, after_pause_us, within_ppm, least };
        if measure.of.is_time() != measure.name.ends_with("-ms") {
            let message = format!("`{}` does not say its unit as it should", measure.name);
            let hint = "times are in milliseconds, and their names end in `-ms`; others' do not";
            section.problems.report_with_hint(name.span(), message, "this name", hint);
        }
        Some(measure)
    };
    root.named("measure").into_iter().filter_map(read).collect()
}

/// `60`, or `{ default = 60 }`: exact in the other variants.
pub fn by_variant<T: Read, U: Default>(
    section: &Section<'_>,
    key: &'static str,
    names: &Names,
    of: impl Fn(T) -> U,
) -> ByVariant<U> {
    if !section.value(key).is_some_and(|value| value.get_ref().is_table()) {
        return ByVariant::All(section.get(key).map(of).unwrap_or_default());
    }
    let known = words(&names.variants);
    ByVariant::Of(section.by_name(key, "variant", &known).into_iter().map(|(name, v)| (name, of(v))).collect())
}

/// All keys that say what is measured.
const KEYS: [&str; 21] = [
    "most",
    "least",
    "last",
    "rise",
    "lasts",
    "share",
    "connect",
    "visit",
    "entry-life",
    "fared",
    "lines",
    "reaches",
    "sustains",
    "nginx-says",
    "answer",
    "round-trips",
    "server-rto",
    "server-window",
    "flight-bytes",
    "flight-segments",
    "pause",
];

/// The one key that says what is measured.
fn of(section: &Section<'_>, known: &Known<'_>) -> Option<Of> {
    let reading = |key| {
        let name = section.get::<Spanned<String>>(key)?;
        check_probe(&name, section, known);
        Some(name.into_inner())
    };
    let found: Vec<Of> = [
        reading("most").map(Of::Most),
        reading("least").map(Of::Least),
        reading("last").map(Of::Last),
        reading("rise").map(Of::Rise),
        reading("lasts").map(Of::Lasts),
        reading("share").map(Of::Share),
        section.get("connect").map(Of::Connect),
        section.get("visit").map(Of::Visit),
        section.get("entry-life").map(Of::EntryLife),
        section.get("fared").map(Of::Fared),
        section.get("lines").map(Of::Lines),
        reaches(section, known),
        sustains(section, known).map(Of::Sustains),
        nginx_says(section, known).map(Of::NginxSays),
    ]
    .into_iter()
    .flatten()
    .chain(answers::of(section, known).into_iter().map(Of::Answers))
    .collect();
    // One that is wrong has been reported, and is one all the same.
    let asked = KEYS.iter().filter(|key| section.value(key).is_some()).count();
    if asked != 1 {
        let message = format!("`{}` is to measure one thing, not {asked}", section.path());
        let hint = "one of `most`, `least`, `last`, `rise`, `lasts`, `share`, `reaches` (of a probe's reading), `connect`, `visit`, \
                    `entry-life` (times), `sustains` (a rate), `fared`, `lines`, `nginx-says` (counts), `answer`, `round-trips`, `flight-bytes`, \
                    `flight-segments`, `server-rto`, `server-window`, `pause` (of answers by flights)";
        section.problems.report_with_hint(section.span(), message, "in this table", hint);
    }
    found.into_iter().next()
}

/// `reaches = { reading = "conntrack.count", value = 720 }`
fn reaches(section: &Section<'_>, known: &Known<'_>) -> Option<Of> {
    let table = section.section("reaches")?;
    let reading = table.need::<Spanned<String>>("reading", r#""conntrack.count""#);
    let value = table.need("value", "720");
    table.finish();
    reading.iter().for_each(|reading| check_probe(reading, section, known));
    Some(Of::Reaches(reading?.into_inner(), value?))
}

/// `expected = { article = 396, ours = 470 }`: what was calculated, to be read beside what is measured.
fn expected(section: &Section<'_>) -> Vec<(String, u64)> {
    let Some(table) = section.section("expected") else { return Vec::new() };
    let read =
        |(name, value): (Spanned<String>, &Value<'_>)| Some((name.into_inner(), u64::read(value, section.problems)?));
    table.entries().into_iter().filter_map(read).collect()
}

/// `sustains = "visitors"`: clients of a phase that searches.
fn sustains(section: &Section<'_>, known: &Known<'_>) -> Option<String> {
    let clients = section.get::<Spanned<String>>("sustains")?;
    let all_known = known.phases.len() == known.names.phases.len();
    if all_known && !known.phases.iter().any(|phase| phase.searches(clients.get_ref())) {
        let message = format!("nobody searches for what `{}` sustain", clients.get_ref());
        let hint = "add a phase with a `[phase.search]` of these clients";
        section.problems.report_with_hint(clients.span(), message, "no phase does", hint);
    }
    Some(clients.into_inner())
}

fn nginx_says(section: &Section<'_>, known: &Known<'_>) -> Option<String> {
    let words = section.get::<Spanned<String>>("nginx-says")?;
    if !known.names.probes.iter().any(|key| key == "nginx-log") {
        let hint = "add `nginx-log = \"followed\"` to `[probe]`";
        section.problems.report_with_hint(words.span(), "nobody reads nginx's log", "no probe reads it", hint);
    }
    Some(words.into_inner())
}

/// Which probe gives a reading, by the first part of its name; see the agent's `probe/`.
pub(super) fn check_probe(name: &Spanned<String>, section: &Section<'_>, known: &Known<'_>) {
    let group = name.get_ref().split('.').next().unwrap_or_default();
    let key = match group {
        "conntrack" => "conntrack",
        "memory" => "memory",
        "cpu" => "cpu",
        "rt_cache" | "arp_cache" | "rt6_stats" => "lnstat",
        "slab" => "slab",
        "files" => "open-files",
        // Told by the backends themselves, at the end.
        "backend" => return,
        "time_wait" | "ports" => "time-wait",
        "sockets" | "tcp" | "udp" | "udplite" | "raw" | "frag" => "sockets",
        _ => "netstat",
    };
    if !known.names.probes.iter().any(|probe| probe == key) {
        let message = format!("nobody looks at `{}`", name.get_ref());
        let hint = format!("add `{key} = \"1 s\"` to `[probe]`");
        section.problems.report_with_hint(name.span(), message, "no probe reads it", hint);
    }
}

fn one_of(section: &Section<'_>, key: &'static str, kind: &str, known: &[String]) -> Option<String> {
    let name = section.get::<Spanned<String>>(key)?;
    if !known.contains(name.get_ref()) {
        let message = format!("there is no {kind} `{}`", name.get_ref());
        section.problems.unknown(name.span(), message, name.get_ref(), &words(known));
    }
    Some(name.into_inner())
}

impl Read for Rank {
    fn read(value: &Value<'_>, problems: &super::problems::Problems) -> Option<Self> {
        match text(value, problems, "`shortest` or `longest`")? {
            "shortest" => Some(Rank::Shortest),
            "longest" => Some(Rank::Longest),
            other => {
                problems.unknown(value.span(), format!("unknown rank `{other}`"), other, &["shortest", "longest"]);
                None
            }
        }
    }
}

const AMONG: &[(&str, Among)] =
    &[("shortest", Among::Ranks(Rank::Shortest)), ("median", Among::Median), ("longest", Among::Ranks(Rank::Longest))];

impl Read for Among {
    fn read(value: &Value<'_>, problems: &super::problems::Problems) -> Option<Self> {
        let word = text(value, problems, "`shortest`, `median` or `longest`")?;
        let found = AMONG.iter().find(|(known, _)| *known == word).map(|(_, among)| *among);
        if found.is_none() {
            let known: Vec<&str> = AMONG.iter().map(|(known, _)| *known).collect();
            problems.unknown(value.span(), format!("none of the times is the `{word}`"), word, &known);
        }
        found
    }
}
