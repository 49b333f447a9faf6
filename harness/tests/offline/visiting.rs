//! Clients that are no browsers, and what is counted of clients and of the log.

use crate::made::{self, SMALL};
use std::collections::BTreeMap;
use tunelab::{
    outcome::{Outcome, Record},
    plan,
    report::diagnostic,
    scenario::{Scenario, load},
};
use tunelab_protocol::{At, Event, Listen, Plan, Speech, Stamped, Visits};

/// A second upstream and five more ways to visit.
const VISITING: &str = r#"
[backend.echo]
listen = "udp:10.0.0.1:53"
[upstream.outside]
address = "10.200.0.1"
at = "on-link"
[clients.flood]
subnet = "10.11.0.0/16"
protocol = "SYN"
[clients.pings]
subnet = "10.12.0.0/16"
at = "on-link"
protocol = "ICMP"
times = 3
path = ["/a", "/b"]
[clients.own]
at = "server"
upstream = "outside"
close = "never"
[clients.own-queries]
at = "server"
upstream = "outside"
protocol = "UDP"
[clients.own-beyond]
at = "server"
protocol = "UDP6"
[clients.own-packets]
at = "server"
protocol = "RAW6"
[clients.forgetful]
subnet = "10.14.0.0/16"
source-port = 40000
sequence = "older"
close = "client"
[clients.gone]"#;

fn scenario(text: &str) -> Scenario {
    let (_home, folder) = made::scenario("small", text, &[("base.conf", "")]);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

fn plan_of(scenario: &Scenario) -> Plan {
    plan::plan(scenario, &scenario.variants[0], 1)
}

#[test]
fn who_is_where_and_speaks_what() {
    let plan = plan_of(&scenario(&SMALL.replace("[clients.gone]", VISITING)));
    let population = |name: &str| plan.populations.iter().find(|p| p.name == name).unwrap();
    assert_eq!(population("flood").visit.speech, Speech::Syn);
    assert_eq!((population("pings").at, population("pings").visit.speech), (At::OnLink, Speech::Icmp));
    assert_eq!(population("pings").visit.paths, ["/a", "/b", "/a", "/b", "/a", "/b"]);
    assert_eq!(population("own").subnet.to_string(), "10.0.0.1/32");
    assert_eq!((population("own-queries").at, population("own-queries").visit.speech), (At::Server, Speech::Udp));
    assert_eq!((population("own-beyond").at, population("own-beyond").visit.speech), (At::Server, Speech::Udp6));
    assert_eq!((population("own-packets").at, population("own-packets").visit.speech), (At::Server, Speech::Raw6));
    assert!(population("forgetful").visit.older_sequence && !population("gone").visit.older_sequence);
    assert_eq!((population("gone").at, population("gone").visit.speech), (At::BehindARoute, Speech::Http));
    assert_eq!(plan.upstreams[0].at, At::OnLink);
    assert_eq!(plan.server.backends[0].listen, Listen::Udp("10.0.0.1:53".parse().unwrap()));
    let line = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&line).unwrap(), plan);
}

