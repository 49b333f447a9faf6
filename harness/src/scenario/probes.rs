//! Reads `[probe]`: what is looked at, and how often.

use super::{
    model::{Metric, Series},
    names::{Names, words},
    section::{Section, Value},
    units::Micros,
    values::{SysctlName, text},
};
use std::collections::BTreeSet;
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{
    LimitOf, Probe,
    probe::{FOLLOWED, SAMPLED, SERVICE_LOG, Sampled, Scope},
    readings,
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

/// Reads `"1 h"`, or `{ every = "1 h", after = "3 s", hosts = ["gateway"] }`: the first look comes this long `after` the
/// start, on these `hosts`.
fn sampled(probe: &Sampled, value: &Value<'_>, section: &Section<'_>, known_hosts: &[&str]) -> Option<Probe> {
    let key = probe.key;
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let every = <Spanned<Micros> as super::section::Read>::read(value, section.problems)?;
        let (hosts, of) = (Vec::new(), Vec::new());
        return Some(Probe { key: key.into(), every_us: interval(&every, key, section), after_us: 0, hosts, of });
    }
    let table = Section::of(value, format!("probe.{key}"), section.problems)?;
    let every = table.need::<Spanned<Micros>>("every");
    let after = table.get_or("after", Micros::default());
    let hosts = match probe.scope {
        Scope::Host => {
            table.filled("hosts");
            table.names("hosts", "host", known_hosts).unwrap_or_default()
        }
        Scope::Guest => {
            table.refuse(&["hosts"], "it sees the whole guest, whichever host asks");
            Vec::new()
        }
    };
    table.finish();
    let after_us = after.0;
    Some(Probe { key: key.into(), every_us: interval(&every?, key, &table), after_us, hosts, of: Vec::new() })
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
pub fn probes(root: &Section<'_>, names: &Names) -> Asked {
    let hosts = words(&names.hosts);
    let Some(section) = root.section("probe") else { return Default::default() };
    let mut found = Vec::new();
    for probe in &SAMPLED {
        let Some(value) = section.value(probe.key) else { continue };
        found.extend(sampled(probe, value, &section, &hosts));
    }
    for (key, _) in FOLLOWED {
        let Some(value) = section.value(key) else { continue };
        match text(value, section.problems, "`followed`") {
            Some("followed") => {
                found.push(Probe { key: key.into(), every_us: 0, after_us: 0, hosts: Vec::new(), of: Vec::new() })
            }
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

/// Tells each probe the ports and services that metrics and series ask for. A probe that reads nothing else and is asked
/// for nothing would be without effect.
pub fn ask(probes: &mut [Probe], metrics: &[Metric], series: &[Series], root: &Section<'_>) {
    let of_metrics = metrics.iter().filter_map(|metric| metric.value.asks());
    let of_series = series.iter().filter_map(|series| readings::word(&series.of));
    let asked: BTreeSet<(&str, &str)> = of_metrics.chain(of_series).collect();
    // A metric that was refused may have been the one that asks.
    let whole = root.problems.count() == 0;
    if whole {
        check_logs(metrics, root);
    }
    for probe in probes {
        let of = asked.iter().filter(|(key, _)| *key == probe.key);
        probe.of = of.map(|(_, word)| (*word).to_owned()).collect();
        let Some(example) = example(&probe.key).filter(|_| whole && probe.of.is_empty()) else { continue };
        let section = root.section("probe").expect("it was read from there");
        let span = section.key(&probe.key).map_or_else(|| section.span(), |key| key.span());
        let message = format!("`{}` reads nothing: no metric and no series asks for any of it", probe.key);
        root.problems.report_with_hint(span, message, "without effect", format!("for example `value = \"{example}\"`"));
    }
}

/// Reports the `log` of a service that no metric counts the lines of.
fn check_logs(metrics: &[Metric], root: &Section<'_>) {
    let services = root.value("service").and_then(|value| value.get_ref().as_table());
    for (name, service) in services.into_iter().flat_map(|services| services.iter()) {
        let Some(log) = service.get_ref().as_table().and_then(|service| service.get("log")) else { continue };
        let asks = |metric: &Metric| metric.value.asks() == Some((SERVICE_LOG, name.get_ref()));
        if !metrics.iter().any(asks) {
            let message = format!("`log` has no effect: no metric counts the lines of `service.{}`", name.get_ref());
            let hint = format!("for example `value = \"count(log.{}, 'error')\"`", name.get_ref());
            root.problems.report_with_hint(log.span(), message, "without effect", hint);
        }
    }
}

/// Returns a metric that asks for a part of what this probe reads; `None`: it reads something anyway.
fn example(key: &str) -> Option<String> {
    if key == SERVICE_LOG {
        return Some("count(log.app, 'error')".to_owned());
    }
    let probe = SAMPLED.iter().find(|probe| probe.key == key)?;
    let readings = probe.readings;
    let asked = |name: &str| name.contains("PORT") || name.contains("NAME");
    let all = !readings.is_empty() && readings.iter().all(|reading| asked(reading.name));
    all.then(|| format!("max({})", readings[0].name.replace("PORT", "80").replace("NAME", "app")))
}
