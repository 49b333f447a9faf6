//! Clients that are no browsers, and what is counted of clients and of the log.

use crate::made::{self, SMALL};
use std::collections::BTreeMap;
use tunelab::{
    outcome::{Outcome, Record},
    plan,
    report::diagnostic,
    scenario::{Scenario, load},
};
use tunelab_protocol::{
    Close, Event, Injected, Listen, Outcome as Of, Pace, Packet, Plan, Protocol, Reply, ServiceKind, Stamped,
};

/// A second host, two more networks and six more ways to visit.
const VISITING: &str = r#"
[host.outside]
addresses = "10.200.0.1"
[network.internet]
[network.near]
on-link = true
[network.out]
hosts = ["server", "outside"]
on-link = true
[service.echo]
kind = "udp"
listen = "10.0.0.1:53"
[service.outside]
on = "outside"
kind = "http"
listen = ":80"
[clients.flood]
from = "internet"
addresses = "10.11.0.0/16"
protocol = "SYN"
[clients.pings]
from = "near"
addresses = "10.12.0.0/16"
protocol = "ICMP"
times = 3
path = ["/a", "/b"]
[clients.own]
from = "server"
to = "outside"
close = "never"
[clients.own-queries]
from = "server"
to = "outside:53"
protocol = "UDP"
[clients.own-beyond]
from = "server"
protocol = "UDP6"
[clients.own-packets]
from = "server"
protocol = "RAW6"
[clients.forgetful]
from = "internet"
addresses = "10.14.0.0/16"
source-port = 40000
sequence = "older"
close = "client"
[clients.gone]"#;

/// [`VISITING`] in the small scenario, whose own clients are in the network `internet`.
fn visiting(more: &str) -> String {
    SMALL.replace("addresses = ", "from = \"internet\"\naddresses = ").replace("[clients.gone]", more)
}

fn scenario(text: &str) -> Scenario {
    let (_home, folder) = made::scenario("small", text, &[("base.conf", "")]);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

fn plan_of(scenario: &Scenario) -> Plan {
    plan::plan(scenario, &scenario.variants[0], 1)
}

#[test]
fn who_is_where_and_speaks_what() {
    let plan = plan_of(&scenario(&visiting(VISITING)));
    let clients = |name: &str| plan.clients.iter().find(|clients| clients.name == name).unwrap();
    let place = |name: &str| (clients(name).host.as_str(), clients(name).visit.protocol);
    assert_eq!(place("flood"), ("internet", Protocol::Syn));
    assert_eq!(place("pings"), ("near", Protocol::Icmp));
    assert_eq!(clients("pings").visit.paths, ["/a", "/b", "/a", "/b", "/a", "/b"]);
    assert_eq!(place("own"), ("server", Protocol::Http));
    assert_eq!(clients("own").addresses, None, "the server's own");
    assert_eq!(clients("own").target.to_string(), "10.200.0.1:80");
    assert_eq!(place("own-queries"), ("server", Protocol::Udp));
    assert_eq!(clients("own-queries").target.to_string(), "10.200.0.1:53");
    assert_eq!(place("own-beyond"), ("server", Protocol::Udp6));
    assert_eq!(place("own-packets"), ("server", Protocol::Raw6));
    assert!(clients("forgetful").visit.older_sequence && !clients("gone").visit.older_sequence);
    assert_eq!(place("gone"), ("internet", Protocol::Http));
    assert_eq!(clients("gone").target.to_string(), "10.0.0.1:80");
    let on_link = |to: &str| plan.server().routes.iter().find(|route| route.to.to_string() == to).unwrap().on_link;
    let to = ["10.2.0.0/16", "10.11.0.0/16", "10.12.0.0/16", "10.200.0.1/32"];
    assert_eq!(to.map(on_link), [false, false, true, true], "each address is looked for where the network says so");
    let silent: Vec<_> = plan.hosts.iter().flat_map(|host| &host.ranges).filter(|range| range.silent).collect();
    assert_eq!(silent.iter().map(|range| range.subnet.to_string()).collect::<Vec<_>>(), ["10.11.0.0/16"]);
    let listens = |name: &str| match &plan.services.iter().find(|service| service.name == name).unwrap().kind {
        ServiceKind::Server(server) => server.listen.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(listens("echo"), Listen::Udp("10.0.0.1:53".parse().unwrap()));
    assert_eq!(listens("outside"), Listen::Tcp("0.0.0.0:80".parse().unwrap()), "`:80` is any address");
    let line = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&line).unwrap(), plan);
}

