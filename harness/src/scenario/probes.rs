//! Reads `[probe]`: what is looked at, and how often.

use super::{
    section::{Section, Value},
    units::Micros,
    values::{SysctlName, text},
};
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{
    LimitOf, Probe,
    probe::{FOLLOWED, SAMPLED},
};

/// The shortest time between two looks of a probe, in microseconds: a look takes the guest some of them.
const OFTEN_US: u64 = 1_000;

fn interval(every: &Spanned<Micros>, key: &str, section: &Section<'_>) -> u64 {
    let every_us = every.get_ref().0;
    if every_us < OFTEN_US {
        let message = format!("`{key}` looks every {every_us} µs: too often");
        section.problems.report(every.span(), message, "should be `1 ms` or more");
    }
    every_us.max(1)
}

/// Reads `"1 h"`, or `{ every = "1 h", after = "3 s" }`: the first look comes this long `after` the start.
fn sampled(key: &'static str, value: &Value<'_>, section: &Section<'_>) -> Option<Probe> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let every = <Spanned<Micros> as super::section::Read>::read(value, section.problems)?;
        return Some(Probe { key: key.into(), every_us: interval(&every, key, section), after_us: 0 });
    }
    let table = Section::of(value, format!("probe.{key}"), section.problems)?;
    let every = table.need::<Spanned<Micros>>("every", r#""1 h""#);
    let after = table.get_or("after", Micros::default());
    table.finish();
    Some(Probe { key: key.into(), every_us: interval(&every?, key, &table), after_us: after.0 })
}

/// Everything that `[probe]` asks for.
#[derive(Default)]
pub struct Asked {
    pub probes: Vec<Probe>,
    pub sysctls: Vec<String>,
    pub limits: Vec<LimitOf>,
}

/// Reads `[probe]`: sampled probes have an interval, probes that follow what happens have `"followed"`; and the sysctls
/// to report.
pub fn probes(root: &Section<'_>) -> Asked {
    let Some(section) = root.section("probe") else { return Default::default() };
    let mut found = Vec::new();
    for probe in &SAMPLED {
        let Some(value) = section.value(probe.key) else { continue };
        found.extend(sampled(probe.key, value, &section));
    }
    for (key, _) in FOLLOWED {
        let Some(value) = section.value(key) else { continue };
        match text(value, section.problems, "`followed`") {
            Some("followed") => found.push(Probe { key: key.into(), every_us: 0, after_us: 0 }),
            Some(other) => {
                let message = format!("`{key}` is followed as it happens, not sampled");
                section.problems.unknown(value.span(), message, other, &["followed"]);
            }
            None => {}
        }
    }
    let sysctls =
        section.get::<Vec<SysctlName>>("sysctls").unwrap_or_default().into_iter().map(|name| name.0).collect();
    let limits = section.get("open-file-limits").unwrap_or_default();
    section.finish();
    Asked { probes: found, sysctls, limits }
}
