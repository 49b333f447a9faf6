//! Hosts, networks and services of a scenario's own; variants that are laid over it; changes to the running machine.

use crate::made;
use tunelab::{
    plan,
    report::diagnostic,
    scenario::{Scenario, load},
};
use tunelab_protocol::{Action, Change, Conditions, Listen, Operation, Plan, ServiceKind};

/// A phase and a variant: what each scenario has besides its topology.
const REST: &str = r#"
[[phase]]
name = "hour"
rounds = 2
every = "30 min"
clients = { people = 3 }
[variant.default]
"#;

fn scenario(text: &str) -> Scenario {
    let files = [
        ("rules.v4", "*filter\nCOMMIT\n"),
        ("other.nft", "flush ruleset\n"),
        ("nginx.conf", "events {}\n"),
        ("haproxy.cfg", "frontend a\n"),
    ];
    let (_home, folder) = made::scenario("small", &format!("summary = \"x\"\n{text}"), &files);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

fn plan_of(scenario: &Scenario, variant: &str) -> Plan {
    let plan = plan::plan(scenario, scenario.variant(variant).unwrap(), 1);
    let line = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&line).unwrap(), plan);
    plan
}

/// The plan of a topology with the rest.
fn plan(topology: &str) -> Plan {
    plan_of(&scenario(&format!("{topology}{REST}")), "default")
}

/// All that is wrong with it, each problem in a line, with its place.
fn refused(text: &str) -> String {
    let files = [("rules.v4", "*filter\nCOMMIT\n"), ("nginx.conf", "events {}\n")];
    let (_home, folder) = made::scenario("wrong", &format!("summary = \"x\"\n{text}"), &files);
    let said = diagnostic::render(&load(&folder).expect_err("must be refused"), false);
    let is_said = |line: &&str| line.starts_with("  x ") || line.starts_with("hint: ") || line.starts_with("  | ");
    said.lines().filter(is_said).map(|line| format!("{}\n", line.trim())).collect()
}

/// Each host with its addresses and routes.
fn hosts(plan: &Plan) -> String {
    let mut said = String::new();
    for host in &plan.hosts {
        let own = host.addresses.iter().map(|address| format!(" {address}"));
        let ranges = host.ranges.iter().map(|range| format!(" {}", range.subnet));
        let own: String = own.chain(ranges).collect();
        said += &format!("{}:{own}{}\n", host.name, if host.forwards { ", forwards" } else { "" });
        for route in &host.routes {
            let link = plan.links.iter().find(|link| link.number == route.link).unwrap();
            let end = link.end_of(&host.name).expect("a host has routes by links of its own");
            let to = if route.on_link { "on the link" } else { &link.ends[1 - end].host };
            let source = route.source.map(|source| format!(" from {source}")).unwrap_or_default();
            said += &format!("  {} by {} to {to}{source}\n", route.to, link.ends[end].interface);
        }
    }
    said
}

fn clients_of(plan: &Plan) -> String {
    let of = |clients: &tunelab_protocol::Clients| {
        let addresses = clients.addresses.map_or("its own".to_owned(), |addresses| addresses.to_string());
        format!("{} on {}, {addresses}, to {}\n", clients.name, clients.host, clients.target)
    };
    plan.clients.iter().map(of).collect()
}

const BEHIND_A_GATEWAY: &str = r#"
[host.gateway]
addresses = "10.9.0.1"
forwards = true
firewall = "rules.v4"
[network.home]
hosts = ["gateway"]
interface = "lan"
[network.wan]
hosts = ["gateway", "server"]
interface = "eth0"
delay = "20 ms"
[clients.people]
from = "home"
addresses = "10.1.0.0/16"
close = "client"
"#;