#[test]
fn what_does_not_go_together() {
    let wrong = VISITING
        .replace("\"10.0.0.1:53\"", "\"unix:/run/echo.sock\"")
        .replace("on = \"outside\"\n", "on = \"outsid\"\n")
        .replace("protocol = \"SYN\"", "protocol = \"SYNS\"")
        .replace("times = 3", "times = 0\nclose = \"never\"")
        .replace(
            "close = \"never\"\n[clients.own-q",
            "close = \"vanish\"\naddresses = \"10.13.0.0/16\"\n[clients.own-q",
        )
        .replace("protocol = \"UDP\"", "protocol = \"SYN\"\nretries = 2")
        .replace(
            "from = \"server\"\nprotocol = \"UDP6\"",
            "from = \"internet\"\naddresses = \"10.15.0.0/16\"\nprotocol = \"UDP6\"",
        )
        .replace(
            "from = \"server\"\nprotocol = \"RAW6\"",
            "from = \"near\"\naddresses = \"10.16.0.0/16\"\nprotocol = \"RAW6\"",
        )
        .replace("sequence = \"older\"", "sequence = \"old\"\nbody = \"1 kB\"")
        .replace("from = \"near\"\naddresses = \"10.12", "from = \"naer\"\naddresses = \"10.12");
    let (home, folder) = made::scenario("wrong", &visiting(&wrong), &[("base.conf", "")]);
    let error = load(&folder).expect_err("must be refused");
    insta::assert_snapshot!(diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), ""));
}

/// Clients that are slow, gone early, or not alone on their connection; and servers that do not answer as most do.
const UNUSUAL: &str = r#"
[service.app]
kind = "http"
listen = ":80"
answer = 503
close = "never"
[service.slow]
kind = "udp"
listen = "10.0.0.1:53"
read-every = "10 ms"
[clients.slow]
addresses = "10.11.0.0/16"
send = { bytes = "10 B", every = "1 s" }
inject = { packet = "ack", offset = -1 }
close = "half"
[clients.log]
addresses = "10.12.0.1"
wait = false
source-port = 40000
close = "vanish"
[clients.pooled]
addresses = "10.13.0.1"
read = { bytes = "4 kB", every = "1 s" }
close.pool = { size = 4, idle = "1 min" }
[clients.resolver]
addresses = "10.14.0.1"
to = "server:53"
protocol = "DNS"
times = 64
in-flight = 8
[clients.gone]"#;

#[test]
fn what_most_clients_and_servers_do_not_do() {
    let plan = plan_of(&scenario(&SMALL.replace("[clients.gone]", UNUSUAL)));
    let visit = |name: &str| &plan.clients.iter().find(|clients| clients.name == name).unwrap().visit;
    assert_eq!(visit("slow").sends, Some(Pace { bytes: 10, every_us: 1_000_000 }));
    assert_eq!(visit("slow").injected, Some(Injected { packet: Packet::Ack, offset: -1 }));
    assert_eq!(visit("slow").close, Close::Half);
    assert!(visit("log").ignores_answers && !visit("slow").ignores_answers);
    assert_eq!(visit("pooled").reads, Some(Pace { bytes: 4000, every_us: 1_000_000 }));
    assert_eq!(visit("pooled").close, Close::Pool { size: 4, idle_us: Some(60_000_000) });
    assert_eq!((visit("resolver").in_flight, visit("slow").in_flight), (8, 1));
    let server = |name: &str| match &plan.services.iter().find(|service| service.name == name).unwrap().kind {
        ServiceKind::Server(server) => server,
        other => panic!("{other:?}"),
    };
    assert_eq!((server("app").reply, server("app").never_closes), (Reply::Status(503), true));
    assert_eq!((server("slow").read_every_us, server("app").read_every_us), (10_000, 0));
}

#[test]
fn links_that_cannot_be() {
    let wrong = "[network.internet]\nby = \"agent\"\n[network.far]\nreorder = \"1 %\"\n[network.farther]\ndelay = \"1 ms\"\nby = \"netmem\"\n\
                 [clients.far]\nfrom = \"far\"\naddresses = \"10.9.0.0/16\"\nclose = \"never\"\n\
                 [clients.farther]\nfrom = \"farther\"\naddresses = \"10.8.0.0/16\"\nclose = \"never\"\n[clients.gone]";
    let (home, folder) = made::scenario("wrong", &visiting(wrong), &[("base.conf", "")]);
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
        let outcomes = made::outcomes([(Of::Served, served), (Of::LocalError, 2)]);
        let (phase, clients) = (phase.to_owned(), "clean".to_owned());
        let errors = BTreeMap::from([(errno.to_owned(), 2)]);
        let (connect, per_1000_s, answers) = (None, None, Vec::new());
        at(at_us, Event::Round { phase, round: 0, clients, outcomes, connect, per_1000_s, errors, answers })
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
