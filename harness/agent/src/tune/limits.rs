//! Open files: the guest's limits.d file for what we start, and no limit in the way of our own sockets.

use crate::tool;
use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where pam_limits looks, and what it reads there ends in `.conf`.
const LIMITS_D: &str = "/etc/security/limits.d";

/// Soft and hard limit of open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nofile {
    pub soft: u64,
    pub hard: u64,
}

impl Nofile {
    /// From a limits.d file: the last `nofile` lines win, for whomever they are meant.
    pub fn from_file(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        parse(&text, Nofile { soft, hard }).with_context(|| format!("in {path}"))
    }

    /// Of a process that runs.
    pub fn of_process(pid: impl std::fmt::Display) -> Result<Self> {
        let path = format!("/proc/{pid}/limits");
        let text = std::fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        of_proc(&text).with_context(|| format!("{path} says nothing of open files"))
    }

    /// What a shell of this user's says after a login.
    pub fn of_login(user: &str) -> Result<Self> {
        let said = tool::run_command(&mut login(user, "ulimit -Sn; ulimit -Hn")?)?;
        let mut numbers = said.split_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(soft)), Some(Ok(hard))) => Ok(Nofile { soft, hard }),
            _ => bail!("a login of {user} says `{}` for its limits", said.trim()),
        }
    }

    /// The command starts under these limits.
    pub fn apply(self, command: &mut Command) {
        // SAFETY: setrlimit is async-signal-safe.
        unsafe {
            command.pre_exec(move || Ok(setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard)?));
        }
    }
}

/// limits.conf(5): `domain type item value`, type `soft`, `hard` or `-` for both.
fn parse(text: &str, from: Nofile) -> Result<Nofile> {
    let mut limits = from;
    for line in text.lines().map(|l| l.split('#').next().unwrap_or_default()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_domain, kind, "nofile", value] = words[..] else { continue };
        let value = value.parse().with_context(|| format!("`{value}` is no number of files"))?;
        if kind != "hard" {
            limits.soft = value;
        }
        if kind != "soft" {
            limits.hard = value;
        }
    }
    Ok(limits)
}

/// `Max open files            1024                 4096                 files`.
fn of_proc(text: &str) -> Option<Nofile> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = line.split_whitespace();
    Some(Nofile { soft: numbers.next()?.parse().ok()?, hard: numbers.next()?.parse().ok()? })
}

/// Puts a limits.d file where PAM looks for it. On a tmpfs over that folder: the root disk cannot be written to, and is
/// empty there.
pub fn install(path: &str) -> Result<()> {
    tool::tmpfs(LIMITS_D)?;
    let installed = format!("{LIMITS_D}/tunelab.conf");
    std::fs::copy(path, &installed).map(drop).with_context(|| format!("failed to copy {path} to {installed}"))
}

/// A line for a user's shell, in a session of PAM's, with what a login program (sshd, getty) has from init.
pub fn login(user: &str, line: &str) -> Result<Command> {
    let mut command = Command::new("su");
    command.args(["-s", "/bin/sh", user, "-c", line]);
    Nofile::of_process(1)?.apply(&mut command);
    Ok(command)
}

/// Visitors of six days may all hold a socket: as many files as the kernel allows at all.
pub fn raise_own() -> Result<()> {
    let most = super::read("fs.nr_open").and_then(|text| text.parse().ok()).unwrap_or(1 << 20);
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("failed to raise the agent's own limit of open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_process() {
        let text =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096       files\n";
        assert_eq!(of_proc(text), Some(Nofile { soft: 1024, hard: 4096 }));
        assert_eq!(of_proc("Max open files unlimited"), None);
    }

    #[test]
    fn the_articles_two_lines() {
        let from = Nofile { soft: 1024, hard: 4096 };
        let text = "*     soft    nofile  999999 # hope\n*     hard    nofile  999999\n";
        assert_eq!(parse(text, from).unwrap(), Nofile { soft: 999_999, hard: 999_999 });
        assert_eq!(parse("* - nofile 10\n* soft core 1", from).unwrap(), Nofile { soft: 10, hard: 10 });
        assert!(parse("* soft nofile lots", from).is_err());
    }
}
