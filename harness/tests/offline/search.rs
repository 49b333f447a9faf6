//! Searches: how they are written, and what an outcome holds of their trials.

use crate::made::{self, SMALL};
use std::collections::BTreeMap;
use tunelab::{
    outcome::{Outcome, Record},
    plan,
    report::diagnostic,
    scenario::load,
};
use tunelab_protocol::{Event, Outcome as Of, Stamped};

const SEARCHING: &str = r#"
[[phase]]
name = "found"
search = { clients = "clean", for = "5 min", rest = "70 s", between = ["6/min", "1/s"] }
[metric.found]
value = "rate_max(clean)"
expected = { article = "24/min" }
[metric.bad-gateway]
value = "count(502)"
where = { phase = "found" }
[metric.no-port]
value = "count(log.nginx, '(99: ')"
[metric.no-port-before]
value = "count(log.nginx, '(99: ')"
where = { phase = "three days" }
[metric.left]
value = "max(time_wait.left_ms)"
[probe]
time-wait = "10 s"
nginx-log = "followed"
"#;

/// A variant may search between rates of its own: with other clients and as many rounds as that may take.
#[test]
fn other_rates_for_one_variant() {
    let own = "[variant.quick]\nphase.found.search.between = [\"1/s\", \"4/s\"]\n";
    let text = SMALL.replace("[probe]", SEARCHING) + own;
    let (_home, folder) = made::scenario("small", &text, &[("base.conf", "")]);
    let scenario = load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    let found = |variant: &str| {
        let plan = plan::plan(&scenario, scenario.variant(variant).unwrap(), 1);
        let phase = plan.phases.into_iter().find(|phase| phase.name == "found").unwrap();
        let search = phase.search.unwrap();
        (search.least, search.most, phase.rounds, phase.arrivals[0].count, phase.arrivals[0].spacing_us)
    };
    assert_eq!(found("default"), (100, 1000, 10, 300, 1_000_000));
    assert_eq!(found("quick"), (1000, 4000, 9, 1200, 250_000));
    let own = own.replace("found", "days")
        + "phase.found.search.between = [\"4/s\", \"1/s\"]\n[variant.slow]\nphase.found.search.between = [\"4/h\", \"32/h\"]\n";
    let wrong = (SMALL.replace("[probe]", SEARCHING) + &own).replace("three days", "days");
    let (home, folder) = made::scenario("wrong", &wrong, &[("base.conf", "")]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}

#[test]
fn the_rate_is_the_outcome_and_its_trials_are_not() {
    let (_home, folder) = made::scenario("small", &SMALL.replace("[probe]", SEARCHING), &[("base.conf", "")]);
    let scenario = load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    let plan = plan::plan(&scenario, &scenario.variants[0], 1);
    let round = |phase: &str, per_1000_s, served, status| Event::Round {
        phase: phase.into(),
        round: 0,
        clients: "clean".into(),
        outcomes: made::outcomes([(Of::Served, served), (Of::Status, status)]),
        connect: None,
        per_1000_s,
        errors: BTreeMap::from([("502".to_owned(), status)]),
        answers: Vec::new(),
    };
    let nginx = |n| Event::NginxLog { texts: BTreeMap::from([("connect() failed (99: Cannot ...)".to_owned(), n)]) };
    let events = [
        Event::Ready,
        Event::Phase { name: "three days".into() },
        round("three days", None, 28, 4),
        nginx(4),
        Event::Phase { name: "found".into() },
        round("found", Some(1000), 200, 100),
        round("found", Some(550), 160, 5),
        round("found", Some(325), 97, 0),
        round("found", Some(437), 131, 0),
        nginx(105),
        Event::Done,
    ];
    let events = events.into_iter().map(|event| Stamped { at_us: 0, event }).collect();
    let outcome = Outcome::of(&Record { events, fingerprint: String::new() }, &plan, &scenario).document();
    let part = |name: &str| toml::to_string(outcome[name].as_table().unwrap()).unwrap();
    insta::assert_snapshot!(part("metrics"), @r#"
    bad-gateway = 105
    failed = 4
    found = "0.437/s"
    full-rounds = "absent"
    left = "absent"
    log-lines = 0
    no-port = 109
    no-port-before = 4
    suppressed-lines = "0 ± 60"
    "#);
    assert_eq!(outcome["total"]["served"].as_integer(), Some(28));
    assert_eq!(outcome["nginx-log"]["lines"].as_integer(), Some(4));
    assert!(!outcome.contains_key("phases"), "there is but one phase whose clients are to be served");
}

#[test]
fn searches_for_nothing() {
    let wrong = SEARCHING
        .replace("clients = \"clean\"", "clients = \"clear\"")
        .replace(r#"["6/min", "1/s"]"#, r#"["1/s", "6/min"]"#)
        .replace("rate_max(clean)", "rate_max(gone)")
        .replace("time-wait = \"10 s\"\n", "");
    let (home, folder) = made::scenario("wrong", &SMALL.replace("[probe]", &wrong), &[("base.conf", "")]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}
