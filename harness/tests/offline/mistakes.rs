//! Plans that failed in the guest: where the mistake lies, in which of the user's own files, in which line.

use crate::made;
use tempfile::TempDir;
use tunelab::{
    cli,
    error::{Error, Exit},
    lab::mistake,
    outcome::snapshot::Mode,
    plan::RunSpec,
    project::Found,
    report::{Compared, diagnostic},
    scenario::{self, OwnFiles},
    story::RunName,
};
use tunelab_protocol::{Event, Fault, Stamped};

const NGINX: &str = "events {}\nhttp {\n    keepalive_timeouts 65;\n}\n";

/// A variant of a scenario with an nginx.conf and a service, together with a file of the user's own.
fn spec(variant: &str) -> (TempDir, RunSpec) {
    let text = format!(
        "{}\n[variant.other]\nservice.app.response-time = \"1 ms\"\n\n[service.app]\nkind = \"http\"\nlisten = \"127.0.0.1:3000\"\n\n\
         [service.nginx]\nconfig = \"nginx.conf\"\n",
        made::SMALL
    );
    let (home, folder) = made::scenario("small", &text, &[("base.conf", ""), ("nginx.conf", NGINX)]);
    let mut scenario = scenario::load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    let mine = home.path().join("mine.v4");
    std::fs::write(&mine, "*filter\n-A INPUT -j NOSUCH\nCOMMIT\n").unwrap();
    OwnFiles { rules: Some(mine), ..OwnFiles::default() }.add_to(&mut scenario).unwrap();
    let run = RunName {
        scenario: "small".into(),
        image: "debian-12".into(),
        kernel: None,
        variant: variant.into(),
        seed: 1,
        repeat: 1,
    };
    (home, RunSpec::new(&scenario, scenario.variant(variant).unwrap(), run))
}

fn told(variant: &str, what: &str, fault: Fault) -> (Error, String) {
    let (home, spec) = spec(variant);
    let event = Event::Failed { what: what.into(), hint: None, fault };
    let error = mistake::of(&event, &spec).expect("it failed");
    let said = diagnostic::render(&error, false).replace(home.path().to_str().unwrap(), "HOME");
    (error, said)
}

fn in_file(path: &str, line: Option<u32>) -> Fault {
    Fault::File { path: format!("/run/tunelab/files/{path}"), line }
}

