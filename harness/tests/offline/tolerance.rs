//! Tolerances: a number is exact unless its metric says otherwise, and a stored tolerance must be that of today's file.

use crate::made;
use tunelab::{
    outcome::{
        Outcome, Record,
        snapshot::{self, Comparison, Document, Mode, Shelf},
    },
    plan,
    report::diagnostic,
    scenario::{Scenario, load},
};
use tunelab_protocol::{Event, Outcome as Of, Stamped, readings::Unit};

/// One hour in which the table has room, and one in which it is full.
const CROWD: &str = r#"
summary = "a crowd"
[clients.many]
addresses = "10.1.0.0/16"
close = "client"
[clients.few]
addresses = "10.2.0.0/16"
close = "client"
[clients.robots]
addresses = "10.3.0.0/16"
close = "client"
[clients.first]
addresses = "10.4.0.0/16"
close = "client"
[[phase]]
name = "room"
rounds = 1
every = "1 h"
clients = { many = 40, few = 6, robots = 20, first = 1 }
[[phase]]
name = "full"
rounds = 1
every = "1 h"
clients = { many = 40, few = 6, robots = 20, first = 1 }
[probe]
conntrack = "1 h"
kernel-log = "followed"
[metric.lost]
value = "count(connect-timeout)"
tolerance = { absolute = 7, variants = ["default"] }
[metric.most]
value = "max(conntrack.count)"
tolerance = [
    { relative = "10 %", variants = ["default"] },
    { absolute = 2 },
]
[variant.default]
[variant.tuned]
"#;

const FULL: &str = "nf_conntrack: table full, dropping packet";
const HOUR_US: u64 = 3_600_000_000;

