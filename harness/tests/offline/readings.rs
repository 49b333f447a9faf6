//! Readings of hosts, counters of firewall rules, logs of services: how metrics ask for them, and what a record says.

use crate::made::{self, Made, SMALL};
use tunelab::{
    outcome::{Outcome, Record},
    plan,
    report::diagnostic,
    scenario::{Scenario, load},
};
use tunelab_protocol::{CountedRule, Event, Stamped};

/// Replaces `[probe]` of [`SMALL`].
const ASKING: &str = r#"
[host.gateway]
forwards = true
firewall = ["nat.v4"]
[network.internet]
hosts = ["gateway", "server"]
[network.inside]
hosts = ["gateway", "server"]
[service.app]
kind = "http"
listen = ":80"
log = "/run/app.log"
[metric.entries]
value = "max(conntrack.count)"
[metric.gateway-entries]
value = "max(conntrack.count)"
where = { host = "gateway" }
[metric.queue]
value = "max(listen.80.queue)"
[metric.gateway-queue]
value = "max(listen.8080.queue)"
where = { host = "gateway" }
[metric.app-queue]
value = "max(listen.app.queue)"
[metric.files]
value = "max(files.app.worker)"
[metric.masked]
value = "count(rule.packets, '-j MASQUERADE')"
where = { host = "gateway" }
[metric.masked-bytes]
value = "count(rule.bytes, '-j MASQUERADE')"
where = { host = "gateway" }
[metric.dropped]
value = "count(rule.packets, '-j DROP')"
where = { host = "gateway" }
[metric.errors]
value = "count(log.app, 'error')"
[metric.lines]
value = "count(log.app)"
where = { phase = "three days" }
[series.resent]
of = "connection.443.retransmitted"
every = "1 d"
[series.gateway]
of = "conntrack.count"
every = "10 d"
where = { host = "gateway" }
[probe]
conntrack = { every = "1 h", hosts = ["gateway", "server"] }
listeners = { every = "1 s", hosts = ["server", "gateway"] }
connections = "1 s"
open-files = "1 h"
service-log = "followed"
conntrack-entries = "followed"
"#;

const NAT: &str =
    "*nat\n-A POSTROUTING -o internet -j MASQUERADE\nCOMMIT\n*filter\n-A FORWARD -p udp -j DROP\nCOMMIT\n";

fn text(more: &str) -> String {
    let text = SMALL.replace("[probe]\nconntrack = \"1 h\"\nconntrack-entries = \"followed\"\n", more);
    text.replace("addresses = \"10.", "from = \"internet\"\naddresses = \"10.")
}

