//! Reads `[metric.x]`: the numbers that an outcome of this scenario has, by names of its own; and `[series.x]`: a
//! reading over time.

use super::{
    hosts::SERVER,
    model::{Counted, Metric, Series, Value, Where, is_of_a_host},
    names::{Names, words},
    parts,
    problems::Problems,
    rules::HostRules,
    section::{Read, Section},
    tolerance,
    units::{Micros, Rate},
    value::{self, Wrong},
};
use toml::{Spanned, de::DeValue};
use tunelab_protocol::{
    Outcome, Phase, Probe, Service,
    readings::{self, Unit},
};

/// The other parts of the file that a metric may name.
pub struct Known<'a> {
    pub names: &'a Names,
    pub phases: &'a [Phase],
    /// The services of all variants.
    pub services: &'a [Service],
    pub probes: &'a [Probe],
    pub rules: &'a [HostRules],
}

/// Reads each `[metric.x]`.
pub fn metrics(root: &Section<'_>, known: &Known<'_>) -> Vec<Metric> {
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        if parts::ALL.contains(&name.get_ref().as_str()) {
            let message = format!("`{}` is no name for a metric: outcomes have something else by it", name.get_ref());
            section.problems.report(name.span(), message, "another name");
        }
        let text = section.need::<Spanned<String>>("value");
        let value = text.as_ref().and_then(|text| value_of(text, section.problems));
        let about = about(&section, known);
        if let (Some(value), Some(text)) = (&value, &text) {
            check(value, text, &about, &section, known);
        }
        let tolerance = tolerance::read(&section, value.as_ref().map(Value::unit), known.names);
        let expected = expected(&section, value.as_ref().map(Value::unit));
        section.finish();
        Some(Metric { name: name.into_inner(), value: value?, about, expected, tolerance })
    };
    root.named("metric").into_iter().filter_map(read).collect()
}

fn value_of(text: &Spanned<String>, problems: &Problems) -> Option<Value> {
    match value::parse(text.get_ref()) {
        Ok(value) => return Some(value),
        Err(Wrong::Unknown { what, word, known }) => {
            problems.unknown(text.span(), format!("unknown {what} `{word}`"), &word, &known);
        }
        Err(Wrong::Form { example }) => {
            let message = format!("`{}` is no value of a metric", text.get_ref());
            problems.report_with_hint(text.span(), message, "in this value", format!("for example `{example}`"));
        }
    }
    None
}

/// Reads `where = { phase = "day", clients = "browsers", outcome = "timed-out", after-pause = "5 s" }`.
fn about(section: &Section<'_>, known: &Known<'_>) -> Where {
    let Some(section) = section.section("where") else { return Where::default() };
    let about = Where {
        phase: one_of(&section, "phase", "there is no phase", &known.names.phases),
        clients: one_of(&section, "clients", "there are no clients", &known.names.clients),
        outcome: outcome(&section),
        after_pause_us: section.get::<Micros>("after-pause").map(|pause| pause.0),
        host: one_of(&section, "host", "there is no host", &known.names.hosts),
    };
    section.finish();
    about
}

fn outcome(section: &Section<'_>) -> Option<Outcome> {
    let word = section.get::<Spanned<String>>("outcome")?;
    let found = Outcome::ALL.into_iter().find(|outcome| outcome.word() == word.get_ref());
    if found.is_none() {
        let message = format!("unknown client outcome `{}`", word.get_ref());
        section.problems.unknown(word.span(), message, word.get_ref(), &Outcome::ALL.map(Outcome::word));
    }
    found
}

fn one_of(section: &Section<'_>, key: &'static str, lacks: &str, known: &[String]) -> Option<String> {
    let name = section.get::<Spanned<String>>(key)?;
    if !known.contains(name.get_ref()) {
        let message = format!("{lacks} `{}`", name.get_ref());
        section.problems.unknown(name.span(), message, name.get_ref(), &words(known));
    }
    Some(name.into_inner())
}

