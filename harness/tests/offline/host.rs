//! What the harness finds out about this host.

use tunelab::host::{self, Fix, Lack, install, kvm};

#[tokio::test]
async fn qemu_is_proven_by_running_it_and_the_tiny_guest_runs_under_tcg() {
    let survey = host::survey(host::RUN).await;
    let found = survey.rows[0].found.as_ref().expect("QEMU is needed by these tests: run `tunelab doctor --fix`");
    assert!(found.ends_with("TCG"), "{found}");
    let scratch = tempfile::tempdir().unwrap();
    kvm::runs_a_guest("tcg", scratch.path()).await.unwrap();
    let why = kvm::runs_a_guest("no-such-accelerator", scratch.path()).await.unwrap_err();
    assert!(why.contains("no-such-accelerator"), "{why}");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn what_is_lacking_becomes_one_command() {
    let package = |names| Lack { what: "not found".into(), fix: Fix::Packages(names) };
    let ids = Lack { what: "none".into(), fix: Fix::Command(vec!["usermod".into(), "me".into()]) };
    let advice = Lack { what: "forbidden".into(), fix: Fix::Advice("think".into()) };
    let steps = install::steps([&package(&["mmdebstrap"]), &advice, &package(&["uidmap"]), &ids].into_iter());
    let command = install::one_command(&steps).replace("sudo ", "");
    assert_eq!(command, "apt-get install --yes --no-install-recommends mmdebstrap uidmap && usermod me");
    assert!(install::steps([&advice].into_iter()).is_empty());
}
