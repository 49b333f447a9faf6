//! A prune beside a run takes nothing from it.

use crate::{
    bench::{ENDLESS, Use, with},
    command::{BINARY, Tunelab, environment, within},
};
use std::{fs, path::Path, process::Command, time::Duration};

#[test]
fn everything_is_pruned_but_what_runs() {
    with(Use::Copy, Use::Copy, async |bench| {
        let prune = || {
            let output = Command::new(BINARY)
                .args(["image", "prune", "--all"])
                .current_dir(bench.repository())
                .envs(environment(bench))
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let old = bench.cache.runs().join("small-abcdefgh");
        fs::create_dir(&old).unwrap();
        let mut running = Tunelab::scenario(bench, ENDLESS);
        running.wait_for("started");
        let said = prune();
        assert!(said.starts_with("removed record") && said.lines().count() == 2, "{said}");
        assert!(!old.exists());
        assert!(bench.state().join("state.qcow2").exists());
        assert_eq!(bench.runs().len(), 1, "its own folder");
        let record = bench.runs()[0].join("events.jsonl");
        let size = || fs::metadata(&record).unwrap().len();
        let before = size();
        assert!(within(Duration::from_secs(10), || size() > before), "it stopped");
        running.signal("INT");
        assert_eq!(running.end().code, Some(130));
        let said = prune();
        assert!(said.contains("removed image") && said.contains("removed saved machine"), "{said}");
        assert!(folders(&bench.cache.images()) == 0 && folders(&bench.cache.states()) == 0, "{said}");
    });
}

fn folders(room: &Path) -> usize {
    fs::read_dir(room).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
}
