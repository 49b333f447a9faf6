//! `tunelab shell` without a terminal: bytes and exit codes pass through, beside a running scenario, and a daemon that
//! is left behind does not delay its end.

use crate::{
    bench::{IMAGE, SHORT, Use, with},
    command::{BINARY, environment},
};
use assert_cmd::Command;
use std::time::Duration;

/// Booting takes seconds, unless the host is very busy.
const TOO_LONG: Duration = Duration::from_secs(120);

#[test]
fn a_command_beside_a_running_scenario() {
    with(Use::Shared, Use::None, async |bench| {
        let looks_around = "sleep 100000 & cat; grep -c nginx /proc/[0-9]*/comm | grep -q :1 && test -s /run/tunelab/events.jsonl \
                            && echo complains >&2; exit 7";
        let mut command = Command::new(BINARY);
        command.args(["--no-install", "shell", IMAGE, "--scenario", SHORT, "--", looks_around]);
        let command = command.current_dir(bench.repository()).envs(environment(bench)).write_stdin(vec![b'x'; 300_000]);
        let output = command.timeout(TOO_LONG).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{told}");
        assert_eq!(output.stdout, vec![b'x'; 300_000]);
        assert!(told.ends_with("complains\n"), "{told}");
        assert!(bench.runs().is_empty(), "a shell leaves no record");
    });
}

#[test]
fn a_script_for_a_login_shell() {
    with(Use::Shared, Use::None, async |bench| {
        let mut command = Command::new(BINARY);
        command.args(["--no-install", "shell", IMAGE]).current_dir(bench.repository()).envs(environment(bench));
        command.write_stdin("sleep 100000 &\nshopt -q login_shell && echo login\necho $HOME\nkill -9 $$\n");
        let output = command.timeout(TOO_LONG).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "login\n/root\n", "{told}");
        assert_eq!(output.status.code(), Some(128 + 9), "{told}");
    });
}
