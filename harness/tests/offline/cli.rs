//! The command line: exit codes, hints, and what scripts read.

use crate::made;
use assert_cmd::Command;

/// As a user far from the repository would run it.
fn tunelab(args: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("tunelab").unwrap();
    command.current_dir("/").env("CARGO_MANIFEST_DIR", made::repository()).args(args).output().unwrap()
}

fn refused(args: &[&str]) -> String {
    let output = tunelab(args);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn wrong_names_suggest_the_nearest() {
    assert_eq!(
        refused(&["scenario", "contrack-leak"]),
        "error: there is no scenario `contrack-leak`\nhint: did you mean `conntrack-leak`?\n"
    );
    assert_eq!(
        refused(&["scenario", "conntrack-leak", "--variant", "artikel"]),
        "error: `conntrack-leak` has no variant `artikel`\nhint: did you mean `article`?\n"
    );
}

#[test]
fn wrong_words_are_refused() {
    assert!(refused(&["scenario"]).contains("NAME"));
    assert!(refused(&["scenari"]).contains("scenario"));
    refused(&["scenario", "conntrack-leak", "--repeat", "0"]);
    for own in ["--sysctl", "--rules", "--nginx", "--limits"] {
        let told = refused(&["scenario", "conntrack-leak", "--accept", own, "mine"]);
        assert!(told.contains("cannot be used with"), "{told}");
    }
    for seeds in ["", "x", "2..1", "1..", "1,,2"] {
        assert!(refused(&["scenario", "conntrack-leak", "--seed", seeds]).contains("a seed is a number"), "{seeds}");
    }
}

#[test]
fn help_teaches() {
    let output = tunelab(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Examples:") && text.contains("130  interrupted"));
}

#[test]
fn list_is_an_array() {
    let output = tunelab(&["list", "--format", "json"]);
    let list: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let leak = list.iter().find(|s| s["name"] == "conntrack-leak").unwrap();
    assert_eq!(leak["virtual_seconds"], 518_400.0);
    assert_eq!(leak["variants"].as_array().unwrap().len(), 4);
}

#[test]
fn who_reads_the_first_line_only_gets_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tunelab"));
    let output = command.current_dir(made::repository()).arg("list").stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(0), "".into()));
}

#[test]
fn matrix_is_a_line_for_github() {
    let output = tunelab(&["matrix", "--format", "github"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let matrix = text.strip_prefix("matrix=").expect("a line for $GITHUB_OUTPUT");
    let matrix: serde_json::Value = serde_json::from_str(matrix).unwrap();
    assert!(matrix["include"].as_array().unwrap().iter().any(|m| m["scenario"] == "conntrack-leak"));
}
