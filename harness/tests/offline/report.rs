//! Reports: lines, summaries, JSON, JUnit.

use crate::made::{self, Made};
use std::{sync::Arc, time::Duration};
use tunelab::{
    cli,
    error::{Error, Result},
    lab::RunResult,
    outcome::snapshot::Mode,
    plan::RunSpec,
    project::{Found, Project},
    report::{self, Lines, Style, Verdict},
    scenario::{self, OwnFiles, Scenario},
    story::{RunName, Story, Teller},
};
use tunelab_protocol::{CountedRule, Event};

fn name(variant: &str) -> RunName {
    RunName {
        scenario: "small".into(),
        image: "debian-12".into(),
        kernel: None,
        variant: variant.into(),
        seed: 1,
        repeat: 1,
    }
}

fn run(scenario: &Scenario, variant: &str, made: Option<Made>) -> (RunSpec, Result<RunResult>) {
    let spec = RunSpec::new(scenario, scenario.variant(variant).unwrap(), name(variant));
    let result = made.map(|made| made.result(&spec));
    let lost = || Error::guest("the guest panicked: `sysrq triggered crash`").hint("console log at runs/1/console.log");
    (spec, result.ok_or_else(lost))
}

/// Both variants ran; then one of them is lost.
fn verdicts(mode: Mode, lost: bool) -> Vec<Verdict> {
    let (home, scenario) = made::small();
    let runs = |lost: bool| {
        vec![run(&scenario, "default", Some(Made::default())), run(&scenario, "tuned", (!lost).then(Made::tuned))]
    };
    cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs(false), Mode::Accept).unwrap();
    cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs(lost), mode).unwrap()
}

/// Scenarios that are named by their paths have the last part in common, and no snapshot.
#[test]
fn two_scenarios_of_one_name_are_not_mixed_up() {
    let home = tempfile::tempdir().unwrap();
    for (folder, summary) in [("a", "one"), ("b", "another")] {
        let folder = home.path().join(folder).join("small");
        std::fs::create_dir_all(&folder).unwrap();
        let text = made::SMALL.replace("two ways of leaving", summary);
        std::fs::write(folder.join(scenario::FILE), text).unwrap();
        std::fs::write(folder.join("base.conf"), "net.netfilter.nf_conntrack_max = 100\n").unwrap();
    }
    let paths =
        ["a/small", "b/small", "b/../a/small/scenario.toml"].map(|path| home.path().join(path).display().to_string());
    let found = Project::at(&made::repository()).unwrap().named(&paths).unwrap();
    assert_eq!(found.iter().map(|found| found.label.as_str()).collect::<Vec<_>>(), ["a/small", "b/small"]);
    let runs = found.iter().zip([Made::default(), Made::tuned()]).map(|(found, made)| {
        let name = RunName { scenario: found.label.clone(), ..name("default") };
        let (mut spec, result) = run(&found.scenario, "default", Some(made));
        spec.run = name.into();
        (spec, result)
    });
    let verdicts = cli::judge(&found, runs.collect(), Mode::Accept).unwrap();
    let scenarios: Vec<_> = verdicts.iter().map(|verdict| verdict.scenario.as_str()).collect();
    assert_eq!(scenarios, ["a/small", "b/small"]);
    let [one, another] = ["a", "b"].map(|folder| {
        let path = home.path().join(folder).join("small/snapshots/debian-12.snap");
        std::fs::read_to_string(path).unwrap()
    });
    assert!(one.contains("scenario = \"small\"") && one.contains("leaks = [\"gone\"]"), "{one}");
    assert!(another.contains("scenario = \"small\"") && !another.contains("leaks"), "{another}");
    assert_eq!(verdicts[0].runs[0].run.scenario_in_files(), "a+small");
}

/// An image is built, and a run goes through its three days.
fn story() -> Vec<Story> {
    let run = Arc::new(name("default"));
    let mut story = vec![
        Story::Notice("KVM cannot run a guest here; using TCG".into()),
        Story::Step { what: "building image debian-12".into() },
    ];
    story.extend((0..=20).map(|n| Story::StepProgress {
        what: "building image debian-12".into(),
        fraction: Some(f64::from(n) / 20.0),
        detail: format!("package {n} of 20"),
    }));
    story.push(Story::StepDone { what: "building image debian-12".into(), took: Duration::from_millis(41_250) });
    story.push(Story::RunStarted { run: run.clone(), total_virtual: Duration::from_secs(259_200) });
    story.extend(Made::default().events().into_iter().map(|event| Story::RunEvent { run: run.clone(), event }));
    story.push(Story::RunEnded { run, wall: Duration::from_millis(6_250), error: None });
    story
}