#[test]
fn what_does_not_go_together() {
    let wrong = VISITING
        .replace("\"udp:10.0.0.1:53\"", "\"udp:53\"")
        .replace("at = \"on-link\"\n[clients.flood]", "at = \"server\"\n[clients.flood]")
        .replace("protocol = \"SYN\"", "protocol = \"SYNS\"")
        .replace("times = 3", "times = 0\nclose = \"never\"")
        .replace("close = \"never\"\n[clients.own-q", "close = \"vanish\"\nsubnet = \"10.13.0.0/16\"\n[clients.own-q")
        .replace("protocol = \"UDP\"", "protocol = \"SYN\"")
        .replace("at = \"server\"\nprotocol = \"UDP6\"", "subnet = \"10.15.0.0/16\"\nprotocol = \"UDP6\"")
        .replace("at = \"server\"\nprotocol = \"RAW6\"", "subnet = \"10.16.0.0/16\"\nprotocol = \"RAW6\"")
        .replace("sequence = \"older\"", "sequence = \"old\"")
        .replace("at = \"on-link\"\nprotocol = \"ICMP\"", "at = \"onlink\"\nprotocol = \"ICMP\"");
    let (home, folder) = made::scenario("wrong", &SMALL.replace("[clients.gone]", &wrong), &[("base.conf", "")]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}

#[test]
fn links_that_cannot_be() {
    let wrong = "link = { by = \"agent\" }\n[clients.far]\nsubnet = \"10.9.0.0/16\"\nclose = \"never\"\nlink = { reorder = \"1 %\" }\n\
                 [clients.farther]\nsubnet = \"10.8.0.0/16\"\nclose = \"never\"\nlink = { delay = \"1 ms\", by = \"netmem\" }\n[clients.gone]";
    let (home, folder) = made::scenario("wrong", &SMALL.replace("[clients.gone]", wrong), &[("base.conf", "")]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}

/// Replaces `[probe]` of [`SMALL`].
const METRICS: &str = r#"
[[phase]]
name = "after"
rounds = 1
every = "1 h"
clients = { clean = 4 }
[metric.served]
value = "count(served)"
where = { clients = "clean" }
[metric.served-after]
value = "count(served)"
where = { phase = "after" }
[metric.enobufs]
value = "count(ENOBUFS)"
[metric.eperm]
value = "count(EPERM)"
[metric.lines]
value = "count(log.kernel, 'table full')"
[metric.lines-after]
value = "count(log.kernel, 'table full')"
where = { phase = "after" }
[metric.ninety]
value = "time_to(conntrack.count >= 90)"
where = { phase = "after" }
[metric.never]
value = "time_to(conntrack.count >= 900)"
[probe]
"#;

#[test]
fn what_is_counted() {
    let scenario = scenario(&SMALL.replace("[probe]", METRICS));
    let at = |at_us, event| Stamped { at_us, event };
    let phase = |at_us, name: &str| at(at_us, Event::Phase { name: name.into() });
    let log = |at_us| at(at_us, Event::Log { level: 4, text: "nf_conntrack: table full, dropping packet".into() });
    let count = |at_us, n| at(at_us, Event::Sample { values: [("conntrack.count".to_owned(), n)].into() });
    let round = |at_us, phase: &str, served, errno: &str| {
        let visits = Visits { served, local_error: 2, ..Visits::default() };
        let (phase, population) = (phase.to_owned(), "clean".to_owned());
        let errors = BTreeMap::from([(errno.to_owned(), 2)]);
        at(
            at_us,
            Event::Round {
                phase,
                round: 0,
                population,
                visits,
                connect: None,
                visit: None,
                per_1000_s: None,
                errors,
                answers: Vec::new(),
            },
        )
    };
    let events = vec![
        log(1),
        at(1_000, Event::Ready),
        phase(1_000, "three days"),
        log(2_000),
        count(2_000, 80),
        round(3_000, "three days", 7, "ENOBUFS"),
        phase(1_001_000, "after"),
        log(1_002_000),
        count(1_501_400, 90),
        round(1_600_000, "after", 4, "EPERM"),
        at(2_000_000, Event::Done),
    ];
    let record = Record { events, fingerprint: String::new() };
    let outcome = Outcome::of(&record, &plan_of(&scenario), &scenario).document();
    insta::assert_snapshot!(toml::to_string_pretty(outcome["metrics"].as_table().unwrap()).unwrap(), @r#"
    enobufs = 2
    eperm = 2
    failed = 4
    full-rounds = 1
    lines = 2
    lines-after = 1
    log-lines = 2
    never = "absent"
    ninety = "500 ms"
    served = 11
    served-after = 4
    suppressed-lines = "0 ± 60"
    "#);
}

#[test]
fn what_cannot_be_counted() {
    let wrong = METRICS
        .replace("count(ENOBUFS)", "count(serve)")
        .replace("conntrack.count >= 90)", "conntrack.count > 90)")
        .replace("conntrack.count >= 900", "arp_cache.entries >= 900");
    let (home, folder) = made::scenario("wrong", &SMALL.replace("[probe]", &wrong), &[("base.conf", "")]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}
