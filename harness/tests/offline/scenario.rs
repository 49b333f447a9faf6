//! Scenario files: the shipped ones are correct, and wrong ones are refused once, completely.

use crate::made::{self, SMALL};
use tunelab::{
    report::diagnostic,
    scenario::{Catalogue, OwnFiles, Setup, load},
};
use tunelab_protocol::{Listen, ServiceKind};

#[test]
fn every_shipped_scenario_is_right() {
    let catalogue = Catalogue::of(&made::repository()).unwrap();
    assert!(catalogue.names().contains(&"conntrack-leak".to_owned()));
    for name in catalogue.names() {
        catalogue.load(name).unwrap_or_else(|e| panic!("{e:?}"));
    }
}

/// The rendered refusal, without the temporary folder's name.
fn refused(text: &str, files: &[(&str, &str)]) -> String {
    let (home, folder) = made::scenario("wrong", text, files);
    let error = load(&folder).expect_err("must be refused");
    diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), "")
}

#[test]
fn all_problems_at_once() {
    let text = r#"
sumary = "a typo"

[machine]
memory = "1 GB RAM"
cpus = "one"
limits = "limits.conf"

[host.server]
firewall = ["rules.v4"]
sysctl-files = ["base.conf"]
sysctls = { tcp_tw_reuse = 1 }

[host.inside]
addresses = "10.9.0.7"

[network.internet]
hosts = ["server", "insid"]
delay = "1 sec"

[service.nginx]
config = "ngnix.conf"

[service.app]
kind = "http"
lisen = "unix:/run/app.sock"

[clients.a]
addreses = "10.1.0.0/16"
close = "clientcloses"

[clients.b]
addresses = "10.2.0.1/16"
close.late-duplicate = { of = "akc", after = "30 sec" }

[clients.c]
addresses = "10.3.0.0/16"
to = "nobody:80"
close = "server"

[clients.d]
addresses = "10.3.4.0/24"
close = "never"

[clients.e]
addresses = "10.9.0.0/16"
to = "inside:http"
close = "vanish"

[[phase]]
name = "burst"
every = "1 s"
rounds = 0
clients = { cc = 4, d = { count = 200, spaced = "1 ms" }, e = "5/fortnight" }
change = [{ at = "1 s", service.ap = "restart" }]

[probe]
conntrak = "1 h"
kernel-log = "1 s"

[variant.Default]
host.inside.sysctl-files = ["gone.conf"]
phase.brst.rounds = 1

[claim.x]
says = "x"
variants = ["defualt"]
assert = ["full-rounds", "leaks contain 'x'"]
"#;
    let files = [
        ("nginx.conf", "http {\n  server { # }\n}\n"),
        ("rules.v4", ":INPUT DROP\n*filter\n-A INPUT -j ACCEPT\nCOMIT\n"),
        ("base.conf", "# fine\nnet.ipv4.tcp_tw_reuse 1\nnet.core.somaxconn =\n"),
        ("limits.conf", "* soft nofile many\n* sotf nofile 1\n"),
    ];
    insta::assert_snapshot!(refused(text, &files));
}

#[test]
fn nginx_braces() {
    let text = SMALL.replace("[host.server]", "[service.nginx]\nconfig = \"nginx.conf\"\n[host.server]");
    let files = [("base.conf", ""), ("nginx.conf", "events {}\nhttp {\n  # not this one: {\n  log '}';\n")];
    insta::assert_snapshot!(refused(&text, &files));
}

#[test]
fn no_toml_at_all() {
    insta::assert_snapshot!(refused("summary = \"x\n[server\n", &[]));
}

#[test]
fn claims_about_what_is_not_measured() {
    let text = SMALL.replace("[\"log-lines", "[\"log-lins").replace("[\"full-rounds", "[\"sysctl.net.core.nothing");
    insta::assert_snapshot!(refused(&text, &[("base.conf", "")]));
}

