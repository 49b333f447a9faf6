//! Runs that are read again from their folders, without their scenario and without a machine.

use crate::made::{self, Made};
use std::{fs, path::Path};
use tempfile::TempDir;
use tunelab::{
    lab::{
        Clock,
        kept::{self, Circumstances},
    },
    outcome::Outcome,
    plan::RunSpec,
    story::RunName,
};

/// The folder of one run, as the lab leaves it; the scenario is gone.
fn kept(made: &Made) -> (TempDir, toml::Table) {
    let (_home, scenario) = made::small();
    let (image, variant) = ("debian-12".to_owned(), made.variant.to_owned());
    let run = RunName { scenario: "small".into(), image, kernel: None, variant, seed: 3, repeat: 1 };
    let spec = RunSpec::new(&scenario, scenario.variant(made.variant).unwrap(), run);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(kept::EVENTS), made.bytes()).unwrap();
    let known = Circumstances {
        kernel: "6.1.0",
        kernel_sha256: "4dc4",
        modules_sha256: None,
        clock: Clock::Virtual,
        wall_seconds: 6.25,
        boot_retries: &["no SSH".to_owned()],
    };
    kept::write(folder.path(), &spec, &known).unwrap();
    let record = tunelab::outcome::Record::parse(&made.bytes()).unwrap();
    let facts = Outcome::of(&record, &spec.plan, &scenario).facts(&scenario);
    (folder, facts)
}

#[test]
fn a_run_says_the_same_when_it_is_read_again() {
    let (folder, facts) = kept(&Made::default());
    let again = kept::read(folder.path()).unwrap_or_else(|e| panic!("{e:?}"));
    let result = again.result.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(Outcome::of(&result.record, &again.spec.plan, &again.scenario).facts(&again.scenario), facts);
    assert_eq!((result.kernel.as_str(), result.wall_seconds, result.clock), ("6.1.0", 6.25, Clock::Virtual));
    assert_eq!((result.run.seed, result.boot_retries.len()), (3, 1));
}

fn report(folders: &[&Path]) -> (Option<i32>, String, String) {
    let output = made::tunelab_in(folders[0]).arg("report").args(folders).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn runs_are_reported_together_with_their_claims() {
    let [(default, _), (tuned, _)] = [Made::default(), Made::tuned()].map(|made| kept(&made));
    let (code, said, told) = report(&[default.path(), tuned.path()]);
    assert_eq!(code, Some(0), "{told}");
    for part in
        ["small on debian-12 (Linux 6.1.0), virtual clock, seed 3", "holds          grows", "not compared: the project"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn what_is_no_run_is_told() {
    let (folder, _) = kept(&Made::default());
    let path = folder.path().join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    for (written, why) in [
        (text.replace("\"format\": 2", "\"format\": 9"), "its format is 9"),
        (text[..text.len() / 2].to_owned(), "is no run: EOF"),
        (text.replace("\"base.conf\"", "\"../base.conf\""), "is no name of a file in a run"),
    ] {
        fs::write(&path, written).unwrap();
        let (code, said, told) = report(&[folder.path()]);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{told}");
        assert!(told.contains(why), "{told}");
    }
    fs::remove_file(&path).unwrap();
    let (code, _, told) = report(&[folder.path()]);
    assert_eq!(code, Some(2));
    assert!(told.contains("failed to read the run") && told.contains("name the folder of one run"), "{told}");
}