fn scenario() -> Scenario {
    let (_home, folder) = made::scenario("asking", &text(ASKING), &[("base.conf", ""), ("nat.v4", NAT)]);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

#[test]
fn probes_are_told_what_metrics_ask_for_and_where() {
    let scenario = scenario();
    let plan = plan::plan(&scenario, &scenario.variants[0], 1);
    let probe = |key: &str| plan.probes.iter().find(|probe| probe.key == key).unwrap();
    assert_eq!(probe("listeners").of, ["80", "8080", "app"]);
    assert_eq!(probe("connections").of, ["443"], "a series asks too");
    assert_eq!(probe("open-files").of, ["app"]);
    assert_eq!(probe("service-log").of, ["app"]);
    assert_eq!(
        (&probe("conntrack").hosts[..], probe("conntrack").of.len()),
        (&["gateway".into(), "server".into()][..], 0)
    );
    assert!(probe("connections").hosts.is_empty(), "the server alone");
    assert_eq!(plan.services[0].log.as_deref(), Some("/run/app.log"));
}

fn rule(place: &str, table: &str, text: &str, packets: u64) -> CountedRule {
    let (place, table, text) = (Some(place.to_owned()), table.to_owned(), text.to_owned());
    CountedRule { place, table, chain: "X".into(), text, packets, bytes: packets * 60 }
}

#[test]
fn what_a_record_says_of_them() {
    let scenario = scenario();
    let plan = plan::plan(&scenario, &scenario.variants[0], 1);
    let sample = |values: &[(&str, u64)]| Event::Sample {
        values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
    };
    let log = |texts: &[(&str, u64)]| Event::ServiceLog {
        service: "app".into(),
        texts: texts.iter().map(|(text, n)| ((*text).to_owned(), *n)).collect(),
    };
    let at_the_end = vec![
        rule("nat.v4:2", "nat", "-A POSTROUTING -o internet -j MASQUERADE", 7),
        rule("nat.v4:5", "filter", "-A FORWARD -p udp -j DROP", 0),
    ];
    let replaced = vec![
        rule("nat.v4:2", "nat", "-A POSTROUTING -o internet -j MASQUERADE", 0),
        rule("old.v4:5", "filter", "-A FORWARD -p udp -j DROP", 2),
    ];
    let rules = |rules| Event::Rules { host: "gateway".into(), rules };
    let events = [
        Event::Ready,
        log(&[("error: it begins", 1)]),
        Event::Phase { name: "three days".into() },
        sample(&[("conntrack.count", 3), ("conntrack.drop", 0), ("listen.80.queue", 9), ("files.app.worker", 12)]),
        sample(&[("gateway: conntrack.count", 50), ("gateway: conntrack.drop", 4), ("gateway: listen.8080.queue", 1)]),
        log(&[("error: x", 2), ("fine", 3)]),
        rules(replaced),
        rules(at_the_end),
        Event::Done,
    ];
    let events = (0..).zip(events).map(|(at_us, event)| Stamped { at_us, event }).collect();
    let outcome = Outcome::of(&Record { events, fingerprint: String::new() }, &plan, &scenario);
    assert_eq!(outcome.unmet_rules, ["gateway: nat.v4:5: filter: -A FORWARD -p udp -j DROP"]);
    assert_eq!(outcome.table.as_ref().map(|table| (table.count_most, table.drops)), None, "it has no limit");
    insta::assert_snapshot!(toml::to_string_pretty(outcome.document()["metrics"].as_table().unwrap()).unwrap(), @r#"
    app-queue = "absent"
    dropped = 2
    entries = 3
    errors = 3
    failed = 0
    files = 12
    full-rounds = 0
    gateway-entries = 50
    gateway-queue = 1
    lines = 5
    log-lines = 0
    masked = 7
    masked-bytes = "420 B"
    queue = 9
    suppressed-lines = "0 ± 60"
    "#);
    assert_eq!(outcome.document()["series"]["gateway"].to_string(), "{ 000000-s = 50 }");
    let facts = outcome.facts(&scenario);
    assert!(!facts.contains_key("log") && !facts.contains_key("unmet-rules"), "a snapshot has none of it: {facts}");
}

#[test]
fn what_was_not_told_is_absent() {
    let scenario = scenario();
    let plan = plan::plan(&scenario, &scenario.variants[0], 1);
    let outcome = Outcome::of(&Record::parse(&Made::default().bytes()).unwrap(), &plan, &scenario).document();
    for name in ["masked", "errors", "gateway-entries", "queue"] {
        assert_eq!(outcome["metrics"][name].as_str(), Some("absent"), "{name}");
    }
}

fn refused(more: &str, nft: &str) -> String {
    let files = [("base.conf", ""), ("nat.v4", NAT), ("rules.nft", nft)];
    let (_home, folder) = made::scenario("asking", &text(more), &files);
    let error = load(&folder).expect_err("must be refused");
    diagnostic::render(&error, false)
}

#[test]
fn a_service_is_on_its_host() {
    let asking = ASKING.replace("max(listen.80.queue)\"", "max(listen.app.queue)\"\nwhere = { host = \"gateway\" }");
    let said = refused(&asking, "");
    assert!(said.contains("service `app` does not run on host `gateway`"), "{said}");
    assert!(said.contains("it runs on `server`"), "{said}");
}

#[test]
fn a_rule_of_nftables_counts_if_it_says_so() {
    let asking =
        ASKING.replace("nat.v4", "rules.nft").replace("-j MASQUERADE", "masquerade").replace("-j DROP", "drop");
    let nft = |rule: &str| format!("table ip nat {{\n chain post {{\n  {rule}\n counter drop\n }}\n}}\n");
    let said = refused(&asking, &nft("oifname \"internet\" masquerade"));
    assert!(said.contains("the rule with `masquerade` has no counter"), "{said}");
    let files = [("base.conf", ""), ("rules.nft", &nft("oifname \"internet\" counter masquerade"))];
    let (_home, folder) = made::scenario("asking", &text(&asking), &files);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
}

#[test]
fn a_service_does_not_take_the_name_of_a_reading() {
    let asking = ASKING.replace("[service.app]", "[service.limit]").replace("log = \"/run/app.log\"\n", "");
    let asking = asking.replace("files.app.worker", "files.limit").replace("log.app", "log.limit");
    let said = refused(&asking, "");
    assert!(said.contains("`files.limit` does not mean service `limit`"), "{said}");
}
