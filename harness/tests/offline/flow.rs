//! Readings from answers, nginx's log and limits of open files: in scenario files, and in outcomes.

use crate::made::{self, SMALL};
use tunelab::{
    outcome::{Outcome, Record},
    plan,
    report::diagnostic,
    scenario::{Scenario, load},
};
use tunelab_protocol::{Answer, Event, LimitOf, ServiceKind, Stamped, StartedBy};

const SLOW: &str = r#"
[network.internet]
delay = "10 ms"
[clients.slow]
addresses = "10.3.0.0/16"
flights = true
path = ["/a", "/b"]
pause = ["50 ms", "210 ms", "5 s"]
close = "client"
[metric.answer]
value = "max(response_time)"
[metric.answer-after-50]
value = "max(response_time)"
where = { after-pause = "50 ms" }
[metric.round-trips]
value = "max(round_trips)"
[metric.first-bytes]
value = "min(flight[1].bytes)"
[metric.first-segments]
value = "min(flight[1].segments)"
[metric.third]
value = "min(flight[3].bytes)"
[metric.rto]
value = "max(server.rto)"
[metric.window]
value = "min(server.cwnd)"
[metric.falls]
value = "min(pause.window_reduced)"
[metric.holds]
value = "max(pause.window_kept)"
[metric.eagain]
value = "count(log.nginx, '(11: ')"
[probe]
nginx-log = "followed"
open-file-limits = ["nginx-worker", "login:nobody"]
"#;

const NGINX: &str = "[service.nginx]\nconfig = \"nginx.conf\"\nstarted-by = \"init\"\n";

