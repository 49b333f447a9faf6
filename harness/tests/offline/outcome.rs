//! Outcomes: how they are made from a record, what claims find in them, and when they still match their snapshot.

use crate::made::{self, Made};
use tunelab::{
    outcome::{
        Outcome, Record, claims,
        snapshot::{self, Comparison, Document, Mode, Shelf},
    },
    plan,
    scenario::{Scenario, load},
};
use tunelab_protocol::{Counted, Entries, Event, Fault, Outcome as Of, Spread, Stamped};

fn whole_outcome(scenario: &Scenario, made: &Made) -> Outcome {
    let plan = plan::plan(scenario, scenario.variant(made.variant).unwrap(), 1);
    Outcome::of(&Record::parse(&made.bytes()).unwrap(), &plan, scenario)
}

fn facts(scenario: &Scenario, made: &Made) -> toml::Table {
    whole_outcome(scenario, made).facts(scenario)
}

fn document(scenario: &Scenario, all: &[Made]) -> Document {
    let variants: Vec<_> = all.iter().map(|made| (made.variant.to_owned(), facts(scenario, made))).collect();
    Document {
        scenario: scenario.name.clone(),
        image: "debian-12".into(),
        claims: claims::judge(scenario, &variants.iter().cloned().collect()),
        whole: variants.len() == scenario.variants.len(),
        variants,
    }
}

#[test]
fn of_a_leak() {
    let (_home, scenario) = made::small();
    insta::assert_snapshot!(toml::to_string_pretty(&whole_outcome(&scenario, &Made::default()).document()).unwrap());
}

#[test]
fn of_a_tuned_machine() {
    let (_home, scenario) = made::small();
    insta::assert_snapshot!(toml::to_string_pretty(&whole_outcome(&scenario, &Made::tuned()).document()).unwrap());
}