/// Checks that something in the scenario tells what the metric is about, and that its `where` can narrow that down.
fn check(value: &Value, text: &Spanned<String>, about: &Where, section: &Section<'_>, known: &Known<'_>) {
    let refuse = |message: String, label: &str, hint: &str| {
        section.problems.report_with_hint(text.span(), message, label, hint);
    };
    for reading in value.readings() {
        check_reading(reading, about.host.as_deref().filter(|_| value.has_hosts()), text, section, known);
    }
    match value {
        Value::Count(Counted::ServiceLines(service, _)) if !known.names.services.contains(service) => {
            let logs: Vec<&str> = words(&known.names.services).into_iter().chain(["kernel", "nginx"]).collect();
            let message = format!("there is no service `{service}` with a log");
            return section.problems.unknown(text.span(), message, service, &logs);
        }
        Value::Count(counted) => {
            if let Some(words) = counted.rule() {
                check_rule(words, about.host.as_deref().unwrap_or(SERVER), text, section, known);
            }
        }
        _ => {}
    }
    if let Some((probe, of)) = value.followed()
        && !known.names.probes.iter().any(|key| key == probe)
    {
        refuse(format!("no probe follows {of}"), "not followed", &format!("add `{probe} = \"followed\"` to `[probe]`"));
    }
    if value.needs_flights() && !known.names.flights {
        let message = format!("no clients report flights, and `{}` is computed from them", section.path());
        refuse(message, "needs flights", "add `flights = true` to the clients that are meant");
    }
    let all_known = known.names.phases.iter().all(|name| known.phases.iter().any(|phase| &phase.name == name));
    if let Value::RateMax(clients) = value
        && all_known
        && !known.phases.iter().any(|phase| phase.searches(clients))
    {
        let message = format!("no phase searches for the rate of `{clients}`");
        refuse(message, "no phase does", "add a phase with a `search` of these clients");
    }
    let narrowed = [
        ("phase", about.phase.is_some() && !value.has_phases()),
        ("clients", about.clients.is_some() && !value.has_clients()),
        ("outcome", about.outcome.is_some() && !value.has_outcomes()),
        ("after-pause", about.after_pause_us.is_some() && !value.needs_flights()),
        ("host", about.host.is_some() && !value.has_hosts()),
    ];
    narrowed.iter().filter(|(_, wrong)| *wrong).for_each(|(key, _)| without_effect(key, text, section.problems));
}

/// Reports a key of `where` that cannot narrow down what is asked for.
fn without_effect(key: &str, text: &Spanned<String>, problems: &Problems) {
    let message = format!("`{key}` has no effect on `{}`", text.get_ref());
    let hint = format!("take `{key}` out of `where`");
    problems.report_with_hint(text.span(), message, "not narrowed down by it", &hint);
}

/// Checks that some rule of the host has these words, and a counter.
fn check_rule(rule: &str, host: &str, text: &Spanned<String>, section: &Section<'_>, known: &Known<'_>) {
    if section.problems.count() > 0 || !known.names.hosts.iter().any(|name| name == host) {
        // The rules may be in a file that could not be read, or on a host that is no host.
        return;
    }
    let refuse = |message: String, hint: &str| {
        section.problems.report_with_hint(text.span(), message, "no such rule", hint);
    };
    let of = |host: &str| {
        let rules = known.rules.iter().filter(|known| known.host == host).flat_map(|known| &known.rules);
        rules.filter(|known| known.text.contains(rule)).collect::<Vec<_>>()
    };
    let found = of(host);
    if found.is_empty() {
        let message = format!("no rule in the files of host `{host}` has the words `{rule}`");
        let elsewhere = known.rules.iter().find(|known| !of(&known.host).is_empty());
        return match elsewhere {
            Some(other) => {
                refuse(message, &format!("one of host `{0}` has: `where = {{ host = \"{0}\" }}`", other.host))
            }
            None => refuse(message, "write them as they stand in its file, one blank between two"),
        };
    }
    if found.iter().all(|rule| rule.counter.is_none()) {
        let hint = "nftables counts for a rule that says so: `tcp dport 80 counter drop`";
        refuse(format!("the rule with `{rule}` has no counter"), hint);
    }
}