fn loaded(text: &str) -> Scenario {
    let (_home, folder) = made::scenario("small", text, &[("base.conf", ""), ("nginx.conf", "events {}\n")]);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

fn outcome(scenario: &Scenario, events: Vec<Event>) -> toml::Table {
    let stamped = |event| Stamped { at_us: 0, event };
    let events = [Event::Ready].into_iter().chain(events).chain([Event::Done]).map(stamped).collect();
    let plan = plan::plan(scenario, &scenario.variants[0], 1);
    Outcome::of(&Record { events, fingerprint: String::new() }, &plan, scenario).document()
}

fn answers(answers: Vec<Answer>) -> Event {
    Event::Round {
        phase: "three days".into(),
        round: 0,
        clients: "slow".into(),
        outcomes: Default::default(),
        connect: None,
        per_1000_s: None,
        errors: Default::default(),
        answers,
    }
}

fn answer(paused_ms: u64, flights: &[u64], window: Option<(u32, u32)>) -> Answer {
    Answer {
        paused_us: paused_ms * 1000,
        took_us: flights.len() as u64 * 20_400,
        flights: flights.to_vec(),
        mss: 1448,
        server_rto_ms: window.map(|_| 220),
        server_cwnd: window.map(|(before, _)| before),
        sent_with_cwnd: window.map(|(_, sent)| sent),
    }
}

fn part(outcome: &toml::Table, key: &str) -> String {
    toml::to_string_pretty(outcome[key].as_table().unwrap()).unwrap()
}

#[test]
fn answers_by_flights() {
    let scenario = loaded(&SMALL.replace("[probe]", SLOW));
    let told = answers(vec![
        answer(0, &[14_480, 28_960, 500], None),
        answer(50, &[43_940], Some((40, 80))),
        answer(210, &[43_940], Some((80, 40))),
        answer(5_000, &[14_481, 29_459], Some((80, 10))),
    ]);
    insta::assert_snapshot!(part(&outcome(&scenario, vec![told]), "metrics"), @r#"
    answer = "61 ms"
    answer-after-50 = "20 ms"
    eagain = "absent"
    failed = 0
    falls = "210 ms"
    first-bytes = "14480 B"
    first-segments = 10
    full-rounds = "absent"
    holds = "50 ms"
    log-lines = 0
    round-trips = 3
    rto = "220 ms"
    suppressed-lines = "0 ± 60"
    third = "500 B"
    window = 10
    "#);
}

#[test]
fn a_window_that_stays_falls_after_no_pause() {
    let scenario = loaded(&SMALL.replace("[probe]", SLOW));
    let told = answers(vec![answer(50, &[9], Some((40, 80))), answer(5_000, &[9], Some((80, 80)))]);
    let metrics = outcome(&scenario, vec![told])["metrics"].clone();
    assert_eq!(metrics["falls"].as_str(), Some("absent"));
    assert_eq!(metrics["holds"].as_str(), Some("5000 ms"));
    assert_eq!(metrics["third"].as_str(), Some("absent"), "there was no third flight");
}

#[test]
fn nginx_log_and_limits() {
    let scenario = loaded(&SMALL.replace("[probe]", SLOW));
    let eagain = "connect() failed (11: Resource temporarily unavailable) while connecting to upstream";
    let texts = [(eagain.to_owned(), 132), ("accept4() failed (24: Too many open files)".to_owned(), 3)];
    let limit = Event::OpenFileLimit { of: "login-nobody".into(), soft: 1024, hard: 4096 };
    let outcome = outcome(&scenario, vec![limit, Event::NginxLog { texts: texts.into() }]);
    assert_eq!(outcome["metrics"]["eagain"].as_integer(), Some(132));
    insta::assert_snapshot!(part(&outcome, "nginx-log") + &part(&outcome, "open-files"), @r#"
    lines = 135

    [texts]
    "accept4() failed (24: Too many open files)" = 3
    "connect() failed (11: Resource temporarily unavailable) while connecting to upstream" = 132
    [login-nobody]
    soft = 1024
    hard = 4096
    "#);
}

#[test]
fn what_nobody_asked_for_is_not_there() {
    let (_home, scenario) = made::small();
    let outcome = outcome(&scenario, Vec::new());
    assert!(!outcome.contains_key("nginx-log") && !outcome.contains_key("open-files"));
}

#[test]
fn claims_about_limits() {
    let with = |expression: &str| SMALL.replace("[probe]", SLOW).replace("log-lines == 1", expression);
    for expression in
        ["open-files.login-nobody.soft == 1", "falls == 'absent'", "falls > 200 ms", "first-bytes <= 14480 B"]
    {
        loaded(&with(expression));
    }
    for (wrong, why) in [
        ("open-files.login-root.soft == 1", "there is no `open-files.login-root.soft`"),
        ("falls > 200", "it is a time"),
        ("falls > window", "compares numbers of two units"),
        ("window contains 'x'", "has something other than a list on its left side"),
    ] {
        let (_home, folder) = made::scenario("small", &with(wrong), &[("base.conf", "")]);
        let said = diagnostic::render(&load(&folder).expect_err(wrong), false);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn into_the_plan() {
    let text = SMALL.replace("[probe]", SLOW).replace("[host.server]", &format!("{NGINX}[host.server]\ninitcwnd = 3"));
    let text = text.replace("[variant.tuned]", "[variant.tuned]\nservice.nginx.started-by = \"login:nobody\"");
    let scenario = loaded(&text);
    let of = |variant: usize| plan::plan(&scenario, &scenario.variants[variant], 1);
    let clients = |name: &str| of(0).clients.iter().find(|clients| clients.name == name).unwrap().clone();
    let visit = clients("slow").visit;
    assert_eq!(visit.paths, ["/a", "/b", "/a", "/b"], "one more than there are pauses");
    assert_eq!(visit.pauses_us, [50_000, 210_000, 5_000_000]);
    assert_eq!((visit.half_trip_us, clients("clean").visit.half_trip_us), (Some(10_000), None));
    for variant in [0, 1] {
        let plan = of(variant);
        let windows: Vec<_> = plan.server().routes.iter().map(|route| (route.to.to_string(), route.initcwnd)).collect();
        let to = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"];
        assert_eq!(windows, to.map(|to| (to.to_owned(), Some(3))), "to all clients");
    }
    let started_by = |variant: usize| match &of(variant).services[..] {
        [nginx] => match &nginx.kind {
            ServiceKind::Nginx { started_by, .. } => started_by.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(started_by(0), StartedBy::Init);
    assert_eq!(started_by(1), StartedBy::Login("nobody".into()));
    assert_eq!(of(0).report_limits, [LimitOf::NginxWorker, LimitOf::Login("nobody".into())]);
}

#[test]
fn refused() {
    let wrong = r#"
[clients.near]
addresses = "10.3.0.0/16"
flights = true
close = "never"
[metric.zeroth]
value = "min(flight[0].bytes)"
[metric.word]
value = "min(pause.window_reduced)"
[metric.says]
value = "count(log.nginx, 'x')"
[probe]
open-file-limits = ["nginx", "login:No body"]
"#;
    let nginx = NGINX.replace("\"init\"", "\"systemd\"");
    let text = SMALL.replace("[probe]", wrong).replace("[host.server]", &format!("{nginx}[host.server]"));
    let (home, folder) = made::scenario("wrong", &text, &[("base.conf", ""), ("nginx.conf", "events {}\n")]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}
