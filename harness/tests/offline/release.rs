//! The parts of a release: completions, manual pages, the changelog, one binary that says where it cannot run.

use crate::made;
use assert_cmd::Command;
use std::{collections::BTreeSet, fs, process::Output};

/// Runs in a folder without scenarios: none is needed.
fn tunelab(args: &[&str]) -> Output {
    Command::cargo_bin("tunelab").unwrap().current_dir("/").args(args).output().unwrap()
}

#[test]
fn each_shell_has_completions() {
    for (shell, part) in [
        ("bash", "complete -F _tunelab"),
        ("zsh", "#compdef tunelab"),
        ("fish", "complete -c tunelab"),
        ("elvish", "edit:completion:arg-completer[tunelab]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = tunelab(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{shell}");
        assert!(script.contains(part) && script.contains("no-install"), "{script}");
    }
    assert_eq!(tunelab(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn each_command_has_a_manual_page() {
    let room = tempfile::tempdir().unwrap();
    let folder = room.path().join("share/man/man1");
    let output = tunelab(&["man", folder.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
    let pages: BTreeSet<_> =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    for page in ["tunelab.1", "tunelab-scenario.1", "tunelab-doctor.1", "tunelab-image.1", "tunelab-image-build.1"] {
        assert!(pages.contains(page), "{pages:?}");
    }
    let scenario = fs::read_to_string(folder.join("tunelab-scenario.1")).unwrap();
    assert!(scenario.contains(".TH tunelab-scenario 1") && scenario.contains("\\-\\-variant"), "{scenario}");

    let closed = room.path().join("file");
    fs::write(&closed, "").unwrap();
    let output = tunelab(&["man", closed.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: failed to write manual pages to `"));
}

fn changelog(version: &str) -> Output {
    Command::new(made::repository().join(".github/changelog.sh")).arg(version).output().unwrap()
}

#[test]
fn this_version_has_its_section_in_the_changelog() {
    let output = changelog(env!("CARGO_PKG_VERSION"));
    assert!(output.status.success(), "{output:?}");
    let section = String::from_utf8(output.stdout).unwrap();
    assert!(section.contains("### ") && !section.contains("## ["), "{section}");
    let output = changelog("99.0.0");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no section `[99.0.0]`"));
}

/// The archive's script and `cargo binstall` must mean the same file.
#[test]
fn binstall_looks_for_what_the_script_makes() {
    let root = made::repository();
    let [manifest, script] =
        ["Cargo.toml", ".github/release.sh"].map(|file| fs::read_to_string(root.join(file)).unwrap());
    assert!(script.contains("name=tunelab-$version-$target\n") && script.contains("\"$out/$name.tar.gz\""));
    assert!(
        manifest.contains("/{ name }-{ version }-{ target }.tar.gz\"")
            && manifest.contains("\"{ name }-{ version }-{ target }/{ bin }\"")
    );
}
