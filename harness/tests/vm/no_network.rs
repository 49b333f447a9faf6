//! Once an image is built, no network is used: the binary runs in a network namespace that has only `lo`.

use crate::{
    bench::{Bench, IMAGE, SHORT, Use, with},
    command::{BINARY, arguments, environment},
};
use std::process::Stdio;
use tunelab::host::namespace;

/// It goes from the image to the record: boots, deploys over SSH on 127.0.0.1, saves, restores, runs.
#[test]
fn a_scenario_runs_from_a_built_image() {
    with(Use::Shared, Use::None, async |bench| {
        let (code, told) = without_network(bench, &arguments(SHORT)).await;
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("saving the warm machine: done"), "{told}");
        assert!(told.contains("; done in"), "{told}");
    });
}

#[test]
fn an_image_that_is_not_built_names_its_mirror_as_the_problem() {
    with(Use::None, Use::None, async |bench| {
        let (code, told) = without_network(bench, &["--no-install", "image", "build", IMAGE]).await;
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("failed to build image `debian-12`"), "{told}");
        assert!(told.contains("hint:") && told.contains("mirror"), "{told}");
        let left = std::fs::read_dir(bench.cache.images()).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir());
        assert_eq!(left.count(), 0, "a failed build leaves nothing");
    });
}

/// A new network namespace has no way out and its `lo` is down; no other link is ever made in it.
async fn without_network(bench: &Bench, args: &[&str]) -> (Option<i32>, String) {
    const SCRIPT: &str = r#"ip link set lo up || exit 98
if ip route get 192.0.2.1; then exit 99; fi
exec "$@""#;
    let argv = [&["unshare", "--net", "sh", "-c", SCRIPT, "sh", BINARY][..], args].concat();
    let child = namespace::spawn(&argv, |command| {
        command.current_dir(bench.repository()).envs(environment(bench)).stderr(Stdio::piped());
    });
    let output = child.await.unwrap_or_else(|e| panic!("{e:?}")).wait_with_output().await.unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&told).into_owned())
}