#[test]
fn claims_that_cannot_fail() {
    let text = SMALL.replace("control = [\"tuned\"]", "control = [\"tuned\", \"default\"]");
    let text = text.replace("uncontrolled-because = \"there is no setting for it\"\n", "because = \"of it\"\n");
    let more = "\n[claim.both]\nsays = \"x\"\nvariants = [\"default\"]\ncontrol = [\"tuned\"]\nuncontrolled-because = \"x\"\nassert = [\"log-lines > 0\"]\n";
    insta::assert_snapshot!(refused(&format!("{text}{more}"), &[("base.conf", "")]));
}

#[test]
fn metrics_of_nothing() {
    let wrong = r#"
[metric.two]
value = "max(tcp.time_wait) + min(tcp.time_wait)"
[metric.none]
where = { clients = "goner" }
[metric.function]
value = "most(conntrack.count)"
[metric.reading]
value = "max(tcp.close_wait)"
[metric.unread]
value = "max(tcp.time_wait)"
[metric.phase]
value = "max(connect_time)"
where = { phase = "three day" }
[metric.leaks]
value = "max(conntrack.count)"
where = { clients = "gone" }
[metric.service]
value = "last(service.app.requests)"
[metric.unit]
value = "max(conntrack.count)"
tolerance = "5 ms"
[metric.nothing]
value = "max(entry.life)"
tolerance = { variants = ["defualt"] }
[series.too-often]
of = "conntrack.count"
every = "10 ms"
[series.unread]
of = "cpu.idle_ms"
every = "1 s"
[probe]
"#;
    insta::assert_snapshot!(refused(&SMALL.replace("[probe]", wrong), &[("base.conf", "")]));
}

/// They make one more variant, with these files in place of the scenario's; each problem of each file is reported.
#[test]
fn files_of_ones_own() {
    let (home, folder) = made::scenario("small", SMALL, &[("base.conf", "")]);
    let own = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let mut scenario = load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    let sysctl = own("mine.conf", "net.ipv4.ip_conntrack_max = 100\n");
    let good = OwnFiles { sysctl, rules: own("rules.v4", "*filter\nCOMMIT\n"), ..OwnFiles::default() };
    good.check().unwrap_or_else(|e| panic!("{e:?}"));
    good.add_to(&mut scenario).unwrap();
    let yours = scenario.variants.last().unwrap();
    assert_eq!(yours.name, "yours");
    let server = &yours.setup.hosts[0];
    let deployed = |names: &[&str]| names.iter().map(|name| format!("/run/tunelab/files/{name}")).collect::<Vec<_>>();
    assert_eq!(
        server.firewall.iter().map(|rules| rules.file.clone()).collect::<Vec<_>>(),
        deployed(&["yours.rules.v4"])
    );
    assert_eq!(server.sysctl_files, deployed(&["base.conf", "yours.sysctl.conf"]), "after the scenario's own");
    assert_eq!(yours.own.files["yours.sysctl.conf"], home.path().join("mine.conf"));
    assert!(yours.own.reported_sysctls.contains("net.netfilter.nf_conntrack_max"));
    let asked = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        scenario.asked(&names).map(|variant| variant.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&[]), ["default", "tuned", "yours"]);
    assert_eq!(asked(&["tuned"]), ["tuned", "yours"], "whatever they are compared with");

    let wrong = OwnFiles {
        sysctl: own("wrong.conf", "net.ipv4.tcp_tw_reuse 1\n"),
        rules: own("wrong.v4", "*filter\n"),
        ..OwnFiles::default()
    };
    let told = diagnostic::render(&wrong.check().unwrap_err(), false);
    assert!(told.contains("`your files` has 2 problems") && told.contains("is no sysctl.d line"), "{told}");
    let gone = OwnFiles { nginx: Some(home.path().join("gone.conf")), ..OwnFiles::default() };
    assert!(diagnostic::render(&gone.check().unwrap_err(), false).contains("x failed to read your file"));
    let taken = SMALL.replace("[variant.tuned]", "[variant.yours]").replace("\"tuned\"", "\"yours\"");
    assert!(refused(&taken, &[("base.conf", "")]).contains("is the name of the variant with the user's own files"));
}

