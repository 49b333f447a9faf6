//! Which numbers are near, and how near: nobody's but those of whom the scenario says so, where it can be chance at all.

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
use tunelab_protocol::{Event, Stamped, Visits};

/// An hour of room, and one in which the table is full.
const CROWD: &str = r#"
summary = "a crowd"
[give-or-take]
crowded = { many = 10, few = 10, robots = 4 }
[clients.many]
subnet = "10.1.0.0/16"
leave = "client-closes"
[clients.few]
subnet = "10.2.0.0/16"
leave = "client-closes"
[clients.robots]
subnet = "10.3.0.0/16"
leave = "client-closes"
[clients.first]
subnet = "10.4.0.0/16"
leave = "client-closes"
[[phase]]
name = "room"
rounds = 1
every = "1 h"
visitors = { many = 40, few = 6, robots = 20, first = 1 }
[[phase]]
name = "full"
rounds = 1
every = "1 h"
visitors = { many = 40, few = 6, robots = 20, first = 1 }
[probe]
conntrack = "1 h"
kernel-log = "followed"
[measure.lost]
fared = "connect_timeout"
give-or-take = { default = 7 }
[measure.most]
most = "conntrack.count"
within = { default = "10 %" }
give-or-take = 2
[variant.default]
[variant.tuned]
"#;

const FULL: &str = "nf_conntrack: table full, dropping packet";
const HOUR_US: u64 = 3_600_000_000;

