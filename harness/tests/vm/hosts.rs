//! Other hosts, by the script that makes them: the binary of this build on another distribution with another QEMU.

use crate::command::BINARY;
use std::process::Command;

/// It begins with nothing: what is missing is installed, the image is built, and every snapshot matches.
#[test]
#[ignore = "makes a root of Debian 13 (QEMU 10.0), as root; some minutes"]
fn debian_13() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/harness/tests/hosts/hosts.sh");
    let scenarios = ["conntrack-leak", "listen-overflow", "snat-exhaustion", "idle-window", "dst-cache"];
    let mut command = Command::new(script);
    command.args(["enter", "debian-13", BINARY, "scenario"]).args(scenarios).args(["--repeat", "2"]);
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stdout.matches("snapshot: matches").count(), 2 * scenarios.len(), "{stdout}");
}