fn loaded(text: &str) -> Scenario {
    let (_home, folder) = made::scenario("crowd", text, &[]);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

/// All clients of the first hour are served, but robots, which never are; of the second's one in four, and `lucky`
/// more.
fn crowd(lucky: u64) -> Vec<Stamped> {
    let at = |at_us, event| Stamped { at_us, event };
    let look = |at_us, count, drop| {
        let values = [("count", count), ("max", 50), ("drop", drop), ("early_drop", 0)];
        at(at_us, Event::Sample { values: values.map(|(name, n)| (format!("conntrack.{name}"), n)).into() })
    };
    let log = |text: &str| at(HOUR_US + 30, Event::Log { level: 4, text: text.into() });
    let round = |phase: &str, clients: &str, outcomes| {
        let at_us = if phase == "room" { 20 } else { HOUR_US + 20 };
        let (phase, clients) = (phase.to_owned(), clients.to_owned());
        let (connect, errors, answers) = (None, Default::default(), Vec::new());
        at(at_us, Event::Round { phase, round: 0, clients, outcomes, connect, errors, answers, per_1000_s: None })
    };
    let served = |served, lost| made::outcomes([(Of::Served, served), (Of::ConnectTimeout, lost)]);
    let told = |status, lost| made::outcomes([(Of::Status, status), (Of::ConnectTimeout, lost)]);
    let (scenario, variant, kernel) = ("crowd".to_owned(), "default".to_owned(), "6.1.0-1-amd64".to_owned());
    vec![
        at(0, Event::Started { scenario, variant, kernel }),
        at(0, Event::Ready),
        at(0, Event::Phase { name: "room".into() }),
        round("room", "many", served(40, 0)),
        round("room", "few", served(6, 0)),
        round("room", "robots", told(20, 0)),
        round("room", "first", served(1, 0)),
        look(HOUR_US, 40, 0),
        at(HOUR_US, Event::Phase { name: "full".into() }),
        round("full", "many", served(10 + lucky, 30 - lucky)),
        round("full", "few", served(0, 6)),
        round("full", "robots", told(5, 15)),
        round("full", "first", served(1, 0)),
        log(FULL),
        log("TCP: request_sock_TCP: Possible SYN flooding on port 80."),
        log(&format!("net_ratelimit: {} callbacks suppressed", 150 - 3 * lucky)),
        look(2 * HOUR_US, 50, 153 - 3 * lucky),
        at(2 * HOUR_US, Event::Done),
    ]
}

fn facts(scenario: &Scenario, variant: &str, events: Vec<Stamped>) -> toml::Table {
    let plan = plan::plan(scenario, scenario.variant(variant).unwrap(), 1);
    Outcome::of(&Record { events, fingerprint: String::new() }, &plan, scenario).facts(scenario)
}

#[test]
fn by_variant() {
    let scenario = loaded(CROWD);
    let metrics = |variant| toml::to_string_pretty(&facts(&scenario, variant, crowd(0))).unwrap();
    insta::assert_snapshot!(metrics("default") + &metrics("tuned"), @r#"
    lost = "51 ± 7"
    most = "50 ± 5"
    log = [
        "TCP: request_sock_TCP: Possible SYN flooding on port 80.",
        "nf_conntrack: table full, dropping packet",
    ]
    lost = 51
    most = "50 ± 2"
    log = [
        "TCP: request_sock_TCP: Possible SYN flooding on port 80.",
        "nf_conntrack: table full, dropping packet",
    ]
    "#);
}

#[test]
fn of_what_is_not_there() {
    let text = CROWD.replace("absolute = 7, variants = [\"default\"]", "absolute = 7, variants = [\"defualt\"]");
    let (home, folder) = made::scenario("crowd", &text, &[]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}

/// A scenario with another tolerance is noticed, even if the stored tolerance admits the numbers.
#[test]
fn a_stored_tolerance_does_not_outlive_its_rule() {
    let (home, _) = made::scenario("crowd", CROWD, &[]);
    let compare = |text: &str, lucky, mode| {
        let scenario = loaded(text);
        let facts = facts(&scenario, "default", crowd(lucky));
        let (scenario, image) = (scenario.name, "debian-12".to_owned());
        let variants = vec![("default".to_owned(), facts)];
        let document = Document { scenario, image, variants, claims: Vec::new(), whole: true };
        snapshot::compare(&Shelf::of_project(home.path(), "small"), &document, mode).unwrap()
    };
    compare(CROWD, 0, Mode::Accept);
    assert_eq!(compare(CROWD, 3, Mode::Check), Comparison::Matches, "within all of them");
    assert!(matches!(compare(CROWD, 11, Mode::Check), Comparison::Differs { .. }), "beyond them");
    for (old, new, line) in [
        ("absolute = 7", "absolute = 5", "lost = \"51 ± 5\""),
        ("relative = \"10 %\"", "relative = \"20 %\"", "most = \"50 ± 10\""),
        ("absolute = 7, variants = [\"default\"]", "absolute = 7, variants = [\"tuned\"]", "lost = 51"),
        // Linux 6.1 ran.
        ("absolute = 7, ", "absolute = 7, since = \"6.2\", ", "lost = 51"),
        ("absolute = 7, ", "absolute = 7, before = \"6.1\", ", "lost = 51"),
        ("relative = \"10 %\", ", "relative = \"20 %\", since = \"6.1\", before = \"6.2\", ", "most = \"50 ± 10\""),
    ] {
        let text = CROWD.replace(old, new);
        let Comparison::Differs { diff, .. } = compare(&text, 0, Mode::Check) else { panic!("{new} must differ") };
        assert!(diff.contains(&format!("+{line}")), "{diff}");
    }
}

#[test]
fn of_one_rule() {
    let num = |value, tolerance| tunelab::outcome::Num { value, tolerance, unit: Unit::Count };
    for (a, b) in
        [(num(50, 5), num(47, 5)), (num(534, 106), num(465, 93)), (num(4, 4), num(0, 0)), (num(9, 0), num(8, 0))]
    {
        assert!(a.is_as_near_as(&b), "{a:?} {b:?}");
    }
    for (a, b) in
        [(num(50, 12), num(50, 11)), (num(132, 1), num(132, 0)), (num(0, 20), num(0, 0)), (num(0, 30), num(0, 5))]
    {
        assert!(!a.is_as_near_as(&b), "{a:?} {b:?}");
    }
}
