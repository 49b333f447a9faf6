//! Runs the guest's own programs, and looks at what runs.

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where distributions since precise keep them; PID 1 has no PATH of its own.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs to the end; the error carries the command, its status and the end of what it said.
pub fn run(program: &str, args: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args);
    run_command(&mut command)
}

pub fn run_command(command: &mut Command) -> Result<String> {
    let output = command
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start `{}`", command.get_program().display()))?;
    if !output.status.success() {
        let said = [&output.stderr[..], &output.stdout[..]].concat();
        let said = String::from_utf8_lossy(&said);
        let tail: Vec<&str> = said.lines().rev().take(5).collect();
        bail!("`{command:?}` ended with {}: {}", output.status, tail.into_iter().rev().collect::<Vec<_>>().join("; "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
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

/// Where a program of this guest lies.
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

/// Not a zombie that waits for its parent: that one does nothing any more.
pub fn alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}
