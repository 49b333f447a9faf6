//! What happens when: phases of traffic, and probes.

use super::{
    search,
    section::{Read, Section, Value},
    units::Micros,
    values::text,
};
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{LimitOf, Phase, Population, Probe, ProbeKind, Traffic};

/// `[[phase]]`: rounds of visitors (`rounds`, `every`, `visitors`), a wait (`wait`), or a search (`search`).
pub fn phases(root: &Section<'_>, populations: &[Population]) -> Vec<Phase> {
    let Some(value) = root.value("phase") else {
        root.problems.report_with_hint(0..0, "there is no phase", "in this file", "begin with `[[phase]]`");
        return Vec::new();
    };
    let Some(tables) = value.get_ref().as_array() else {
        root.problems.report(value.span(), "a phase begins with `[[phase]]`, in double brackets", "single brackets");
        return Vec::new();
    };
    let read =
        |(n, value): (usize, _)| phase(&Section::of(value, format!("phase {}", n + 1), root.problems)?, populations);
    tables.iter().enumerate().filter_map(read).collect()
}

fn phase(section: &Section<'_>, populations: &[Population]) -> Option<Phase> {
    let name = section.need::<String>("name", r#""six days""#);
    if let Some(searching) = section.section("search") {
        section.finish();
        return search::phase(&searching, name?, populations);
    }
    let wait = section.get::<Micros>("wait");
    let (rounds, every, traffic) = match wait {
        Some(wait) => (Some(1), Some(wait), Vec::new()),
        None => {
            let every = section.need::<Micros>("every", r#""1 h""#);
            (section.need("rounds", "144"), every, traffic(section, populations, every?))
        }
    };
    section.finish();
    let (rounds, every) = (rounds?, every?);
    if rounds == 0 || every.0 == 0 {
        section.problems.report(section.span(), format!("`{}` takes no time", section.path()), "nothing happens here");
    }
    Some(Phase { name: name?, rounds, every_us: every.0, sysctls: Vec::new(), search: None, traffic })
}

/// `[phase.visitors]`: `clean = 4`, or `clean = { count = 4, spacing = "20 ms", after = "1 s", at-once = 2 }`.
fn traffic(section: &Section<'_>, populations: &[Population], every: Micros) -> Vec<Traffic> {
    let spacing = section.get_or("spacing", Micros(20_000));
    let Some(visitors) = section.section("visitors") else {
        let hint = "`[phase.visitors]` says how many of which clients come; `wait = \"1 d\"` is a phase without any";
        let message = format!("nobody comes in `{}`", section.path());
        section.problems.report_with_hint(section.span(), message, "no visitors", hint);
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, value) in visitors.entries() {
        let known: Vec<&str> = populations.iter().map(|p| p.name.as_str()).collect();
        if !known.contains(&name.get_ref().as_str()) {
            let message = format!("there are no clients `{}`", name.get_ref());
            section.problems.unknown(name.span(), message, name.get_ref(), &known);
        } else if let Some(traffic) = arrivals(&name, value, spacing, section) {
            let lasts = traffic.after_us + traffic.spacing_us * u64::from(traffic.visitors);
            if lasts > every.0 {
                let message = format!("the visitors of `{}` do not fit into a round", name.get_ref());
                section.problems.report(name.span(), message, "they arrive for longer than a round lasts");
            }
            found.push(traffic);
        }
    }
    found
}

fn arrivals(name: &Spanned<String>, value: &Value<'_>, spacing: Micros, section: &Section<'_>) -> Option<Traffic> {
    let population = name.get_ref().clone();
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let visitors = u32::read(value, section.problems)?;
        return Some(Traffic {
            population,
            visitors,
            after_us: 0,
            spacing_us: spacing.0,
            concurrency: 0,
            each_time: false,
        });
    }
    let table = Section::of(value, format!("visitors.{population}"), section.problems)?;
    let traffic = Traffic {
        visitors: table.need("count", "4")?,
        after_us: table.get_or("after", Micros::default()).0,
        spacing_us: table.get_or("spacing", spacing).0,
        concurrency: table.get_or("at-once", 0),
        each_time: false,
        population,
    };
    table.finish();
    Some(traffic)
}

/// `"1 h"`, or `{ every = "1 h", after = "3 s" }`: the first look is so long after the start.
fn sampled(kind: ProbeKind, value: &Value<'_>, key: &str, section: &Section<'_>) -> Option<Probe> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let every = Micros::read(value, section.problems)?;
        return Some(Probe { kind, every_us: every.0, after_us: 0 });
    }
    let table = Section::of(value, format!("probe.{key}"), section.problems)?;
    let every = table.need::<Micros>("every", r#""1 h""#);
    let after = table.get_or("after", Micros::default());
    table.finish();
    Some(Probe { kind, every_us: every?.0, after_us: after.0 })
}

const FOLLOWED: &[(&str, ProbeKind)] = &[
    ("conntrack-entries", ProbeKind::ConntrackEntries),
    ("kernel-log", ProbeKind::KernelLog),
    ("nginx-log", ProbeKind::NginxLog),
];

const SAMPLED: &[(&str, ProbeKind)] = &[
    ("conntrack", ProbeKind::Conntrack),
    ("sockets", ProbeKind::Sockets),
    ("time-wait", ProbeKind::TimeWait),
    ("netstat", ProbeKind::Netstat),
    ("memory", ProbeKind::Memory),
    ("lnstat", ProbeKind::Lnstat),
    ("slab", ProbeKind::Slab),
    ("open-files", ProbeKind::OpenFiles),
    ("cpu", ProbeKind::Cpu),
];

/// What `[probe]` asks for.
#[derive(Default)]
pub struct Asked {
    pub probes: Vec<Probe>,
    pub sysctls: Vec<String>,
    pub limits: Vec<LimitOf>,
}

/// `[probe]`: what is sampled by its interval, what is followed as it happens by `"followed"`; and the sysctls to report.
pub fn probes(root: &Section<'_>) -> Asked {
    let Some(section) = root.section("probe") else { return Default::default() };
    let mut found = Vec::new();
    for (key, kind) in SAMPLED {
        let Some(value) = section.value(key) else { continue };
        let probe = sampled(*kind, value, key, &section);
        if probe.as_ref().is_some_and(|probe| probe.every_us == 0) {
            section.problems.report(section.span(), format!("`{key}` needs an interval above zero"), "in this table");
        }
        found.extend(probe);
    }
    for (key, kind) in FOLLOWED {
        let Some(value) = section.value(key) else { continue };
        match text(value, section.problems, "`followed`") {
            Some("followed") => found.push(Probe { kind: *kind, every_us: 0, after_us: 0 }),
            Some(other) => {
                let message = format!("`{key}` is followed as it happens, not sampled");
                section.problems.unknown(value.span(), message, other, &["followed"]);
            }
            None => {}
        }
    }
    let sysctls = section.get("sysctls").unwrap_or_default();
    let limits = section.get("open-file-limits").unwrap_or_default();
    section.finish();
    found.sort_by_key(|p| p.kind);
    Asked { probes: found, sysctls, limits }
}
