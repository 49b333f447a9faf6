//! `tunelab claims`: how the article's claims are settled from what is stored, and how that is shown.

use crate::made;
use std::{collections::BTreeMap, path::Path};
use tempfile::TempDir;
use tunelab::{
    outcome::{
        claims::{self, Experiment, Outcomes, Settled},
        snapshot::{self, Shelf},
    },
    project::Project,
    scenario::{Article, Catalogue, load},
};

/// Two claims that together settle one of the article; `default` must have what `tuned` does not have.
const TWO: &str = r#"
[metric.there]
value = "count(served)"
[metric.first]
value = "count(served)"
[metric.second]
value = "count(served)"

[claim.first]
says = "x"
variants = ["default"]
control = ["tuned"]
applies-to = ["there == 1"]
assert = ["first == 1"]

[claim.second]
says = "x"
variants = ["default"]
uncontrolled-because = "x"
applies-to = ["there == 1"]
assert = ["second == 1"]
"#;

fn outcomes(default: &str, tuned: &str) -> Outcomes {
    [("default", default), ("tuned", tuned)].map(|(name, text)| (name.to_owned(), text.parse().unwrap())).into()
}

/// The claims settled on `a` by these outcomes; the scenario names `b` too, and no scenario names `c`.
fn settled(stored: Option<Outcomes>) -> Vec<Settled> {
    let head = made::SMALL.split("[claim.").next().unwrap();
    let (home, folder) = made::scenario("small", &format!("{head}{TWO}"), &[("base.conf", "")]);
    made::article(home.path(), &made::settled(&[("it-fills", r#"["small/first", "small/second"]"#)]));
    let outcomes: BTreeMap<_, _> = [("a".to_owned(), stored), ("b".to_owned(), None)].into();
    let experiments = [Experiment { scenario: load(&folder).unwrap(), outcomes, verdicts: BTreeMap::new() }];
    let images = ["a", "b", "c"].map(str::to_owned);
    claims::settle(&Article::of(home.path()).unwrap().unwrap(), &experiments, &images)
}

fn word(default: &str, tuned: &str) -> &'static str {
    settled(Some(outcomes(default, tuned)))[0].images[0].1.verdict.word()
}

#[test]
fn several_claims_make_one_verdict() {
    let both = "there = 1\nfirst = 1\nsecond = 1";
    assert_eq!(word(both, "first = 0"), "holds");
    assert_eq!(word("there = 1\nfirst = 1\nsecond = 0", "first = 0"), "does not hold");
    assert_eq!(word(both, both), "unsettled", "the control of one did not turn");
    assert_eq!(
        word("there = 1\nfirst = 1\nsecond = 0", "first = 1"),
        "does not hold",
        "a refutation outweighs what is unsettled"
    );
    assert_eq!(word("there = 0\nfirst = 1", "first = 0"), "does not apply");
}

/// Judges a claim by `default` and `tuned`: the verdict, why, and what decided.
fn judged(claim: &str, default: &str, tuned: &str) -> String {
    let head = made::SMALL.split("[claim.").next().unwrap();
    let metrics =
        ["a", "b", "c", "came", "lost", "n"].map(|name| format!("[metric.{name}]\nvalue = \"count(served)\"\n"));
    let metrics = metrics.concat();
    let text = format!("{head}{metrics}[claim.x]\nsays = \"x\"\nvariants = [\"default\"]\n{claim}\n");
    let (_home, folder) = made::scenario("small", &text, &[("base.conf", "")]);
    let judged = claims::judge(&load(&folder).unwrap(), &outcomes(default, tuned)).remove(0);
    let why = judged.why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{}{why} [{}]", judged.verdict.word(), judged.figure)
}

#[test]
fn both_sides_are_shown() {
    let turned = |default, tuned| judged("control = [\"tuned\"]\nassert = [\"a > 0\", \"b <= c\"]", default, tuned);
    assert_eq!(turned("a = 1\nb = 2\nc = 3", "a = 0\nb = 2\nc = 3"), "holds [default: a = 1; tuned (control): a = 0]");
    assert_eq!(
        turned("a = 1\nb = 2\nc = 3", "a = 1\nb = 4\nc = 3"),
        "holds [default: b = 2, c = 3; tuned (control): b = 4, c = 3]",
        "what turned is what is shown"
    );
    assert_eq!(
        turned("a = 1\nb = 4\nc = 3", "a = 1\nb = 2\nc = 3"),
        "does not hold [default: b = 4, c = 3; tuned (control): b = 2, c = 3]"
    );
    assert_eq!(
        turned("a = 1\nb = 2\nc = 3", "a = 2\nb = 2\nc = 3"),
        "unsettled (holds in its control `tuned` as well) [default: a = 1; tuned (control): a = 2]"
    );
    assert_eq!(judged("uncontrolled-because = \"x\"\nassert = [\"a > 0\"]", "a = 1", ""), "holds [default: a = 1]");
}

#[test]
fn what_is_required_and_not_so_settles_nothing() {
    let claim = "control = [\"tuned\"]\nrequires = [\"came > 0\"]\nassert = [\"lost > 0\"]";
    let (lost, none) = ("came = 9\nlost = 3", "came = 9\nlost = 0");
    assert_eq!(judged(claim, lost, none), "holds [default: lost = 3; tuned (control): lost = 0]");
    let nobody = judged(claim, lost, "came = 0\nlost = 0");
    assert!(nobody.starts_with("unsettled (what it requires is not so: tuned (control): came = 0)"), "{nobody}");
    let nobody = judged(claim, "came = 0\nlost = 0", none);
    assert!(nobody.starts_with("unsettled (what it requires is not so: default: came = 0)"), "{nobody}");
}

#[test]
fn what_is_not_there_is_never_false_in_silence() {
    let lines = |expression: &str| {
        judged(&format!("uncontrolled-because = \"x\"\nassert = [\"{expression}\"]"), "n = 'absent'", "")
    };
    assert_eq!(lines("n > 0"), "does not hold [default: n = `absent`]", "what a kernel has not is said to be absent");
    assert_eq!(lines("n == 'absent'"), "holds [default: n = `absent`]");
    assert_eq!(lines("lost == 0"), "holds [default: lost = 0]", "an exact zero is left out");
    assert_eq!(lines("leaks lacks 'x'"), "holds [default: leaks = none]", "and so is a list with nothing in it");
    let setting = "sysctl.net.netfilter.nf_conntrack_tcp_timeout_established";
    let told = format!("unsettled (there is no `{setting}` in the outcome of `default`) []");
    assert_eq!(lines(&format!("{setting} == 600")), told, "what was stored before it was asked for is not known");
}

/// A snapshot has no metric that is zero, and none that did not exist when it was taken.
#[test]
fn a_claim_that_is_newer_than_its_snapshot_is_unsettled() {
    let stored = |verdict: &str| STORED.replace("grows = 'holds'", &format!("grows = '{verdict}'"));
    let table = |verdict: &str| said(repository(&stored(verdict)).path(), &["--image", "debian-12"]);
    assert!(!table("holds").contains("newer"));
    for other in ["does not hold", "unsettled"] {
        let said = table(other);
        assert!(said.contains("`grows` of `small` is newer than the snapshot: run it again"), "{said}");
    }
}

#[test]
fn one_that_does_not_apply_leaves_it_to_the_others() {
    let text = TWO.replacen("there == 1", "first == 2", 1);
    let head = made::SMALL.split("[claim.").next().unwrap();
    let (_home, folder) = made::scenario("small", &format!("{head}{text}"), &[("base.conf", "")]);
    let scenario = load(&folder).unwrap();
    let judged = claims::judge(&scenario, &outcomes("there = 1\nfirst = 1\nsecond = 1", "first = 0"));
    let said: Vec<String> = judged.iter().map(|j| format!("{} {:?}", j.verdict.word(), j.evidence)).collect();
    assert_eq!(said, [r#"does not apply ["default: first = 1"]"#, r#"holds ["default: second = 1"]"#]);
    let findings = claims::findings(&scenario, "default", &"there = 1\nfirst = 1\nsecond = 1".parse().unwrap());
    assert_eq!(
        findings.iter().map(|f| f.verdict).collect::<Vec<_>>(),
        [claims::Verdict::DoesNotApply, claims::Verdict::Holds]
    );
}

#[test]
fn what_is_unsettled_says_why() {
    let why = |settled: &Settled| -> Vec<String> {
        settled.images.iter().map(|(_, standing)| standing.reason.clone().unwrap_or_default()).collect()
    };
    let both = "there = 1\nfirst = 1\nsecond = 1";
    let all = settled(Some(outcomes(both, both)));
    assert_eq!(
        why(&all[0]),
        [
            "`first` of `small`: holds in its control `tuned` as well",
            "`small` was not run on this image",
            "no scenario that settles it runs on this image"
        ]
    );
    assert_eq!(why(&all[1]), ["no scenario settles it yet"; 3]);
    assert_eq!(why(&all[2]), ["nobody knows the load"; 3]);
    let part = Outcomes::from([("default".to_owned(), both.parse().unwrap())]);
    assert_eq!(why(&settled(Some(part))[0])[0], "`small` was not run with all variants it takes");
}

/// A repository with a scenario on two images, run on one.
fn repository(snapshot: &str) -> TempDir {
    let text = made::SMALL.replace("[host.server]", "images = [\"debian-12\", \"debian-13\"]\n[host.server]");
    let (home, _) = made::scenario("small", &text, &[("base.conf", "")]);
    let article = made::settled(&[("it-fills", r#"["small/grows"]"#), ("one-line", r#"["small/one-line"]"#)]);
    made::article(home.path(), &article);
    let path = Shelf::of_project(home.path(), "small").path("debian-12");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("---\nsource: x\nexpression: outcome\n---\n{snapshot}")).unwrap();
    home
}

const STORED: &str = "\
[claims]\ngrows = 'holds'\none-line = 'does not hold'\n
[variant.default]\nleaks = ['gone']\nfull-rounds = '47 ± 4'\nlog-lines = 94\n
[variant.tuned]\n";

fn tunelab(repository: &Path, args: &[&str]) -> std::process::Output {
    made::tunelab_in(repository).arg("claims").args(args).output().unwrap()
}

fn said(repository: &Path, args: &[&str]) -> String {
    let output = tunelab(repository, args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The refusal, without the line that says to which project these scenarios belong.
fn refused(repository: &Path, args: &[&str]) -> String {
    let output = tunelab(repository, args);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    said.split_once('\n').unwrap().1.replace(&format!("{}/", repository.display()), "")
}

#[test]
fn a_table_and_the_evidence() {
    let home = repository(STORED);
    let asked: [&[&str]; 3] = [&[], &["one-line", "1"], &["--image", "debian-13", "--verbose"]];
    insta::assert_snapshot!(asked.map(|args| said(home.path(), args)).join("\n"));
}

#[test]
fn a_page() {
    insta::assert_snapshot!(said(repository(STORED).path(), &["--format", "markdown"]));
}

#[test]
fn json_is_an_array_of_claims() {
    let home = repository(STORED);
    let list: serde_json::Value = serde_json::from_str(&said(home.path(), &["--format", "json"])).unwrap();
    let (first, last) = (&list[0], &list[2]);
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert_eq!((&first["id"], &first["number"], &first["section"]), (&"it-fills".into(), &1.into(), &"Tables".into()));
    assert_eq!((&first["claim"], &first["quote"]), (&"the table fills up".into(), &"And grows.".into()));
    let on = &first["images"]["debian-12"];
    assert_eq!((&on["verdict"], &on["scenario"]), (&"holds".into(), &"small".into()));
    assert_eq!(
        (&on["variant"], &on["evidence"][0]),
        (&serde_json::json!(["default", "tuned"]), &"default: full-rounds = 47".into())
    );
    assert_eq!(on["parts"][0]["command"], "tunelab scenario small --image debian-12 --variant default,tuned");
    assert_eq!(list[1]["images"]["debian-12"]["verdict"], "does-not-hold");
    let on = &first["images"]["debian-13"];
    assert_eq!((&on["verdict"], &on["reason"]), (&"unsettled".into(), &"`small` was not run on this image".into()));
    assert_eq!(
        (&last["cannot"], &last["images"]["debian-12"]["scenario"]),
        (&"nobody knows the load".into(), &().into())
    );
}

#[test]
fn wrong_words_suggest_the_nearest() {
    let home = repository(STORED);
    assert_eq!(
        refused(home.path(), &["it-fils"]),
        "error: the article has no claim `it-fils`\nhint: did you mean `it-fills`?\n"
    );
    assert_eq!(
        refused(home.path(), &["--image", "debian-21"]),
        "error: no scenario runs on an image `debian-21`\nhint: did you mean `debian-12`?\n"
    );
}

#[test]
fn broken_snapshots_are_told_by_name() {
    for broken in ["no toml", "scenario = 'small'", "[variant]\ndefault = 7"] {
        let said = refused(repository(broken).path(), &[]);
        assert!(said.contains("failed to use the snapshot `snapshots/small@debian-12.snap`"), "{said}");
        assert!(said.contains("hint: take it from version control again"), "{said}");
    }
}

/// A claim with a verdict on the edge of a band, or one that was changed without a run, would have two verdicts.
#[test]
fn what_is_stored_is_judged_as_when_it_ran() {
    let repository = made::repository();
    let catalogue = Catalogue::of(&repository).unwrap();
    for scenario in catalogue.names().iter().map(|name| catalogue.load(name).unwrap()) {
        for image in &scenario.images {
            let shelf = Shelf::of_project(&repository, &scenario.name);
            let Some((outcomes, verdicts)) = snapshot::stored_facts(&shelf, image).unwrap() else { continue };
            for judged in claims::judge(&scenario, &outcomes) {
                let stored = verdicts.get(&judged.id).map(String::as_str);
                let (name, id) = (&scenario.name, &judged.id);
                assert_eq!(Some(judged.verdict.word()), stored, "`{id}` of `{name}` on `{image}`: run it again");
            }
        }
    }
}

#[test]
fn the_committed_pages_are_what_the_snapshots_say() {
    let project = Project::at(&made::repository()).unwrap();
    let stale: Vec<_> = tunelab::cli::docs::stale(&project).unwrap().into_iter().map(|(p, _)| p).collect();
    assert!(
        stale.is_empty(),
        "{stale:?} are stale\nhint: `cargo run -- docs`, and commit them with what they are from"
    );
}
