//! The proof of a QEMU by `tunelab doctor`: a machine is booted, saved and restored, once for each QEMU.

use crate::command::BINARY;
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

fn doctor(cache: &Path, path: &str) -> (Output, Value) {
    let mut command = Command::new(BINARY);
    let output = command.args(["doctor", "--format", "json"]).env("TUNELAB_CACHE", cache).env("PATH", path).output();
    let output = output.unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (output, document)
}

/// A folder with a QEMU that is the real one behind `script`.
fn qemu_behind(script: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let (path, real) = (std::env::var("PATH").unwrap(), "/usr/bin/qemu-system-x86_64");
    let qemu = dir.path().join("qemu-system-x86_64");
    fs::write(&qemu, format!("#!/bin/sh\n{script}\nexec {real} \"$@\"\n")).unwrap();
    fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{path}", dir.path().display());
    (dir, path)
}

#[test]
fn a_machine_is_booted_saved_and_restored_once_for_each_qemu() {
    crate::shared::get();
    let cache = tempfile::tempdir().unwrap();
    let log = cache.path().join("started");
    let (dir, path) = qemu_behind(&format!("case \"$*\" in *loadvm*) echo restored >> '{}';; esac", log.display()));
    let (output, document) = doctor(cache.path(), &path);
    assert!(output.status.success(), "{output:?}");
    let seconds = |step: &str| document["machine"][step].as_f64().unwrap_or_else(|| panic!("{document:#}"));
    assert!(seconds("boot_seconds") > 0.0 && seconds("save_seconds") > 0.0 && seconds("restore_seconds") > 0.0);
    // This is for sixty seconds of the guest's clock.
    assert!(seconds("idle_minute_seconds") < 20.0);
    let restored = || fs::read_to_string(&log).unwrap().lines().count();
    assert_eq!(restored(), 1);
    assert_eq!(fs::read_dir(cache.path().join("runs")).unwrap().count(), 0);

    assert_eq!(doctor(cache.path(), &path).1["machine"], document["machine"]);
    assert_eq!(restored(), 1, "it is remembered");
    let qemu = dir.path().join("qemu-system-x86_64");
    fs::write(&qemu, fs::read_to_string(&qemu).unwrap()).unwrap();
    assert_eq!(doctor(cache.path(), &path).1["machine"], document["machine"]);
    assert_eq!(restored(), 1, "installed again, it is the same QEMU");
    fs::write(&qemu, fs::read_to_string(&qemu).unwrap() + "# another\n").unwrap();
    doctor(cache.path(), &path);
    assert_eq!(restored(), 2, "another QEMU is asked anew");
}

#[test]
fn a_qemu_that_cannot_restore_is_told_with_its_own_words() {
    crate::shared::get();
    let cache = tempfile::tempdir().unwrap();
    let (_dir, path) = qemu_behind("case \"$*\" in *loadvm*) echo 'no such device: slirp' >&2; exit 1;; esac");
    let (output, document) = doctor(cache.path(), &path);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = document["machine"]["problem"].as_str().unwrap();
    assert!(told.contains("no such device: slirp"), "{told}");
    assert!(!cache.path().join("qemu.json").exists(), "what failed is tried again");
}

#[test]
fn an_accelerator_is_proven_by_a_linux_that_speaks() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let runs = |kernel: &Path, seconds| {
        runtime.block_on(tunelab::host::kvm::runs_linux("tcg", kernel, Duration::from_secs(seconds)))
    };
    runs(&crate::shared::get().image.kernel, 120).unwrap();
    // These bytes run and say nothing, as where KVM runs seven of them, and Linux hangs with an empty console.
    let silent = tempfile::NamedTempFile::new().unwrap();
    fs::write(silent.path(), tunelab::lab::proof::guest::kernel()).unwrap();
    assert_eq!(runs(silent.path(), 3).unwrap_err(), "a Linux without a root disk did not end in 3 s");
}
