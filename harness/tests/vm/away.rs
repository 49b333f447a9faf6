//! A scenario named by its path, in a folder that belongs to no project: the image is the built-in one, and the
//! snapshot lies beside the scenario.

use crate::{
    bench::{Bench, IMAGE, SHORT, on_bench},
    command::{BINARY, arguments, environment},
};
use std::{fs, path::Path, process::Command};
use tunelab::scenario::FILE;

#[test]
fn a_path_keeps_its_snapshot_beside_it() {
    on_bench(async |bench| {
        // This folder is not below this project, as the bench's own folder is.
        let home = tempfile::tempdir().unwrap();
        let scenario = home.path().join("incidents/web3");
        fs::create_dir_all(&scenario).unwrap();
        let files = fs::read_dir(bench.repository().join("scenarios").join(SHORT)).unwrap();
        for file in files.flatten() {
            fs::copy(file.path(), scenario.join(file.file_name())).unwrap();
        }

        let snapshot = scenario.join(format!("snapshots/{IMAGE}.snap"));
        let accepted = arguments("./incidents/web3");
        tunelab(bench, home.path(), &accepted);
        let stored = fs::read_to_string(&snapshot).unwrap();
        assert!(stored.contains("scenario = \"web3\"") && stored.contains("[variant.article"), "{stored}");

        let file = scenario.join(FILE);
        let compared = tunelab(
            bench,
            home.path(),
            &[&["--no-install", "scenario", file.to_str().unwrap()], &accepted[3..6]].concat(),
        );
        assert!(compared.contains("snapshot: matches"), "{compared}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing else is left");
    });
}

/// Returns what it prints; it must end well.
fn tunelab(bench: &Bench, folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new(BINARY);
    command.args(words).current_dir(folder).envs(environment(bench));
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