/// Functions of readings and of times, on a record written down here.
#[test]
fn metrics() {
    let text = made::SMALL.replace(
        "[probe]",
        r#"
[[phase]]
name = "after"
duration = "10 s"
[metric.most]
value = "max(tcp.time_wait)"
[metric.later]
value = "max(tcp.time_wait)"
where = { phase = "after" }
tolerance = { absolute = 2, relative = "10 %" }
[metric.least]
value = "min(tcp.time_wait)"
[metric.last]
value = "last(tcp.time_wait)"
[metric.rise]
value = "delta(TcpExt.ListenDrops)"
[metric.idle-percent]
value = "ratio(cpu.idle_ms / cpu)"
where = { phase = "three days" }
[series.sockets]
of = "sockets.used"
every = "1 d"
tolerance = 3
[metric.nobody-knows]
value = "delta(TcpExt.TCPPrequeued)"
[metric.lasts]
value = "duration_above(tcp.time_wait, 0)"
[metric.connect]
value = "max(connect_time)"
where = { clients = "gone" }
[metric.connect-median]
value = "percentile(connect_time, 50)"
[metric.visit]
value = "min(duration)"
[metric.visit-median]
value = "percentile(duration, 50)"
where = { clients = "gone" }
[metric.entry]
value = "max(entry.life)"
where = { clients = "clean" }
[probe]
sockets = "1 s"
netstat = "1 s"
cpu = "1 s"
"#,
    );
    let (_home, folder) = made::scenario("small", &text, &[("base.conf", "")]);
    let scenario = load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    let sample = |at_us, values: &[(&str, u64)]| Stamped {
        at_us,
        event: Event::Sample { values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect() },
    };
    let spread = |each_us: &[u64]| {
        let (shortest_us, longest_us) = (*each_us.first()?, *each_us.last()?);
        Some(Spread { shortest_us, longest_us, each_us: each_us.to_vec() })
    };
    let round = |clients: &str, connect, duration: Option<Spread>| Stamped {
        at_us: 4_000_000,
        event: Event::Round {
            phase: "three days".into(),
            round: 0,
            clients: clients.into(),
            outcomes: [(Of::Served, Counted { clients: 3, duration })].into(),
            connect,
            per_1000_s: None,
            errors: Default::default(),
            answers: Vec::new(),
        },
    };
    let phase = |at_us, name: &str| Stamped { at_us, event: Event::Phase { name: name.into() } };
    let events = vec![
        Stamped { at_us: 0, event: Event::Ready },
        sample(0, &[("tcp.time_wait", 0), ("TcpExt.ListenDrops", 5), ("cpu.idle_ms", 700), ("cpu.busy_ms", 9)]),
        phase(0, "three days"),
        sample(1_000_000, &[("tcp.time_wait", 7), ("sockets.used", 5)]),
        sample(2_000_000, &[("TcpExt.ListenDrops", 9), ("cpu.idle_ms", 1700), ("cpu.busy_ms", 12)]),
        round("gone", spread(&[1_000, 3_001_400]), None),
        round("clean", spread(&[900, 7_000, 5_000_000]), spread(&[2_600, 9_000])),
        phase(5_000_000, "after"),
        sample(61_500_400, &[("tcp.time_wait", 0)]),
        made_entries("clean", 119_999),
        sample(90_000_000_000, &[("sockets.used", 8)]),
        Stamped { at_us: 90_000_000_000, event: Event::Done },
    ];
    let plan = plan::plan(&scenario, &scenario.variants[0], 1);
    let outcome = Outcome::of(&Record { events, fingerprint: String::new() }, &plan, &scenario).document();
    insta::assert_snapshot!(toml::to_string_pretty(outcome["metrics"].as_table().unwrap()).unwrap(), @r#"
    connect = "3001 ms"
    connect-median = "7 ms"
    entry = "119999 ms"
    failed = 0
    full-rounds = "absent"
    idle-percent = "99 %"
    last = 0
    lasts = "60500 ms"
    later = "7 ± 2"
    least = 0
    log-lines = 0
    most = 7
    nobody-knows = "absent"
    rise = 4
    suppressed-lines = "0 ± 60"
    visit = "3 ms"
    visit-median = "absent"
    "#);
    insta::assert_snapshot!(toml::to_string_pretty(outcome["series"].as_table().unwrap()).unwrap(), @r#"
    [sockets]
    000000-s = "absent"
    086400-s = "5 ± 3"
    172800-s = "8 ± 3"
    259200-s = "8 ± 3"
    "#);
}

fn made_entries(clients: &str, longest_life_ms: u64) -> Stamped {
    let entries = Entries {
        clients: clients.into(),
        created: 1,
        picked_up: 0,
        alive_at_end: 0,
        longest_life_ms,
        longest_state: "TIME_WAIT".into(),
        lives_by_state: Default::default(),
    };
    Stamped { at_us: 69_000_000, event: Event::Entries(entries) }
}

/// Ubuntu's kernels from 3.5 on have no counters of conntrack: the log says the same.
#[test]
fn of_a_kernel_that_does_not_count_drops() {
    let (_home, scenario) = made::small();
    let plan = plan::plan(&scenario, scenario.variant("default").unwrap(), 1);
    let mut record = Record::parse(&Made::default().bytes()).unwrap();
    let counted = Outcome::of(&record, &plan, &scenario).table.unwrap();
    for stamped in &mut record.events {
        if let Event::Sample { values } = &mut stamped.event {
            values.retain(|name, _| !name.ends_with("drop"));
        }
    }
    let table = Outcome::of(&record, &plan, &scenario).table.unwrap();
    assert!(counted.drops > 0);
    assert_eq!((table.drops, table.full_rounds), (counted.drops, counted.full_rounds));
    assert!(table.early_drops.is_none(), "what nobody counted is not none");
}

#[test]
fn of_sysctls_that_were_not_taken_as_written() {
    let (_home, scenario) = made::small();
    let outcome = whole_outcome(&scenario, &Made::tuned().odd()).document();
    let part = |key: &str| toml::to_string_pretty(outcome[key].as_table().unwrap()).unwrap();
    insta::assert_snapshot!(part("renamed-sysctls") + &part("refused-sysctls"), @r#"
    "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait" = "net.netfilter.nf_conntrack_tcp_timeout_time_wait"
    "net.ipv4.tcp_tw_recycle" = "1: not on this kernel"
    "net.ipv4.tcp_tw_reuse" = "9: Invalid argument (os error 22)"
    "#);
}

#[test]
fn a_claim_can_be_about_what_a_kernel_does_not_have() {
    let that = |that: &str| made::SMALL.replace("log-lines == 1", that);
    let verdict = |text: &str, made: &Made| {
        let (_home, folder) = made::scenario("small", text, &[("base.conf", "")]);
        let scenario = load(&folder).unwrap();
        let outcomes = [("default".to_owned(), facts(&scenario, made))].into();
        claims::judge(&scenario, &outcomes)[0].verdict.word()
    };
    let (gone, there) = (
        that("refused-sysctls contains 'net.ipv4.tcp_tw_recycle'"),
        that("refused-sysctls lacks 'net.ipv4.tcp_tw_recycle'"),
    );
    assert_eq!(verdict(&gone, &Made::default().odd()), "holds");
    assert_eq!(verdict(&there, &Made::default().odd()), "does not hold");
    assert_eq!(
        verdict(&gone, &Made::default()),
        "does not hold",
        "the kernel took all: the part is not in the outcome"
    );
    assert_eq!(verdict(&there, &Made::default()), "holds");
}

#[test]
fn claims_are_judged_with_their_control() {
    let (_home, scenario) = made::small();
    let judge = |all: &[Made]| {
        let claims = document(&scenario, all).claims;
        claims.iter().map(|c| format!("{} {}: {}\n", c.id, c.verdict.word(), c.evidence.join("; "))).collect::<String>()
    };
    insta::assert_snapshot!(judge(&[Made::default(), Made::tuned()]), @r"
    grows holds: default: full-rounds = 47; default: leaks = gone; tuned (control): full-rounds = 0; tuned (control): leaks = none
    one-line does not hold: default: log-lines = 94
    ");
    let unhelpful = Made { variant: "tuned", ..Made::default() };
    assert!(judge(&[Made::default(), unhelpful]).starts_with("grows unsettled"), "the control did not turn");
    assert!(!judge(&[Made::default()]).contains("grows"), "without its control it is not judged");
}

#[test]
fn a_snapshot_is_new_then_accepted_then_matches() {
    let (home, scenario) = made::small();
    let compare = |all: &[Made], mode| {
        snapshot::compare(&Shelf::of_project(home.path(), "small"), &document(&scenario, all), mode).unwrap()
    };
    let all = [Made::default(), Made::tuned()];
    assert_eq!(compare(&all, Mode::Check), Comparison::New { pending: None });
    let pending = Shelf::of_project(home.path(), "small").path("debian-12").with_extension("snap.new");
    assert!(!pending.exists(), "in CI nothing is written");
    assert_eq!(compare(&all, Mode::Review), Comparison::New { pending: None });
    assert!(!home.path().join("snapshots").exists(), "a run leaves no folder that was not there");
    assert_eq!(compare(&all, Mode::New), Comparison::New { pending: Some(pending.clone()) }, "it was asked for");
    std::fs::remove_file(&pending).unwrap();
    assert_eq!(compare(&all, Mode::Review), Comparison::New { pending: Some(pending.clone()) });
    assert_eq!(compare(&all, Mode::Accept), Comparison::Accepted);
    assert!(!pending.exists(), "what was accepted waits no more");
    assert_eq!(compare(&all, Mode::Check), Comparison::Matches);
    let noise = Made { noise: 1, ..Made::default() };
    assert_eq!(compare(&[noise, Made::tuned()], Mode::Check), Comparison::Matches, "near numbers may be near");
    assert_eq!(compare(&[Made::tuned()], Mode::Check), Comparison::Matches, "one variant compares its own part");
    insta::assert_snapshot!(
        std::fs::read_to_string(Shelf::of_project(home.path(), "small").path("debian-12")).unwrap()
    );
}

#[test]
fn a_difference_shows_itself_alone() {
    let (home, scenario) = made::small();
    let compare = |all: &[Made], mode| {
        snapshot::compare(&Shelf::of_project(home.path(), "small"), &document(&scenario, all), mode).unwrap()
    };
    compare(&[Made::default(), Made::tuned()], Mode::Accept);
    let slower = Made { noise: 1, leak: 3, ..Made::default() };
    let Comparison::Differs { diff, pending, .. } = compare(&[slower], Mode::Review) else { panic!("must differ") };
    assert!(pending.unwrap().exists());
    let changed = diff.lines().filter(|l| l.starts_with(['+', '-'])).skip(2).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(changed);
    assert_eq!(compare(&[Made::default()], Mode::Review), Comparison::Matches);
    assert!(!Shelf::of_project(home.path(), "small").path("debian-12").with_extension("snap.new").exists());
}

#[test]
fn a_broken_snapshot_is_an_error_not_a_panic() {
    let (home, scenario) = made::small();
    let path = Shelf::of_project(home.path(), "small").path("debian-12");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for broken in ["---\nsource: x\n---\nno toml", "---\n{[: \n---\n"] {
        std::fs::write(&path, broken).unwrap();
        let error = snapshot::compare(
            &Shelf::of_project(home.path(), "small"),
            &document(&scenario, &[Made::tuned()]),
            Mode::Check,
        )
        .unwrap_err();
        assert!(error.message().starts_with("failed to use the snapshot"), "{error:?}");
    }
}

/// Each way in which a record can be broken, and its error.
#[test]
fn broken_records() {
    let whole = Made::tuned().bytes();
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let line = |event| serde_json::to_string(&Stamped { at_us: 90_000_000, event }).unwrap();
    let with = |last: &[&str]| [&lines[..3], last].concat().join("\n") + "\n";
    let done = line(Event::Done);
    let failed =
        line(Event::Failed { what: "nginx ended".into(), hint: Some("see its log".into()), fault: Fault::Guest });
    let phase = line(Event::Phase { name: "x".into() });
    let cases = [
        ("silence", String::new()),
        ("no done", with(&[&phase])),
        ("done twice", with(&[&done, &done])),
        ("more after done", with(&[&done, &phase])),
        ("failed", with(&[&failed])),
        ("unknown word", with(&[r#"{"at_us":1,"event":"tea-time"}"#])),
        ("cut", with(&[&phase]) + r#"{"at_us":12,"ev"#),
        ("nonsense", with(&["BUG: soft lockup"]) + &done),
    ];
    let said: Vec<String> = cases
        .iter()
        .map(|(case, bytes)| {
            let error = Record::parse(bytes.as_bytes()).expect_err(case);
            assert_eq!(error.exit() as u8, 4, "{case}");
            format!("{case}: {error:?}")
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
    assert!(Record::parse(&whole).is_ok());
}
