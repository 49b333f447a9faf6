//! `--out` is refused before anything runs, or it gets what there is of each run.

use crate::made;
use assert_cmd::Command;
use std::{fs, path::Path};
use tunelab::{
    error::{Error, Exit},
    lab::out,
};

#[test]
fn a_place_where_nothing_can_be_written_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    for no_folder in [file.clone(), file.join("below")] {
        let error = out::ready(&no_folder).unwrap_err();
        assert_eq!(error.exit(), Exit::Input, "{error:?}");
        assert_eq!(error.message(), format!("`--out {}` is no folder", no_folder.display()));
    }
    // No user may write there, root included.
    let error = out::ready(Path::new("/proc/self")).unwrap_err();
    assert_eq!(error.exit(), Exit::Host, "{error:?}");
    let new = home.path().join("a/b");
    out::ready(&new).unwrap();
    assert_eq!(fs::read_dir(new).unwrap().count(), 0, "looking leaves nothing");
}

#[test]
fn and_that_before_any_machine_is_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("tunelab").unwrap();
    command.current_dir(made::repository()).env("TUNELAB_CACHE", home.path());
    command.env("PATH", "/nowhere").args(["--no-install", "scenario", "conntrack-leak", "--out", "/dev/null"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).starts_with("error: `--out /dev/null` is no folder\n"),
        "{output:?}"
    );
}

#[test]
fn a_record_that_cannot_be_copied_stays_where_it_is() {
    let home = tempfile::tempdir().unwrap();
    let room = home.path().join("room");
    fs::create_dir(&room).unwrap();
    fs::write(room.join("events.jsonl"), "{}\n").unwrap();
    assert_eq!(out::keep(room.clone(), None), (room.clone(), None));
    let (path, why) = out::keep(room.clone(), Some(Path::new("/proc/self/record")));
    let why = why.expect("nobody can write there");
    assert!(path == room && why.starts_with("failed to copy the record to `/proc/self/record`: "), "{why}");
    assert!(why.ends_with(&format!("it is kept in `{}`", room.display())), "{why}");
}

#[test]
fn what_went_wrong_is_said_beside_the_record_until_a_run_succeeds() {
    let home = tempfile::tempdir().unwrap();
    let (room, to) = (home.path().join("room"), home.path().join("out/run"));
    fs::create_dir(&room).unwrap();
    fs::write(room.join("events.jsonl"), "{}\n").unwrap();
    out::explain(&to, &Error::guest("the guest panicked").hint("look"));
    assert_eq!(fs::read_to_string(to.join("error.txt")).unwrap(), "the guest panicked\nhint: look\n");
    assert_eq!(out::keep(room, Some(&to)), (to.clone(), None));
    assert_eq!(fs::read_to_string(to.join("events.jsonl")).unwrap(), "{}\n");
    assert!(!to.join("error.txt").exists());
}
