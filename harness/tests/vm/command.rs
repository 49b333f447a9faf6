//! The real binary, as a user starts it, on a bench.

use crate::bench::Bench;
use nix::sys::signal::{SigHandler, Signal::SIGHUP};
use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

pub const BINARY: &str = env!("CARGO_BIN_EXE_tunelab");

pub struct Tunelab {
    child: Child,
    stderr: BufReader<ChildStderr>,
    told: String,
}

/// How the binary ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: it was ended by a signal.
    pub code: Option<i32>,
    /// Everything on standard error, then what is left on standard output.
    pub told: String,
}

/// The arguments for one variant of a bench's scenario; its outcome is accepted as it comes.
pub fn arguments(scenario: &str) -> [&str; 7] {
    ["--no-install", "scenario", scenario, "--variant", "article", "--seed=1", "--accept"]
}

/// The bench's cache in place of the user's; its scenarios are found from its own folder.
pub fn environment(bench: &Bench) -> [(&'static str, std::path::PathBuf); 1] {
    [("TUNELAB_CACHE", bench.cache.root().to_owned())]
}

impl Tunelab {
    pub fn scenario(bench: &Bench, scenario: &str) -> Self {
        Self::scenario_with(bench, scenario, &[])
    }

    pub fn scenario_with(bench: &Bench, scenario: &str, more: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        // These tests may run under nohup(1) themselves.
        // SAFETY: signal(2) is async-signal-safe.
        unsafe { command.pre_exec(|| Ok(nix::sys::signal::signal(SIGHUP, SigHandler::SigDfl).map(|_| ())?)) };
        Self::start(bench, command, scenario, more)
    }

    /// Starts it with hang-ups ignored.
    pub fn under_nohup(bench: &Bench, scenario: &str) -> Self {
        let mut command = Command::new("nohup");
        command.arg(BINARY);
        Self::start(bench, command, scenario, &[])
    }

    fn start(bench: &Bench, mut command: Command, scenario: &str, more: &[&str]) -> Self {
        command.args(arguments(scenario)).args(more).current_dir(bench.repository()).envs(environment(bench));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Tunelab { child, stderr, told: String::new() }
    }

    /// Reads what it tells until a line contains `what`.
    pub fn wait_for(&mut self, what: &str) {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended without `{what}`:\n{}", self.told);
            self.told.push_str(&line);
            if line.contains(what) {
                return;
            }
        }
    }

    pub fn signal(&self, signal: &str) {
        kill(self.child.id() as i32, signal);
    }

    /// Does what a closed terminal does: its output is no longer read, and a hang-up comes. Returns the exit code.
    pub fn hang_up(mut self) -> Option<i32> {
        drop(self.stderr);
        drop(self.child.stdout.take());
        kill(self.child.id() as i32, "HUP");
        self.child.wait().unwrap().code()
    }

    pub fn end(mut self) -> Ended {
        self.stderr.read_to_string(&mut self.told).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut self.told).unwrap();
        Ended { code: self.child.wait().unwrap().code(), told: self.told }
    }
}

pub fn kill(pid: i32, signal: &str) {
    let killed = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
    assert!(killed.unwrap().success());
}

/// Waits for a fact, for this long at most.
pub fn within(limit: Duration, fact: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !fact() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}
