//! Scales: the incident is written in its own size, a run has a part of it, and its outcome is told in the incident's size.

use crate::made::{self, SMALL};
use std::collections::BTreeMap;
use tunelab::{
    outcome::{Outcome, Record},
    plan,
    report::diagnostic,
    scenario::{Scenario, load, load_at, units::Scale},
};
use tunelab_protocol::{Event, Outcome as Of, Stamped};

/// The small scenario with a hundred times as many clients, a search, and metrics of several units.
fn large(scale: &str) -> String {
    let more = r#"
[[phase]]
name = "found"
search = { clients = "clean", for = "5 min", between = ["10/s", "100/s"] }
[metric.found]
value = "rate_max(clean)"
[metric.table]
value = "max(conntrack.count)"
[metric.served]
value = "count(served)"
[metric.lines]
value = "count(log.kernel)"
[metric.kept]
value = "count(entry.alive)"
[probe]
"#;
    let text = SMALL.replace("clean = 4, gone = 4", r#"clean = 400, gone = { count = 400, spacing = "20 ms" }"#);
    format!("scale = \"{scale}\"\n{}\n[variant.whole]\nscale = \"1\"\n", text.replace("[probe]", more))
}

fn read(text: &str) -> Scenario {
    let (_home, folder) = made::scenario("small", text, &[("base.conf", "")]);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

#[test]
fn a_plan_has_a_part_of_what_comes() {
    let scenario = read(&large("1/100").replace("clean = 400, gone = {", "clean = 400, gone = { after = \"1 min\","));
    let plan = |variant: &str| plan::plan(&scenario, scenario.variant(variant).unwrap(), 1);
    let come = |variant: &str| {
        let phases = plan(variant).phases;
        let gone = phases[0].arrivals.iter().find(|arrivals| arrivals.clients == "gone").unwrap().clone();
        let search = phases[1].search.unwrap();
        (plan(variant).scale, gone.count, gone.spacing_us, gone.after_us, search.least, search.most)
    };
    assert_eq!(come("default"), (100, 4, 2_000_000, 60_000_000, 100, 1000));
    assert_eq!(come("whole"), (1, 400, 20_000, 60_000_000, 10_000, 100_000));
}

#[test]
fn an_outcome_is_in_the_incidents_size() {
    let scenario = read(&large("1/100"));
    let round = |phase: &str, per_1000_s, served| Event::Round {
        phase: phase.into(),
        round: 0,
        clients: "clean".into(),
        outcomes: made::outcomes([(Of::Served, served)]),
        connect: None,
        per_1000_s,
        errors: BTreeMap::new(),
        answers: Vec::new(),
    };
    let events = [
        Event::Ready,
        Event::Phase { name: "three days".into() },
        Event::Sample { values: [("conntrack.count".to_owned(), 7), ("conntrack.max".to_owned(), 30)].into() },
        Event::Log { level: 4, text: "nf_conntrack: table full, dropping packet".into() },
        round("three days", None, 3),
        Event::Phase { name: "found".into() },
        round("found", Some(437), 131),
        Event::Done,
    ];
    let events: Vec<_> = events.into_iter().map(|event| Stamped { at_us: 0, event }).collect();
    let told = |variant: &str| {
        let plan = plan::plan(&scenario, scenario.variant(variant).unwrap(), 1);
        let record = Record { events: events.clone(), fingerprint: String::new() };
        let outcome = Outcome::of(&record, &plan, &scenario).document();
        let metrics = &outcome["metrics"];
        let names = ["served", "table", "found", "lines"];
        (
            outcome.get("scale").cloned(),
            names.map(|name| metrics[name].to_string()),
            outcome["table"]["drops"].to_string(),
        )
    };
    let words = |words: [&str; 4]| words.map(str::to_owned);
    assert_eq!(told("whole"), (None, words(["3", "7", "\"0.437/s\"", "1"]), "1".into()));
    let scale = Some("1/100".into());
    assert_eq!(told("default"), (scale, words(["300", "700", "\"43.7/s\"", "1"]), "100".into()));
}

/// A number that the scale does not divide is refused; `--scale` says so too.
#[test]
fn clients_that_a_scale_does_not_divide_are_refused() {
    let (home, folder) = made::scenario("small", &large("1/150"), &[("base.conf", "")]);
    let error = load(&folder).expect_err("must be refused");
    let shown = diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), "");
    assert!(shown.contains("at the scale 1/150, 400 clients would be 3, which stands for 450"), "{shown}");
    assert!(shown.contains("hint: a larger scale, or a number of clients that it divides"), "{shown}");

    let (home, folder) = made::scenario("small", &large("1/100"), &[("base.conf", "")]);
    let error = load_at(&folder, Some(Scale(150))).expect_err("must be refused");
    let shown = diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), "");
    assert!(shown.contains("at the scale 1/150, 400 clients would be 3, which stands for 450"), "{shown}");
    let error = load_at(&folder, Some(Scale(16_000))).expect_err("must be refused");
    let shown = diagnostic::render(&error, false);
    assert!(shown.contains("10000 clients would be 1, which stands for 16000 (in 1000 s)"), "a rate: {shown}");
    let scenario = load_at(&folder, Some(Scale(50))).unwrap_or_else(|e| panic!("{e:?}"));
    let scale = |variant: &str| scenario.variant(variant).unwrap().setup.scale;
    assert_eq!([scale("default"), scale("tuned"), scale("whole")], [Scale(50), Scale(50), Scale(1)]);
}

/// A network that a scale makes so slow that packets take their time is refused.
#[test]
fn a_network_that_becomes_too_slow_is_refused() {
    let slow = "[network.internet]\nrate = \"50 Mbit/s\"\n[[phase]]";
    let refused = |scale| {
        let text = large(scale).replacen("[[phase]]", slow, 1);
        let (_home, folder) = made::scenario("small", &text, &[("base.conf", "")]);
        load(&folder).err().map(|error| diagnostic::render(&error, false))
    };
    assert_eq!(refused("1/50"), None);
    let shown = refused("1/100").expect("must be refused");
    assert!(shown.contains("at the scale 1/100, the network `internet` has 500000 bit/s"), "{shown}");
}