#[test]
fn a_file_of_the_scenario_is_shown_at_its_line() {
    let (error, said) = told("default", "nginx refuses it: unknown directive", in_file("nginx.conf", Some(3)));
    assert_eq!(error.exit(), Exit::Input);
    insta::assert_snapshot!(said, @r"
    error: `HOME/scenarios/small/nginx.conf`, line 3: nginx refuses it: unknown directive

      x nginx refuses it: unknown directive
       ,-[HOME/scenarios/small/nginx.conf:3:5]
     2 | http {
     3 |     keepalive_timeouts 65;
       :     ^^^^^^^^^^^|^^^^^^^^^^
       :                `-- here
     4 | }
       `----
    ");
}

#[test]
fn a_file_of_the_users_own_by_the_name_that_was_given() {
    let (error, said) = told("yours", "iptables refuses it: no target", in_file("yours.rules.v4", Some(2)));
    assert_eq!(error.exit(), Exit::Input);
    assert!(said.starts_with("error: `HOME/mine.v4`, line 2: iptables refuses it: no target\n"), "{said}");
    assert!(said.contains("2 | -A INPUT -j NOSUCH"), "{said}");
}

#[test]
fn without_a_line_the_file_is_named() {
    for line in [None, Some(0), Some(99)] {
        let (error, said) = told("default", "it does not end", in_file("nginx.conf", line));
        assert_eq!(error.exit(), Exit::Input);
        assert_eq!(said, "error: `HOME/scenarios/small/nginx.conf`: it does not end\n");
    }
    let (_, said) = told("default", "it does not end", Fault::File { path: "/etc/nginx/x.conf".into(), line: Some(1) });
    assert_eq!(said, "error: `/etc/nginx/x.conf` in the guest: it does not end\n");
}

#[test]
fn the_scenario_itself_at_its_table_or_where_the_words_stand() {
    let of = |variant, words: &str| told(variant, "cannot bind", Fault::Scenario { words: words.into() }).1;
    assert!(of("default", "service.app").contains("| [service.app]\n"));
    let sysctl = of("default", "net.netfilter.nf_conntrack_tcp_timeout_established");
    assert!(
        sysctl.contains("| host.server.sysctls = { \"net.netfilter.nf_conntrack_tcp_timeout_established\" = 600 }"),
        "{sysctl}"
    );
    assert_eq!(of("default", "nowhere"), "error: `HOME/scenarios/small/scenario.toml`: cannot bind\n");
}

#[test]
fn the_guests_own_failure_is_none_of_the_users_and_names_the_users_files() {
    let (error, said) = told("default", "no memory for /run/tunelab/files/nginx.conf", Fault::Guest);
    assert_eq!(error.exit(), Exit::Guest);
    let own = "error: the plan failed in the guest: no memory for HOME/scenarios/small/nginx.conf\n";
    assert_eq!(said, own);
}

#[test]
fn only_a_record_that_ends_with_a_failure_tells_of_one() {
    let (home, spec) = spec("default");
    let record = home.path().join("events.jsonl");
    let ended = |events: &[Event]| {
        let lines = events.iter().map(|event| Stamped { at_us: 0, event: event.clone() });
        let text: String = lines.map(|line| serde_json::to_string(&line).unwrap() + "\n").collect();
        std::fs::write(&record, text).unwrap();
        mistake::at_the_end_of(&record, &spec).map(|error| error.exit())
    };
    let failed = Event::Failed { what: "x".into(), hint: None, fault: in_file("nginx.conf", None) };
    assert_eq!(ended(&[Event::Ready, failed]), Some(Exit::Input));
    assert_eq!(ended(&[Event::Ready]), None);
    assert_eq!(ended(&[]), None);
    assert!(mistake::at_the_end_of(&home.path().join("gone"), &spec).is_none());
}

/// The user's own files change neither plan nor files of a shipped variant.
#[test]
fn own_files_alter_no_shipped_variant() {
    let (home, alone) = made::small();
    let mine = home.path().join("mine.conf");
    std::fs::write(&mine, "net.ipv4.tcp_tw_reuse = 1\n").unwrap();
    let mut beside = alone.clone();
    OwnFiles { sysctl: Some(mine.clone()), ..OwnFiles::default() }.add_to(&mut beside).unwrap();
    let name = |variant: &str| RunName {
        scenario: "small".into(),
        image: "debian-12".into(),
        kernel: None,
        variant: variant.into(),
        seed: 1,
        repeat: 1,
    };
    let spec = |scenario: &scenario::Scenario, variant| {
        let RunSpec { plan, files, .. } = RunSpec::new(scenario, scenario.variant(variant).unwrap(), name(variant));
        (plan, files)
    };
    for variant in ["default", "tuned"] {
        assert_eq!(spec(&alone, variant), spec(&beside, variant), "{variant}");
    }
    let (plan, files) = spec(&beside, "yours");
    assert_eq!(files["yours.sysctl.conf"], mine);
    assert!(plan.server().report_sysctls.contains(&"net.ipv4.tcp_tw_reuse".to_owned()));
}

#[test]
fn nothing_of_a_scenario_is_accepted_if_one_of_its_runs_failed() {
    let (home, scenario) = made::small();
    let run = |variant: &str, image: &str, ran: bool| {
        let run = RunName {
            scenario: "small".into(),
            image: image.into(),
            kernel: None,
            variant: variant.into(),
            seed: 1,
            repeat: 1,
        };
        let spec = RunSpec::new(&scenario, scenario.variant(variant).unwrap(), run);
        let made = if variant == "default" { made::Made::default() } else { made::Made::tuned() };
        let lost = || Error::guest("the guest panicked");
        let result = ran.then(|| made.result(&spec)).ok_or_else(lost);
        (spec, result)
    };
    let runs = vec![
        run("default", "debian-11", true),
        run("tuned", "debian-11", true),
        run("default", "debian-12", true),
        run("tuned", "debian-12", false),
    ];
    let verdicts = cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs, Mode::Accept).unwrap();
    let why = Compared::Not("a run of this scenario failed: nothing of it was accepted");
    assert!(verdicts.iter().all(|verdict| verdict.comparison == why), "{verdicts:#?}");
    assert!(!home.path().join("snapshots").exists());
}