fn loaded(text: &str) -> Scenario {
    let (_home, folder) = made::scenario("crowd", text, &[]);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

/// All of the first hour are served, but robots, who never are; of the second hour's one in four, and `lucky` more.
fn crowd(lucky: u64) -> Vec<Stamped> {
    let at = |at_us, event| Stamped { at_us, event };
    let look = |at_us, count, drop| {
        let values = [("count", count), ("max", 50), ("drop", drop), ("early_drop", 0)];
        at(at_us, Event::Sample { values: values.map(|(name, n)| (format!("conntrack.{name}"), n)).into() })
    };
    let log = |text: &str| at(HOUR_US + 30, Event::Log { level: 4, text: text.into() });
    let round = |phase: &str, population: &str, visits| {
        let at_us = if phase == "room" { 20 } else { HOUR_US + 20 };
        let (phase, population) = (phase.to_owned(), population.to_owned());
        let (connect, visit, errors, answers) = (None, None, Default::default(), Vec::new());
        at(
            at_us,
            Event::Round { phase, round: 0, population, visits, connect, visit, errors, answers, per_1000_s: None },
        )
    };
    let none = Visits::default();
    let served = |served, connect_timeout| Visits { served, connect_timeout, ..none };
    let told = |error_status, connect_timeout| Visits { error_status, connect_timeout, ..none };
    vec![
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
        at(2 * HOUR_US, Event::TableFull { drops: 153 - 3 * lucky }),
        at(2 * HOUR_US, Event::Done),
    ]
}

fn outcome(scenario: &Scenario, variant: &str, events: Vec<Stamped>) -> toml::Table {
    let plan = plan::plan(scenario, scenario.variant(variant).unwrap(), 1);
    Outcome::of(&Record { events, fingerprint: String::new() }, &plan, scenario).document()
}

fn shown(part: &toml::Value) -> String {
    toml::to_string_pretty(part).unwrap()
}

/// What came before the table was full is exact, and so are those whom the scenario does not name. Nobody's band is wider
/// than three in four of those who came; those of several are added by their squares.
#[test]
fn of_visitors() {
    let outcome = outcome(&loaded(CROWD), "default", crowd(0));
    assert!(!shown(&outcome["phases"]["room"]).contains('±'));
    assert!(!shown(&outcome["phases"]["full"]["first"]).contains('±'));
    let phase = &outcome["phases"]["full"];
    insta::assert_snapshot!(shown(&phase["many"]) + &shown(&phase["few"]) + &shown(&phase["robots"]), @r#"
    served = "10 ± 10"
    refused = "30 ± 10"
    connect_timeout = "30 ± 10"
    answer_timeout = 0
    reset = 0
    closed = 0
    error_status = 0
    local_error = 0
    served = "0 ± 4"
    refused = "6 ± 4"
    connect_timeout = "6 ± 4"
    answer_timeout = 0
    reset = 0
    closed = 0
    error_status = 0
    local_error = 0
    served = 0
    refused = 20
    connect_timeout = "15 ± 4"
    answer_timeout = 0
    reset = 0
    closed = 0
    error_status = "5 ± 4"
    local_error = 0
    "#);
    insta::assert_snapshot!(shown(&outcome["visitors"]) + &shown(&outcome["ways"]), @r#"
    served = "58 ± 10"
    refused = "76 ± 10"
    connect_timeout = "51 ± 11"
    answer_timeout = 0
    reset = 0
    closed = 0
    error_status = "25 ± 4"
    local_error = 0
    [many]
    served = "50 ± 10"
    refused = "30 ± 10"

    [few]
    served = "6 ± 4"
    refused = "6 ± 4"

    [robots]
    served = 0
    refused = 40

    [first]
    served = 2
    refused = 0
    "#);
}

/// Each who finds no room sends its SYN three times here: as far may drops be apart, and lines. Other lines are exact.
#[test]
fn of_the_table_and_the_log() {
    let outcome = outcome(&loaded(CROWD), "default", crowd(0));
    insta::assert_snapshot!(shown(&outcome["table"]) + &shown(&outcome["log"]), @r#"
    limit = 50
    count_per_day = []
    count_most = 50
    full_rounds = "1 ± 2"
    first_full_h = "1 ± 2"
    last_full_h = "1 ± 2"
    drops = "153 ± 33"
    early_drops = 0
    lines = 2
    suppressed = "150 ± 33"

    [texts]
    "TCP: request_sock_TCP: Possible SYN flooding on port 80." = 1
    "nf_conntrack: table full, dropping packet" = 1
    "#);
}

#[test]
fn of_entries_by_variant() {
    let text = CROWD.replace("[give-or-take]\n", "[give-or-take]\nentries = { default = 2 }\n");
    let most = |variant| outcome(&loaded(&text), variant, crowd(0))["table"]["count_most"].to_string();
    assert_eq!([most("default"), most("tuned")], ["\"50 ± 2\"", "50"]);
}

/// nginx says it once for each visitor that it finds no upstream for: as near as how they fared, and no other line is.
#[test]
fn of_what_nginx_says_for_each_visitor() {
    let text = CROWD.replace("[give-or-take]\n", "[give-or-take]\nvisitors = { default = 3 }\n");
    let said = [("connect() failed (99: x) while connecting to upstream", 9), ("accept4() failed (23: x)", 5)];
    let texts = said.map(|(text, n)| (text.to_owned(), n)).into();
    let events = vec![Stamped { at_us: 0, event: Event::NginxLog { texts } }];
    let log = |variant| shown(&outcome(&loaded(&text), variant, events.clone())["nginx_log"]);
    insta::assert_snapshot!(log("default") + &log("tuned"), @r#"
    lines = "14 ± 3"

    [texts]
    "accept4() failed (23: x)" = 5
    "connect() failed (99: x) while connecting to upstream" = "9 ± 3"
    lines = 14

    [texts]
    "accept4() failed (23: x)" = 5
    "connect() failed (99: x) while connecting to upstream" = 9
    "#);
}

#[test]
fn a_table_that_nobody_is_named_for_is_exact() {
    let nobody = CROWD.replace("crowded = { many = 10, few = 10, robots = 4 }", "");
    let outcome = outcome(&loaded(&nobody), "default", crowd(0));
    for part in ["phases", "visitors", "log"] {
        assert!(!shown(&outcome[part]).contains('±'), "{part}");
    }
    assert_eq!(outcome["table"]["drops"].as_integer(), Some(153));
}

/// Where the table may fill a phase sooner or later, the scenario names the phases, and these are near where it was full in any.
#[test]
fn of_phases_that_the_scenario_names() {
    let named = CROWD.replace("[give-or-take]\n", "[give-or-take]\ncrowded-in = [\"room\", \"full\"]\n");
    let phases = |text: &str, events| shown(&outcome(&loaded(text), "default", events)["phases"]["room"]);
    assert!(!phases(CROWD, crowd(0)).contains('±') && phases(&named, crowd(0)).contains("served = \"40 ± 10\""));
    let never_full = crowd(0).into_iter().filter(|stamped| !matches!(stamped.event, Event::TableFull { .. }));
    let never_full = never_full.filter(|stamped| !matches!(stamped.event, Event::Log { .. })).collect();
    assert!(!phases(&named, never_full).contains('±'));
}

#[test]
fn of_measures_by_variant() {
    let scenario = loaded(CROWD);
    let measured = |variant| shown(&outcome(&scenario, variant, crowd(0))["measured"]);
    insta::assert_snapshot!(measured("default") + &measured("tuned"), @r#"
    lost = "51 ± 7"
    most = "50 ± 5"
    lost = 51
    most = "50 ± 2"
    "#);
}

/// fs.file-max is a share of the memory that is free at boot, and no two builds have the same free; what a variant sets is set.
#[test]
fn of_a_default_that_is_counted_at_boot() {
    let scenario = loaded(&CROWD.replace("[variant.tuned]", "[variant.tuned]\nsysctls = { \"fs.file-max\" = 700 }"));
    let has = |variant, value: &str| {
        let (name, value) = ("fs.file-max".to_owned(), Some(value.to_owned()));
        let event = Stamped { at_us: 0, event: Event::Sysctl { name, value } };
        outcome(&scenario, variant, vec![event])["sysctls"]["fs.file-max"].as_str().unwrap().to_owned()
    };
    assert_eq!((has("default", "97979").as_str(), has("tuned", "700").as_str()), ("97979 ± 979", "700"));
}

#[test]
fn of_what_is_not_there() {
    let text = CROWD.replace("few = 10", "fwe = 10").replace("{ default = 7 }", "{ defualt = 7 }");
    let (home, folder) = made::scenario("crowd", &text, &[]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}

/// A scenario that says another band is seen, even where the stored one admits what came.
#[test]
fn a_stored_band_does_not_outlive_its_rule() {
    let (home, _) = made::scenario("crowd", CROWD, &[]);
    let compare = |text: &str, lucky, mode| {
        let scenario = loaded(text);
        let outcome = outcome(&scenario, "default", crowd(lucky));
        let (scenario, image) = (scenario.name, "debian-12".to_owned());
        let variants = vec![("default".to_owned(), outcome)];
        let document = Document { scenario, image, variants, claims: Vec::new(), whole: true };
        snapshot::compare(&Shelf::of_project(home.path(), "small"), &document, mode).unwrap()
    };
    compare(CROWD, 0, Mode::Accept);
    assert_eq!(compare(CROWD, 3, Mode::Check), Comparison::Matches, "within all bands");
    assert!(matches!(compare(CROWD, 11, Mode::Check), Comparison::Differs { .. }), "beyond them");
    for (old, new, line) in [
        ("{ default = 7 }", "{ default = 5 }", "lost = \"51 ± 5\""),
        ("{ default = \"10 %\" }", "\"20 %\"", "most = \"50 ± 10\""),
        ("{ default = 7 }", "{ tuned = 7 }", "lost = 51"),
    ] {
        let text = CROWD.replace(old, new);
        let Comparison::Differs { diff, .. } = compare(&text, 0, Mode::Check) else { panic!("{new} must differ") };
        assert!(diff.contains(&format!("+{line}")), "{diff}");
    }
}

#[test]
fn of_one_rule() {
    let num = |value, within| tunelab::outcome::Num { value, within };
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