#[test]
fn a_phase_that_nobody_knows_changes_nothing() {
    let text = format!("{SMALL}\n[variant.late.phase.nowhere]\nrounds = 1\n");
    assert!(refused(&text, &[("base.conf", "")]).contains("there is no phase `nowhere`"));
}

#[test]
fn variants_change_what_is_common() {
    let text = SMALL.replace(
        "[variant.tuned]",
        "[service.app]\nkind = \"http\"\nlisten = \"unix:/run/app.sock\"\n[variant.tuned]\nhost.server.sysctl-files = [\"more.conf\"]\nmachine.memory = \"2 GiB\"\nservice.app.listen = \"127.0.0.1:3000\"",
    );
    let (_home, folder) = made::scenario("small", &text, &[("base.conf", ""), ("more.conf", "net.core.somaxconn=1\n")]);
    let scenario = load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    let (default, tuned) = (&scenario.variants[0], &scenario.variants[1]);
    assert_eq!((default.name.as_str(), tuned.name.as_str()), ("default", "tuned"), "in the file's order");
    let (default, tuned) = (&default.setup, &tuned.setup);
    assert_eq!(default.hosts[0].sysctl_files, ["/run/tunelab/files/base.conf"]);
    assert_eq!(tuned.hosts[0].sysctl_files, ["/run/tunelab/files/more.conf"], "an array takes the place of the other");
    assert_eq!((default.hosts[0].sysctls.len(), tuned.hosts[0].sysctls.len()), (0, 1), "a table adds to the other");
    assert_eq!((default.machine.memory_bytes, tuned.machine.memory_bytes), (1 << 30, 2 << 30));
    let listens = |setup: &Setup| match &setup.services[0].kind {
        ServiceKind::Server(server) => server.listen.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(listens(default), Listen::Unix("/run/app.sock".into()));
    assert_eq!(listens(tuned), Listen::Tcp("127.0.0.1:3000".parse().unwrap()));
    assert!(scenario.files.contains_key("base.conf"), "what one variant deploys, all deploy");
    assert!(scenario.reported_sysctls.contains("net.core.somaxconn"), "what one variant sets, all report");
}

#[test]
fn sysctls_are_reported_by_todays_names() {
    let text = SMALL.replace("nf_conntrack_tcp_timeout_established\" = 600", "nf_conntrack_tcp_loose\" = 0");
    let text = text.replace("[probe]", "[probe]\nsysctls = [\"net.ipv4.ip_conntrack_max\"]");
    let file = "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait = 1\nnet/nf_conntrack_max = 100\n";
    let (_home, folder) = made::scenario("small", &text, &[("base.conf", file)]);
    let scenario = load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    let reported: Vec<&str> = scenario.reported_sysctls.iter().map(String::as_str).collect();
    let names = ["max", "tcp_loose", "tcp_timeout_time_wait"].map(|name| format!("net.netfilter.nf_conntrack_{name}"));
    assert_eq!(reported, names);
}

/// The example of `scenarios/README.md` has every key there is, and is correct.
#[test]
fn the_documented_example_is_right() {
    let readme = std::fs::read_to_string(made::repository().join("scenarios/README.md")).unwrap();
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let files = [
        ("nginx.conf", "events {}\n# server.pem\n"),
        ("rules.v4", "*filter\nCOMMIT\n"),
        ("limits.conf", "* soft nofile 1024\n"),
        ("base.conf", ""),
        ("tuned.conf", ""),
        ("dnsmasq.conf", ""),
    ];
    let (home, folder) = made::scenario("example", example, &files);
    made::article(home.path(), made::ARTICLE);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
}