/// The end of the summary of a run with files of the user's own, when it comes to this.
fn of_own_files(yours: Made, beside: &[&str]) -> String {
    let (home, mut scenario) = made::small();
    let mine = home.path().join("mine.conf");
    std::fs::write(&mine, "net.ipv4.tcp_tw_reuse = 1\n").unwrap();
    OwnFiles { sysctl: Some(mine), ..OwnFiles::default() }.add_to(&mut scenario).unwrap();
    let shipped =
        [("default", Made::default()), ("tuned", Made::tuned())].into_iter().filter(|(v, _)| beside.contains(v));
    let made = shipped.chain([("yours", Made { variant: "yours", ..yours })]);
    let runs = made.map(|(variant, made)| run(&scenario, variant, Some(made))).collect();
    let verdicts = cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs, Mode::Check).unwrap();
    let said = report::summary::render(&verdicts[0], false);
    said.split_once("\nyour files, beside").map_or(String::new(), |(_, end)| format!("your files, beside{end}"))
}

#[test]
fn files_of_ones_own_end_with_a_verdict() {
    let both = ["default", "tuned"];
    assert_eq!(
        of_own_files(Made::default(), &both),
        "your files, beside `default`\nverdict: your files change nothing: the outcome is that of `default`\n"
    );
    insta::assert_snapshot!(of_own_files(Made::tuned(), &both));
    insta::assert_snapshot!(of_own_files(Made { leak: 1, ..Made::tuned() }, &both));
    assert_eq!(
        of_own_files(Made::tuned(), &["tuned"]),
        "your files, beside `tuned`\nverdict: your files change nothing: the outcome is that of `tuned`\n"
    );
    assert_eq!(of_own_files(Made::tuned(), &[]), "", "alone they change nothing");
    let said = of_own_files(Made::default().odd(), &["default"]);
    assert!(said.ends_with("is that of `default`; 2 of their sysctls were not taken, see above\n"), "{said}");
}

/// The templates of the bars are only looked at when a bar is made.
#[tokio::test]
async fn bars_can_be_drawn() {
    let (teller, listener) = Teller::new();
    story().into_iter().for_each(|piece| teller.tell(piece));
    drop(teller);
    report::follow(listener, Style::Bars).await;
}

