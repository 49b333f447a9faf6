//! Clients that speak HTTPS, and the certificate that the lab makes for them.

use crate::made;
use tunelab::{
    plan::RunSpec,
    report::diagnostic,
    scenario::{Scenario, load},
    story::RunName,
};
use tunelab_protocol::{Protocol, guest};

const NGINX: &str = "events {}\nhttp { server { listen 443 ssl;\nssl_certificate /run/tunelab/files/server.pem;\nssl_certificate_key /run/tunelab/files/server.pem;\n} }\n";

const ENCRYPTED: &str = r#"
summary = "x"
[service.nginx]
config = "nginx.conf"
certificate = "server.pem"
[clients.people]
addresses = "10.1.0.0/16"
protocol = "HTTPS"
close = "client"
[[phase]]
name = "hour"
rounds = 2
every = "30 min"
clients = { people = 3 }
[variant.default]
"#;

const FILES: [(&str, &str); 3] = [("nginx.conf", NGINX), ("plain.conf", "events {}\n"), ("base.conf", "")];

fn scenario(text: &str) -> Scenario {
    let (_home, folder) = made::scenario("small", text, &FILES);
    load(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

/// All that is wrong with it, each problem in a line, with its hint.
fn refused(text: &str) -> String {
    let (_home, folder) = made::scenario("wrong", text, &FILES);
    let said = diagnostic::render(&load(&folder).expect_err("must be refused"), false);
    let is_said = |line: &&str| line.starts_with("  x ") || line.starts_with("hint: ");
    said.lines().filter(is_said).map(|line| format!("{}\n", line.trim())).collect()
}

fn spec(scenario: &Scenario, variant: &str) -> RunSpec {
    let run = RunName {
        scenario: scenario.name.clone(),
        image: "debian-12".into(),
        kernel: None,
        variant: variant.into(),
        seed: 1,
        repeat: 1,
    };
    RunSpec::new(scenario, scenario.variant(variant).unwrap(), run)
}

#[test]
fn a_certificate_is_made_where_a_service_names_it() {
    let spec = spec(&scenario(ENCRYPTED), "default");
    assert_eq!(spec.certificates.iter().collect::<Vec<_>>(), ["server.pem"]);
    assert!(!spec.files.contains_key("server.pem"), "it is not read from the scenario's folder");
    let clients = &spec.plan.clients[0];
    assert_eq!((clients.visit.protocol, clients.target.port()), (Protocol::Https, 443));
    let [openssl] = &spec.rehearsals[..] else { panic!("{:?}", spec.rehearsals) };
    assert_eq!(openssl[..2], ["openssl", "s_client"]);
    assert!(openssl.iter().any(|word| word == guest::CERTIFICATE), "{openssl:?}");
}

#[test]
fn without_https_nothing_is_made_or_rehearsed() {
    let text = ENCRYPTED.replace("certificate = \"server.pem\"\n", "").replace("protocol = \"HTTPS\"\n", "");
    let spec = spec(&scenario(&text), "default");
    assert!(spec.certificates.is_empty() && spec.rehearsals.is_empty());
    assert_eq!(spec.plan.clients[0].target.port(), 80);
}

#[test]
fn a_port_may_be_another_one() {
    for (to, port) in [("server:8443", 8443), ("server", 443), ("server:80", 80)] {
        let text = ENCRYPTED.replace("protocol = \"HTTPS\"", &format!("to = \"{to}\"\nprotocol = \"HTTPS\""));
        assert_eq!(spec(&scenario(&text), "default").plan.clients[0].target.port(), port, "{to}");
    }
}

#[test]
fn a_variant_may_take_the_certificate_away() {
    let text =
        format!("{ENCRYPTED}[variant.plain]\nservice.nginx = {{ config = \"plain.conf\", certificate = \"none\" }}\n");
    let scenario = scenario(&text);
    assert_eq!(spec(&scenario, "plain").certificates.len(), 1, "one warm machine serves all variants");
}

#[test]
fn what_has_no_effect_is_refused() {
    let with = |more: &str| ENCRYPTED.replace("close = \"client\"", more);
    let rows = [
        ENCRYPTED.replace("certificate = \"server.pem\"\n", ""),
        ENCRYPTED.replace("nginx.conf", "plain.conf"),
        ENCRYPTED.replace("certificate = \"server.pem\"", "certificate = \"base.conf\""),
        ENCRYPTED.replace("certificate = \"server.pem\"", "certificate = \"tls/server.pem\""),
        ENCRYPTED.replace("certificate = \"server.pem\"", "certificate = 443"),
        format!("{ENCRYPTED}[service.app]\nkind = \"http\"\nlisten = \":80\"\ncertificate = \"server.pem\"\n"),
        with("close = \"client\"\nflights = true"),
        with("close.vanish = { after-request = true }"),
        with("keep-alive = false\nclose.late-duplicate = { of = \"request\", after = \"30 s\" }"),
        with("close = \"half\""),
        with("close = \"client\"\nsend = { bytes = \"1 B\", every = \"1 s\" }"),
        with("close = \"client\"\nwait = false"),
        with("close = \"client\"\ninject = { packet = \"request\" }"),
        with("close = \"client\"\nreceive-errors = true"),
        with("close = \"server\""),
    ];
    insta::assert_snapshot!(rows.iter().map(|text| refused(text)).collect::<Vec<_>>().join("\n"), @r#"
    x clients `people` trust the lab's certificate, and no service has it
    hint: give one to the service: `certificate = "server.pem"`

    x `certificate` has no effect in `service.nginx`: nothing there names `/run/tunelab/files/server.pem`
    hint: in nginx's configuration: `ssl_certificate /run/tunelab/files/server.pem; ssl_certificate_key /run/tunelab/files/server.pem;`

    x `base.conf` cannot be a file that the lab makes
    hint: a name of its own, without a folder: `certificate = "server.pem"`

    x `tls/server.pem` cannot be a file that the lab makes
    hint: a name of its own, without a folder: `certificate = "server.pem"`

    x expected a string, found an integer

    x unknown key `certificate` in `service.app`
    hint: known here: `on`, `kind`, `listen`, `protocol`, `body`, `never-answer`, `answer`, `backlog`, `response-time`, `accept-every`, `idle-timeout`, `close`, `log`

    x `flights` has no effect in `clients.people`: an answer is seen only once OpenSSL has decrypted it
    hint: take it out

    x clients that speak HTTPS cannot close like this: only OpenSSL knows when a request was sent
    hint: `close = "vanish"` is after the answer

    x clients that speak HTTPS cannot close like this: a connection's first data is the handshake's
    hint: `of = "ack"` is possible

    x clients that speak HTTPS cannot close like this: TLS says by itself that no more is sent
    hint: `close = "client"` closes after the answer

    x `send` has no effect in `clients.people`: OpenSSL sends and reads for them
    hint: take it out

    x `wait` has no effect in `clients.people`: only an answer tells them how their connection ends
    hint: take it out

    x `inject` has no effect in `clients.people`: a connection's first data is the handshake's
    hint: take it out

    x `receive-errors` has no effect in `clients.people`: it is for clients of UDP
    hint: take it out

    x the server does not close a connection that is kept alive
    hint: say `keep-alive = false`
    "#);
}

#[test]
fn what_can_be_said_of_a_connection_can_be_said_of_an_encrypted_one() {
    for more in [
        "close = \"reset\"\nkeepalive = \"300 s\"\nuser-timeout = \"30 s\"",
        "close = \"never\"\nsource-port = 40000\nsequence = \"older\"",
        "close = \"vanish\"\nsource-port = 40000\ninject = { packet = \"reset\" }",
        "close = \"vanish\"\nmethod = \"POST\"\nbody = \"1 kB\"",
        "keep-alive = false\nclose.late-duplicate = { of = \"ack\", after = \"30 s\" }",
    ] {
        scenario(&ENCRYPTED.replace("close = \"client\"", more));
    }
}