#[test]
fn clients_behind_a_gateway() {
    let plan = plan(BEHIND_A_GATEWAY);
    insta::assert_snapshot!(hosts(&plan) + &clients_of(&plan), @r"
    server: 10.0.0.1
      10.9.0.1/32 by eth0 to gateway from 10.0.0.1
      10.1.0.0/16 by eth0 to gateway from 10.0.0.1
      10.255.1.0/30 by eth0 to gateway from 10.0.0.1
    gateway: 10.9.0.1, forwards
      10.0.0.1/32 by eth0 to server from 10.9.0.1
      10.1.0.0/16 by lan to home from 10.9.0.1
    home: 10.1.0.0/16
      0.0.0.0/0 by link1 to gateway
    people on home, 10.1.0.0/16, to 10.0.0.1:80
    ");
    assert_eq!(plan.server().name, "server", "the first host is the machine under test, whether it is named or not");
    assert_eq!(plan.hosts[1].firewall[0].file, "/run/tunelab/files/rules.v4");
    let links: Vec<_> = plan.links.iter().map(|link| (link.network.as_str(), link.conditions.delay_us)).collect();
    assert_eq!(links, [("home", 0), ("wan", 20_000)], "each network has its own delay");
    assert!(plan.links.iter().all(|link| !link.ipv6), "IPv6 has timers of its own");
}

#[test]
fn clients_of_both_families() {
    let plan = plan(
        r#"
[host.server]
addresses = ["10.0.0.1", "fd00::1"]
initcwnd = 4
[clients.people]
addresses = "fd01::/64"
close = "client"
[clients.others]
addresses = "10.1.0.7"
to = "server:8080"
close = "client"
[clients.own]
from = "server"
to = "[fd00::1]:8080"
close = "client"
"#,
    );
    insta::assert_snapshot!(hosts(&plan) + &clients_of(&plan), @r"
    server: 10.0.0.1 fd00::1
      fd01::/64 by internet to internet from fd00::1
      10.1.0.7/32 by internet to internet from 10.0.0.1
    internet: fd01::/64 10.1.0.7/32
      0.0.0.0/0 by link1 to server
      ::/0 by link1 to server
    people on internet, fd01::/64, to [fd00::1]:80
    others on internet, 10.1.0.7/32, to 10.0.0.1:8080
    own on server, its own, to [fd00::1]:8080
    ");
    assert!(plan.links[0].ipv6);
    assert!(plan.server().routes.iter().all(|route| route.initcwnd == Some(4)));
}

const THREE: &str = r#"
[host.server]
[host.proxy]
[host.backend]
addresses = "10.20.0.1"
[network.rack]
hosts = ["server", "proxy", "backend"]
[service.proxy]
kind = "http"
on = "proxy"
listen = ":80"
[clients.people]
from = "proxy"
to = "backend:8080"
close = "client"
"#;

#[test]
fn three_hosts_on_one_network() {
    let plan = plan(THREE);
    insta::assert_snapshot!(hosts(&plan) + &clients_of(&plan), @r"
    server: 10.0.0.1
      10.0.0.2/32 by rack to rack from 10.0.0.1
      10.20.0.1/32 by rack to rack from 10.0.0.1
      10.255.2.0/30 by rack to rack from 10.0.0.1
      10.255.3.0/30 by rack to rack from 10.0.0.1
    proxy: 10.0.0.2
      0.0.0.0/0 by rack to rack from 10.0.0.2
    backend: 10.20.0.1
      0.0.0.0/0 by rack to rack from 10.20.0.1
    rack:, forwards
      10.0.0.1/32 by link1 to server
      10.0.0.2/32 by link2 to proxy
      10.20.0.1/32 by link3 to backend
    people on proxy, its own, to 10.20.0.1:8080
    ");
    let ends: Vec<_> = plan.links.iter().flat_map(|link| &link.ends).map(|end| end.host.as_str()).collect();
    assert_eq!(ends, ["server", "rack", "proxy", "rack", "backend", "rack"], "the network has a host of its own");
    assert_eq!(plan.services[0].host, "proxy");
}

#[test]
fn what_cannot_be_reached_is_refused() {
    let closed = BEHIND_A_GATEWAY.replace("forwards = true\n", "");
    insta::assert_snapshot!(refused(&format!("{closed}{REST}")), @r"
    x the clients `people` cannot reach host `server`
    hint: a host between them needs `forwards = true`, and each network names its `hosts`
    ");
    let apart = THREE.replace("\"server\", \"proxy\", \"backend\"", "\"server\", \"proxy\"");
    insta::assert_snapshot!(refused(&format!("{apart}{REST}")), @r"
    x the clients `people` cannot reach host `backend`
    hint: a host between them needs `forwards = true`, and each network names its `hosts`
    ");
    let alone = format!("{THREE}[network.attic]\n{REST}");
    insta::assert_snapshot!(refused(&alone), @r"
    x `network.attic` joins neither clients nor a second host
    hint: give it clients (`from`), or a second host (`hosts`)
    ");
    let narrow = THREE.replace("[network.rack]", "[network.rack]\nmtu = 1000");
    plan(&narrow);
    let both = narrow.replace("\"10.20.0.1\"", "[\"10.20.0.1\", \"fd20::1\"]");
    insta::assert_snapshot!(refused(&format!("{both}{REST}")), @r"
    x `network.rack` carries IPv6, which needs an MTU of 1280
    hint: below it the kernel turns IPv6 off (RFC 8200, 5)
    ");
    let lonely = format!("{THREE}[host.lonely]\n{REST}").replace("[host.proxy]", "[host.proxy]\nforwards = true");
    insta::assert_snapshot!(refused(&lonely), @r"
    x host `proxy` forwards, and is on one network only
    hint: it needs a second one, or no `forwards`
    x host `lonely` is on no network
    hint: name it in the `hosts` of one
    ");
    // Nobody has this address: rules may translate it.
    plan(&THREE.replace("\"backend:8080\"", "\"10.99.0.1:80\""));
}

const LAID_OVER: &str = r#"
[host.server]
sysctls = { "net.core.somaxconn" = 16, "net.ipv4.tcp_tw_reuse" = 1 }
firewall = ["rules.v4"]
[service.app]
kind = "http"
listen = ":80"
body = "1 kB"
[service.other]
kind = "http"
listen = ":81"
[clients.people]
addresses = "10.1.0.0/16"
close = "client"
[[phase]]
name = "day"
rounds = 2
every = "1 h"
clients = { people = 3 }
[[phase]]
name = "night"
duration = "8 h"
[[phase]]
name = "morning"
duration = "1 h"
[variant.default]
[variant.other]
host.server.sysctls = { "net.core.somaxconn" = 32, "net.ipv4.tcp_tw_reuse" = "none" }
host.server.firewall = "none"
host.beside.addresses = "10.30.0.1"
network.link.hosts = ["server", "beside"]
network.internet.delay = "5 ms"
service.app.body = "none"
service.app.backlog = 8
service.other = "none"
service.nginx.config = "nginx.conf"
clients.people.from = "internet"
clients.people.timeout = { connect = "1 s" }
phase.day.rounds = 5
phase.night = "none"
"#;

/// Tables are merged, all else is replaced, and `none` takes away.
#[test]
fn a_variant_is_laid_over_the_scenario() {
    let scenario = scenario(LAID_OVER);
    let [default, other] = ["default", "other"].map(|variant| plan_of(&scenario, variant));
    let said = |plan: &Plan| {
        let host = |host: &tunelab_protocol::Host| {
            let sysctls = host.sysctls.iter().map(|sysctl| format!(" {}={}", sysctl.name, sysctl.value));
            format!("host {}:{} ({} rules)\n", host.name, sysctls.collect::<String>(), host.firewall.len())
        };
        let service = |service: &tunelab_protocol::Service| match &service.kind {
            ServiceKind::Server(server) => {
                format!("service {}: {} B, backlog {}\n", service.name, server.body_bytes, server.backlog)
            }
            ServiceKind::Nginx { config, .. } => format!("service {}: {config}\n", service.name),
            other => panic!("{other:?}"),
        };
        let phase = |phase: &tunelab_protocol::Phase| format!("phase {}: {} rounds\n", phase.name, phase.rounds);
        let hosts = plan.hosts.iter().map(host);
        let (services, phases) = (plan.services.iter().map(service), plan.phases.iter().map(phase));
        let all: String = hosts.chain(services).chain(phases).collect();
        format!("{all}timeout {} us\n", plan.clients[0].visit.connect_timeout_us)
    };
    insta::assert_snapshot!(said(&default), @r"
    host server: net.core.somaxconn=16 net.ipv4.tcp_tw_reuse=1 (1 rules)
    host internet: (0 rules)
    service app: 1000 B, backlog 511
    service other: 512 B, backlog 511
    phase day: 2 rounds
    phase night: 1 rounds
    phase morning: 1 rounds
    timeout 5000000 us
    ");
    insta::assert_snapshot!(said(&other), @r"
    host server: net.core.somaxconn=32 (0 rules)
    host beside: (0 rules)
    host internet: (0 rules)
    service app: 512 B, backlog 8
    service nginx: /run/tunelab/files/nginx.conf
    phase day: 5 rounds
    phase morning: 1 rounds
    timeout 1000000 us
    ");
    let specs: Vec<_> = scenario.files.keys().map(String::as_str).collect();
    assert_eq!(specs, ["nginx.conf", "rules.v4"], "all variants deploy the files of all");
}

#[test]
fn a_mistake_that_variants_share_is_told_once() {
    let wrong =
        LAID_OVER.replace("every = \"1 h\"", "every = \"1 hour\"").replace("listen = \":80\"", "listen = \"80\"");
    let wrong = wrong.replace("[variant.other]", "[variant.third]\n[variant.other]\nservice.app.baklog = 3");
    insta::assert_snapshot!(refused(&wrong), @r"
    x a service cannot listen at `80`
    x `1 hour` is not a time such as `10 ms`, `1 h` or `6 d`
    x unknown key `baklog` in `service.app`
    hint: did you mean `backlog`?
    ");
}

/// [`THREE`] with more services, and these changes in a phase of an hour.
fn changing(changes: &str) -> String {
    format!(
        "{THREE}[service.web]\nkind = \"nginx\"\nconfig = \"nginx.conf\"\n[service.echo]\nkind = \"udp\"\nlisten = \":7\"\n\
         [[phase]]\nname = \"hour\"\nduration = \"1 h\"\nchange = [{changes}]\n[variant.default]\n"
    )
}

fn changes(changes: &str) -> Vec<Change> {
    plan_of(&scenario(&changing(changes)), "default").phases.remove(0).changes
}

const MINUTE_US: u64 = 60_000_000;

#[test]
fn what_changes_for_a_while_changes_back() {
    let of = |operation| Action::Service { service: "proxy".into(), operation };
    let at = |minutes: u64, action| Change { at_us: minutes * MINUTE_US, action };
    let said = changes(
        "{ at = \"5 min\", for = \"10 min\", service.proxy = \"freeze\" }, { at = \"1 min\", service.web = \"reload\" }",
    );
    let reload = Action::Service { service: "web".into(), operation: Operation::Reload };
    let all = [at(1, reload), at(5, of(Operation::Freeze)), at(15, of(Operation::Thaw))];
    assert_eq!(said, all, "in the order of their times");
    let said = changes("{ at = \"5 min\", for = \"10 min\", network.rack = \"cut\" }");
    let cut = |cut| Action::Cut { network: "rack".into(), cut };
    assert_eq!(said, [at(5, cut(true)), at(15, cut(false))]);
    let said = changes(
        "{ for = \"10 min\", network.rack = { delay = \"1 s\" }, service.proxy = { response-time = \"2 s\" } }",
    );
    let slow = |us| Action::ResponseTime { service: "proxy".into(), us };
    let far = |delay_us| {
        let conditions = Conditions { delay_us, ..Conditions::default() };
        Action::Network { network: "rack".into(), conditions }
    };
    assert_eq!(said, [at(0, slow(2_000_000)), at(0, far(1_000_000)), at(10, slow(0)), at(10, far(0))]);
}

#[test]
fn what_is_changed_on_hosts() {
    let said = changes(
        "{ host.server.sysctls = { \"net.core.somaxconn\" = 8 } }, \
         { at = \"1 min\", host.proxy = { firewall = [\"other.nft\", \"rules.v4\"], conntrack = \"flush\" } }",
    );
    let said: Vec<_> = said.iter().map(|change| serde_json::to_string(change).unwrap()).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    {"at_us":0,"action":{"sysctl":{"host":"server","sysctl":{"name":"net.core.somaxconn","value":"8","required":true}}}}
    {"at_us":60000000,"action":{"firewall":{"host":"proxy","rules":[{"format":"nftables","file":"/run/tunelab/files/other.nft"},{"format":"iptables","file":"/run/tunelab/files/rules.v4"}]}}}
    {"at_us":60000000,"action":{"flush-conntrack":{"host":"proxy"}}}
    "#);
    let scenario = scenario(&changing(
        "{ host = { server.sysctls = { \"net.core.somaxconn\" = 8 }, proxy.sysctls = { \"net.ipv4.tcp_fin_timeout\" = 5 } } }",
    ));
    let reported: Vec<_> = scenario.reported_sysctls.iter().map(String::as_str).collect();
    assert_eq!(reported, ["net.core.somaxconn"], "those of the server");
}

#[test]
fn a_host_without_processes_can_be_rebooted() {
    let at = |s: u64, on| Change { at_us: s * 1_000_000, action: Action::Power { host: "gateway".into(), on } };
    let behind = |host: &str, length: &str| {
        let change = format!("change = [{{ at = \"5 s\"{length}, host.{host} = \"reboot\" }}]");
        format!("{BEHIND_A_GATEWAY}[[phase]]\nname = \"hour\"\nduration = \"1 h\"\n{change}\n[variant.default]\n")
    };
    let said = plan_of(&scenario(&behind("gateway", ", for = \"20 s\"")), "default").phases.remove(0).changes;
    assert_eq!(said, [at(5, false), at(25, true)]);
    insta::assert_snapshot!(refused(&behind("server", ", for = \"20 s\"")) + &refused(&behind("gateway", "")), @r#"
    x host `server` cannot be rebooted: sockets of its services or clients would outlive it
    hint: stop and start its services instead; a host without services and clients can be rebooted
    x `for` is missing: it says how long the host is away
    hint: for example `for = "30 s"`
    "#);
}

#[test]
fn changes_that_cannot_be() {
    let text = changing(
        "{ at = \"1 h\", service.proxy = \"restart\" },
    { at = \"50 min\", for = \"10 min\", service.proxy = \"stop\" },
    { service.proxy = \"reload\" },
    { service.proxy = \"kick\" },
    { service.echo = { response-time = \"1 s\" } },
    { service.web = { response-time = \"1 s\" } },
    { for = \"1 min\", service.web = \"restart\" },
    { network.rack = { delay = \"1 s\", by = \"netem\" } },
    { network.rack = \"close\" },
    { network.wreck = \"cut\" },
    { host.porxy.conntrack = \"flush\" },
    { host.proxy.conntrack = \"flash\" },
    { host.proxy = {} },
    { at = \"1 min\" },
    { at = \"2 min\", services.proxy = \"stop\" },
",
    );
    let text = text.replace(
        "kind = \"nginx\"\nconfig = \"nginx.conf\"",
        "kind = \"command\"\ncommand = [\"true\"]\nready = \"tcp:90\"",
    );
    insta::assert_snapshot!(refused(&text), @r#"
    x `phase 1, change 1` comes when the phase is over
    x `phase 1, change 2` comes when the phase is over
    x `proxy` has no configuration to reload
    hint: `restart` starts it again
    x unknown change of a service `kick`
    hint: known here: `stop`, `start`, `restart`, `reload`, `freeze`, `thaw`
    x `echo` is not of kind `http`: its response time cannot be set
    hint: `freeze` makes it answer nothing
    x `web` is not our own server: its response time cannot be set
    hint: `freeze` makes it answer nothing
    x `for` has no effect: nothing takes this change back
    hint: `for` is for `stop`, `freeze`, `reboot`, a response time, and what a network does to packets
    x unknown key `by` in `phase 1, change 8.network.rack`
    hint: known here: `delay`, `loss`, `reorder`, `rate`
    x unknown change of a network `close`
    hint: known here: `cut`, `restore`
    x there is no network `wreck`
    hint: did you mean `rack`?
    x there is no host `porxy`
    hint: did you mean `proxy`?
    x unknown change of conntrack `flash`
    hint: did you mean `flush`?
    x this changes nothing
    x this changes nothing
    hint: for example `service.app = "restart"`, `network.internet = "cut"`, `host.server.sysctls = { ... }`
    x unknown key `services` in `phase 1, change 15`
    hint: did you mean `service`?
    "#);
}

const RATES: &str = r#"
[clients.people]
addresses = "10.1.0.0/16"
close = "client"
[clients.robots]
addresses = "10.2.0.0/16"
close = "client"
[[phase]]
name = "day"
duration = "1 h"
clients = { people = "200/min", robots = { count = 4, rounds = 1 } }
[[phase]]
name = "night"
duration = "2 h"
repeat = { from = "day", times = 3 }
clients = { robots = "1/h" }
[[phase]]
name = "rush"
rounds = 3
every = "10 s"
repeat = 2
clients = { people = "5/s", robots = { count = 4, rounds = 1 } }
[variant.default]
"#;

#[test]
fn clients_come_at_rates_and_phases_again() {
    let plan = plan_of(&scenario(RATES), "default");
    let phase = |phase: &tunelab_protocol::Phase| {
        let come = phase.arrivals.iter().map(|a| {
            let rounds = a.rounds.map(|rounds| format!(" in {rounds}")).unwrap_or_default();
            format!(", {} {} each {} us{rounds}", a.count, a.clients, a.spacing_us)
        });
        format!("{}: {} x {} s{}\n", phase.name, phase.rounds, phase.every_us / 1_000_000, come.collect::<String>())
    };
    insta::assert_snapshot!(plan.phases.iter().map(phase).collect::<String>(), @r"
    day: 1 x 3600 s, 12000 people each 300000 us, 4 robots each 20000 us in 1
    night: 1 x 7200 s, 2 robots each 3600000000 us
    day: 1 x 3600 s, 12000 people each 300000 us, 4 robots each 20000 us in 1
    night: 1 x 7200 s, 2 robots each 3600000000 us
    day: 1 x 3600 s, 12000 people each 300000 us, 4 robots each 20000 us in 1
    night: 1 x 7200 s, 2 robots each 3600000000 us
    rush: 3 x 10 s, 50 people each 200000 us, 4 robots each 20000 us in 1
    rush: 3 x 10 s, 50 people each 200000 us, 4 robots each 20000 us in 1
    ");
    assert_eq!(plan.phases[6].come("robots"), 4, "in the first round alone");
    assert_eq!(plan::virtual_time(&plan).as_secs(), 3 * 3 * 3600 + 2 * 30);
}

#[test]
fn rates_and_repeats_that_cannot_be() {
    let wrong = RATES
        .replace("200/min", "200 per min")
        .replace("\"1/h\"", "\"1/d\"")
        .replace("from = \"day\", times = 3", "from = \"dya\", times = 3")
        .replace("repeat = 2", "repeat = 0")
        .replace("rounds = 3\nevery", "rounds = 3\nduration = \"1 min\"\nevery");
    insta::assert_snapshot!(refused(&wrong), @r"
    x `200 per min` is not a rate such as `200/min`
    x there is no phase `dya` before this one
    hint: known here: `day`, `night`
    x this comes to 0 in `phase 2`: nothing would happen
    x `rounds` has no effect in `phase 3`: the phase has a `duration`
    hint: take it out
    x `every` has no effect in `phase 3`: the phase has a `duration`
    hint: take it out
    x a phase is repeated 1 to 10000 times
    ");
}

/// A kind may be the name; what answers starts before what passes requests on.
#[test]
fn services_start_in_their_order() {
    let plan = plan(
        r#"
[service.nginx]
config = "nginx.conf"
[service.front]
kind = "haproxy"
config = "haproxy.cfg"
ready = "tcp:81"
[service.names]
kind = "command"
command = ["dnsmasq", "--keep-in-foreground"]
ready = "udp:53"
[service.http]
listen = ":8080"
[clients.people]
addresses = "10.1.0.0/16"
close = "client"
"#,
    );
    let names: Vec<_> = plan.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["http", "nginx", "front", "names"]);
    let ServiceKind::Server(server) = &plan.services[0].kind else { panic!("{:?}", plan.services[0]) };
    assert_eq!((&server.listen, server.keep_alive), (&Listen::Tcp("0.0.0.0:8080".parse().unwrap()), true));
    let ServiceKind::Program { argv, reload_by_usr2, .. } = &plan.services[2].kind else { panic!("a program") };
    assert_eq!(argv.join(" "), "haproxy -W -db -f /run/tunelab/files/haproxy.cfg");
    assert!(reload_by_usr2);
}
