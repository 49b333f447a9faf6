//! Runs the guest's own programs, and looks at running processes.

use crate::said::{Said, last_lines};
use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Where distributions since precise keep programs; PID 1 has no PATH of its own.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The time limit for a program of the guest: one that takes longer hangs.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between two looks at a program that runs.
pub const PAUSE: Duration = Duration::from_millis(1);

/// The status with which a program ended, and what it had written by then.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// All that it wrote, errors first.
    pub fn said(&self) -> String {
        [&self.stderr[..], &self.stdout[..]].concat()
    }
}

/// Runs a program to its end; the error carries the command, its status and the end of what it wrote.
pub fn run(program: &str, args: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args);
    run_command(&mut command)
}

pub fn run_command(command: &mut Command) -> Result<String> {
    let ended = end_of(command, Stdio::null(), TIMEOUT)?;
    if !ended.status.success() {
        bail!("`{command:?}` ended with {}: {}", ended.status, last_lines(&ended.said(), 5));
    }
    Ok(ended.stdout)
}

/// Runs a command to its end, whatever that is. What it leaves behind may hold its streams: they are files.
pub fn end_of(command: &mut Command, input: impl Into<Stdio>, timeout: Duration) -> Result<Ended> {
    let (stdout, stderr) = (Said::unnamed()?, Said::unnamed()?);
    command.env("PATH", PATH).stdin(input).stdout(stdout.stdio()?).stderr(stderr.stdio()?);
    let status = status_of(command, timeout)?;
    Ok(Ended { status, stdout: stdout.text(), stderr: stderr.text() })
}

/// Starts a command with the streams it was given, and waits for its end; one that takes too long is ended.
pub fn status_of(command: &mut Command, timeout: Duration) -> Result<ExitStatus> {
    let program = command.get_program().display().to_string();
    let mut child = command.process_group(0).spawn().with_context(|| format!("failed to start `{program}`"))?;
    match end_within(&mut child, timeout)? {
        Some(status) => Ok(status),
        None => {
            // The processes that it has started end with it.
            let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
            let _ = child.wait();
            Err(TooLong { program, timeout }.into())
        }
    }
}

/// A program took too long and had to be ended.
#[derive(Debug)]
pub struct TooLong {
    program: String,
    timeout: Duration,
}

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` has not ended within {} s", self.program, self.timeout.as_secs())
    }
}

impl std::error::Error for TooLong {}

/// Waits for the end; `None`: it still runs.
pub fn end_within(child: &mut Child, timeout: Duration) -> Result<Option<ExitStatus>> {
    let since = Instant::now();
    loop {
        match child.try_wait()? {
            None if since.elapsed() < timeout => std::thread::sleep(PAUSE),
            ended => return Ok(ended),
        }
    }
}

/// Makes a folder writable, in memory.
pub fn tmpfs(on: &str) -> Result<()> {
    let mode = if on.ends_with("tmp") || on.ends_with("shm") { "mode=1777" } else { "mode=0755" };
    mount(Some("tmpfs"), on, Some("tmpfs"), MsFlags::MS_NOSUID, Some(mode))
        .with_context(|| format!("failed to mount a tmpfs on {on}"))
}

/// The first of these programs that this guest has.
pub fn first_of<'a>(names: &[&'a str]) -> Option<&'a str> {
    names.iter().copied().find(|name| find(name).is_some())
}

/// The path of a program of this guest.
pub fn find(name: &str) -> Option<PathBuf> {
    PATH.split(':').map(|dir| Path::new(dir).join(name)).find(|path| path.exists())
}

/// Loads a kernel module as modprobe does; one that is built in is fine.
pub fn modprobe(name: &str, parameters: &str) -> Result<()> {
    let args: Vec<&str> = ["-q", name].into_iter().chain(parameters.split_whitespace()).collect();
    run("modprobe", &args).map(drop)
}

/// All processes, kernel threads among them.
pub fn processes() -> Result<Vec<Pid>> {
    let entries = std::fs::read_dir("/proc").context("failed to list processes")?;
    Ok(entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).map(Pid::from_raw).collect())
}

/// A process's name for itself; empty if it is gone.
pub fn comm(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

/// Says whether a process lives: a zombie that waits for its parent does nothing any more.
pub fn alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The parent of a process that runs; 0 if the process is gone.
pub fn parent(pid: Pid) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    Pid::from_raw(parent_in(&stat).unwrap_or(0))
}

/// Reads `90 (app) S 1 ...`: a name may have brackets and spaces in it.
fn parent_in(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The processes that this one started, and that run.
pub fn children(of: Pid) -> Result<Vec<Pid>> {
    Ok(processes()?.into_iter().filter(|&pid| parent(pid) == of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents() {
        assert_eq!(parent_in("90 (a) b) S 17 90 90 0"), Some(17));
        assert_eq!(parent_in(""), None);
    }

    #[test]
    fn a_daemon_that_keeps_the_streams_keeps_nobody_waiting() {
        let since = Instant::now();
        let ended = end_of(
            Command::new("sh").args(["-c", "sleep 20 & echo out; echo err >&2; exit 3"]),
            Stdio::null(),
            TIMEOUT,
        );
        let ended = ended.unwrap();
        assert_eq!((ended.status.code(), ended.said()), (Some(3), "err\nout\n".into()));
        assert!(since.elapsed() < Duration::from_secs(10), "it waited for the daemon");
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let hung = end_of(Command::new("sleep").arg("20"), Stdio::null(), Duration::from_millis(50)).err().unwrap();
        assert!(hung.is::<TooLong>(), "{hung:?}");
    }

    #[test]
    fn more_than_a_pipe_holds_is_kept() {
        assert_eq!(run("sh", &["-c", "yes | head -c 300000"]).unwrap().len(), 300_000);
        let failed = run("sh", &["-c", "echo why >&2; exit 1"]).unwrap_err().to_string();
        assert!(failed.ends_with("ended with exit status: 1: why"), "{failed}");
    }
}
