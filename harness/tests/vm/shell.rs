//! `tunelab shell` without a terminal: bytes and exit codes pass through, beside a scenario that runs.

use crate::{
    bench::{IMAGE, SHORT, Use, with},
    command::{BINARY, environment},
};
use assert_cmd::Command;

#[test]
fn a_command_beside_a_running_scenario() {
    with(Use::Shared, Use::None, async |bench| {
        let looks_around = "cat; grep -c nginx /proc/[0-9]*/comm | grep -q :1 && test -s /run/tunelab/events.jsonl \
                            && echo complains >&2; exit 7";
        let mut command = Command::new(BINARY);
        command.args(["--no-install", "shell", IMAGE, "--scenario", SHORT, "--", looks_around]);
        let output = command
            .current_dir(bench.repository())
            .envs(environment(bench))
            .write_stdin(vec![b'x'; 300_000])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{told}");
        assert_eq!(output.stdout, vec![b'x'; 300_000]);
        assert!(told.ends_with("complains\n"), "{told}");
        assert!(bench.runs().is_empty(), "a shell leaves no record");
    });
}