#[test]
fn plain_lines_once_a_day() {
    let story = story();
    let mut lines = Lines::default();
    let said: Vec<String> = story.iter().flat_map(|piece| lines.hear(piece)).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn summary_of_what_matches() {
    insta::assert_snapshot!(report::summary::render(&verdicts(Mode::Check, false)[0], false));
}

#[test]
fn summary_of_sysctls_that_were_not_taken_as_written() {
    let (home, scenario) = made::small();
    let runs = [("default", Made::default().odd()), ("tuned", Made::tuned().odd())];
    let runs = runs.map(|(variant, made)| run(&scenario, variant, Some(made))).into();
    let verdicts = cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs, Mode::Check).unwrap();
    let said = report::summary::render(&verdicts[0], false);
    let part = said.split("\n\n").find(|part| part.starts_with("sysctls")).unwrap();
    insta::assert_snapshot!(part, @r"
    sysctls not as written
      default, tuned: net.ipv4.tcp_tw_recycle = 1: not on this kernel
      default, tuned: net.ipv4.tcp_tw_reuse = 9: Invalid argument (os error 22)
      default, tuned: net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait is here net.netfilter.nf_conntrack_tcp_timeout_time_wait
    ");
}

#[test]
fn summary_of_rules_that_no_packet_met() {
    let (home, scenario) = made::small();
    let rule = |number: u64, packets| CountedRule {
        place: Some(format!("rules.v4:{number}")),
        table: "filter".into(),
        chain: "INPUT".into(),
        text: format!("-A INPUT -s 10.9.0.{number} -j DROP"),
        packets,
        bytes: 0,
    };
    let rules = |met: u64| Event::Rules {
        host: "server".into(),
        rules: (1..=7).map(|n| rule(n, u64::from(n == met))).collect(),
    };
    let with = |made: Made, met| Made { odd: vec![rules(met)], ..made };
    let runs = [("default", with(Made::default(), 1)), ("tuned", with(Made::tuned(), 2))];
    let runs = runs.map(|(variant, made)| run(&scenario, variant, Some(made))).into();
    let verdicts = cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs, Mode::Check).unwrap();
    let said = report::summary::render(&verdicts[0], false);
    let part = said.split("\n\n").find(|part| part.starts_with("firewall rules")).unwrap();
    insta::assert_snapshot!(part, @r"
    firewall rules that no packet met
      default: rules.v4:2: filter: -A INPUT -s 10.9.0.2 -j DROP
      rules.v4:3: filter: -A INPUT -s 10.9.0.3 -j DROP
      rules.v4:4: filter: -A INPUT -s 10.9.0.4 -j DROP
      rules.v4:5: filter: -A INPUT -s 10.9.0.5 -j DROP
      rules.v4:6: filter: -A INPUT -s 10.9.0.6 -j DROP
      2 more: `--format json` has all, as `unmet-rules`
    ");
}

#[test]
fn summary_of_a_lost_machine() {
    insta::assert_snapshot!(report::summary::render(&verdicts(Mode::Check, true)[0], false));
}

#[test]
fn json_has_a_document_per_run() {
    let text = report::json::render(&verdicts(Mode::Check, true));
    let documents: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(documents.len(), 2);
    insta::assert_snapshot!(serde_json::to_string_pretty(&documents).unwrap());
}

#[test]
fn junit() {
    insta::assert_snapshot!(report::junit::render(&verdicts(Mode::Check, true)).unwrap());
}

/// JSON agrees with the summary: a claim that is unsettled for people is never true for scripts.
#[test]
fn json_says_the_judged_verdict() {
    let documents = report::json::render(&verdicts(Mode::Check, false));
    let first: serde_json::Value = serde_json::from_str(documents.lines().next().unwrap()).unwrap();
    let said: Vec<_> = first["claims"].as_array().unwrap().iter().map(|c| (&c["id"], &c["verdict"])).collect();
    assert_eq!(said, [(&"grows".into(), &"holds".into()), (&"one-line".into(), &"does-not-hold".into())]);
}

#[test]
fn a_claim_whose_verdict_is_another_than_the_snapshots_fails_by_name() {
    let (home, scenario) = made::small();
    let judged = |default, mode| {
        let runs = vec![run(&scenario, "default", Some(default)), run(&scenario, "tuned", Some(Made::tuned()))];
        cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs, mode).unwrap()
    };
    judged(Made::default(), Mode::Accept);
    let text = report::junit::render(&judged(Made { variant: "default", ..Made::tuned() }, Mode::Check)).unwrap();
    let failures: Vec<&str> = text.lines().filter(|line| line.contains("<failure")).map(str::trim).collect();
    assert_eq!(failures.len(), 2, "{text}");
    assert!(failures[0].contains("the verdict is `does not hold`; in the snapshot it is `holds`"), "{text}");
    assert!(failures[1].contains("the outcome differs from its snapshot"), "{text}");
}

#[test]
fn repeats_must_be_the_same_to_the_byte() {
    let (home, scenario) = made::small();
    let mut second = run(&scenario, "default", Some(Made { noise: 1, ..Made::default() }));
    let again = RunName { repeat: 2, ..name("default") };
    second.0.run = Arc::new(again.clone());
    second.1.as_mut().unwrap().run = Arc::new(again);
    let runs = vec![run(&scenario, "default", Some(Made::default())), second];
    let verdicts = cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs, Mode::Check).unwrap();
    assert_eq!(verdicts.len(), 2, "each repeat is compared by itself");
    let text = report::summary::render_sameness(&report::sameness(&verdicts));
    assert_eq!(text, "\nfingerprints\n  small/default on debian-12: 2 different ones in 2 runs\n");
}

/// Another seed is another machine, with a record of its own.
#[test]
fn seeds_are_compared_each_with_the_snapshot_and_not_with_one_another() {
    let (home, scenario) = made::small();
    let mut second = run(&scenario, "default", Some(Made { noise: 1, ..Made::default() }));
    let other = RunName { seed: 2, ..name("default") };
    second.0.run = Arc::new(other.clone());
    second.1.as_mut().unwrap().run = Arc::new(other);
    let runs = vec![run(&scenario, "default", Some(Made::default())), second];
    let verdicts = cli::judge(&[Found::in_project(home.path(), scenario.clone())], runs, Mode::Check).unwrap();
    let seeds: Vec<u64> = verdicts.iter().map(|verdict| verdict.seed).collect();
    assert_eq!(seeds, [1, 2]);
    assert_eq!(report::sameness(&verdicts), [], "nothing was repeated");
    assert!(report::summary::render(&verdicts[1], false).contains("virtual clock, seed 2"));
    assert!(report::junit::render(&verdicts).unwrap().contains("name=\"small@debian-12 seed 2\""));
    assert_eq!(verdicts[1].runs[0].run.to_string(), "small/default on debian-12, seed 2");
}