/// Checks that there is such a reading, and that a probe reads it, on this host or the server.
pub fn check_reading(name: &str, host: Option<&str>, text: &Spanned<String>, section: &Section<'_>, known: &Known<'_>) {
    let Some((probe, _)) = readings::find(name) else {
        let all = readings::names();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        return section.problems.unknown(text.span(), format!("there is no reading `{name}`"), name, &all);
    };
    let of_files = name.strip_prefix("files.");
    let asked = readings::word(name).map(|(_, word)| word).filter(|word| word.parse::<u16>().is_err());
    let service = name.strip_prefix("service.").and_then(|rest| rest.split('.').next()).or(asked);
    if let Some(service) = of_files.filter(|rest| service.is_none() && *rest != "nginx")
        && known.names.services.iter().any(|known| known == service)
    {
        let message = format!("`{name}` does not mean service `{service}`: the reading has another meaning");
        let hint = "give the service another name";
        return section.problems.report_with_hint(text.span(), message, "not of the service", hint);
    }
    if let Some(service) = service.filter(|service| !known.names.services.iter().any(|known| known == service)) {
        let message = format!("there is no service `{service}`");
        return section.problems.unknown(text.span(), message, service, &words(&known.names.services));
    }
    let Some(key) = probe else { return };
    let of_a_host = is_of_a_host(name);
    if !known.names.probes.iter().any(|probe| probe == key) {
        let hint = format!("add `{key} = \"1 s\"` to `[probe]`");
        section.problems.report_with_hint(text.span(), format!("no probe reads `{name}`"), "not read", hint);
        return;
    }
    let host = host.unwrap_or(SERVER);
    let reads = |probe: &Probe| match probe.hosts.is_empty() {
        true => host == SERVER,
        false => probe.hosts.iter().any(|known| known == host),
    };
    let probe = known.probes.iter().find(|probe| probe.key == key);
    // Another name of a host may have been refused.
    if of_a_host
        && section.problems.count() == 0
        && let Some(probe) = probe.filter(|probe| !reads(probe))
    {
        let mut hosts = if probe.hosts.is_empty() { vec![SERVER] } else { words(&probe.hosts) };
        hosts.push(host);
        let message = format!("no probe reads `{name}` on host `{host}`");
        let hint = format!("`{key} = {{ every = \"1 s\", hosts = {hosts:?} }}` in `[probe]` reads it there");
        section.problems.report_with_hint(text.span(), message, "not read there", &hint);
    }
    let Some(service) = service.filter(|_| of_a_host && section.problems.count() == 0) else { return };
    let runs_on = || known.services.iter().filter(|known| known.name == service).map(|service| service.host.as_str());
    if let Some(other) = runs_on().next().filter(|_| !runs_on().any(|on| on == host)) {
        let message = format!("service `{service}` does not run on host `{host}`");
        let hint = format!("it runs on `{other}`: `where = {{ host = \"{other}\" }}`");
        section.problems.report_with_hint(text.span(), message, "not there", &hint);
    }
}

/// Reads `expected = { article = 396, ours = 470 }`: calculated values, to be read beside the measured ones.
fn expected(section: &Section<'_>, unit: Option<Unit>) -> Vec<(String, u64)> {
    let Some(table) = section.section("expected") else { return Vec::new() };
    let read = |(name, value): (Spanned<String>, &Spanned<DeValue<'_>>)| {
        let number = match unit {
            Some(Unit::PerThousandSeconds) => Rate::read(value, section.problems)?.per_1000_s(),
            _ => u64::read(value, section.problems)?,
        };
        Some((name.into_inner(), number))
    };
    table.entries().into_iter().filter_map(read).collect()
}

/// Reads each `[series.x]`.
pub fn series(root: &Section<'_>, known: &Known<'_>) -> Vec<Series> {
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        let of = section.need::<Spanned<String>>("of");
        let every = section.need::<Micros>("every");
        let host = section.section("where").and_then(|about| {
            let host = one_of(&about, "host", "there is no host", &known.names.hosts);
            about.finish();
            host
        });
        if let Some(of) = &of {
            let of_a_host = is_of_a_host(of.get_ref());
            check_reading(of.get_ref(), host.as_deref().filter(|_| of_a_host), of, &section, known);
            if host.is_some() && !of_a_host && readings::find(of.get_ref()).is_some() {
                without_effect("host", of, section.problems);
            }
        }
        let unit = of.as_ref().and_then(|of| readings::find(of.get_ref())).map(|(_, reading)| reading.unit);
        let tolerance = tolerance::read(&section, unit, known.names);
        section.finish();
        let Micros(every_us) = every?;
        let every_s = every_us / 1_000_000;
        if every_s == 0 || every_us % 1_000_000 != 0 {
            let message = format!("`every` in `{}` is not a whole number of seconds", section.path());
            section.problems.report(section.span(), message, "in this table");
        }
        Some(Series { name: name.into_inner(), of: of?.into_inner(), host, every_s, unit: unit?, tolerance })
    };
    root.named("series").into_iter().filter_map(read).collect()
}
