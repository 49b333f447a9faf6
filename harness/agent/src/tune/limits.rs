//! Limits of open files: the guest's limits.d file for what the agent starts, and no limit for the agent's own sockets.

use super::Scale;
use crate::fault::Mistake;
use crate::tool;
use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The folder where pam_limits looks; it reads files there that end in `.conf`.
const LIMITS_D: &str = "/etc/security/limits.d";

/// Soft and hard limit of open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nofile {
    pub soft: u64,
    pub hard: u64,
}

impl Nofile {
    /// Reads a limits.d file: the last `nofile` lines win, whichever user they are meant for.
    pub fn from_file(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        Ok(parse(&text, Nofile { soft, hard }, most(), path)?)
    }

    /// The limits of a running process.
    pub fn of_process(pid: impl std::fmt::Display) -> Result<Self> {
        let path = format!("/proc/{pid}/limits");
        let text = std::fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        of_proc(&text).with_context(|| format!("{path} says nothing of open files"))
    }

    /// The limits that a shell of this user reports after a login.
    pub fn of_login(user: &str) -> Result<Self> {
        let said = tool::run_command(&mut login(user, "ulimit -Sn; ulimit -Hn")?)?;
        let mut numbers = said.split_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(soft)), Some(Ok(hard))) => Ok(Nofile { soft, hard }),
            _ => bail!("a login of {user} says `{}` for its limits", said.trim()),
        }
    }

    /// Makes the command start under these limits.
    pub fn apply(self, command: &mut Command) {
        // SAFETY: setrlimit is async-signal-safe.
        unsafe {
            command.pre_exec(move || Ok(setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard)?));
        }
    }
}

/// Parses limits.conf(5): `domain type item value`, type `soft`, `hard` or `-` for both. More than `most` is an error.
fn parse(text: &str, from: Nofile, most: u64, path: &str) -> Result<Nofile, Mistake> {
    let (mut limits, mut last) = (from, None);
    for (n, line) in (1..).zip(text.lines().map(|l| l.split('#').next().unwrap_or_default())) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_domain, kind, "nofile", value] = words[..] else { continue };
        let wrong = |what| Mistake::in_file(path, Some(n), what);
        let value = value.parse().map_err(|_| wrong(format!("`{value}` is no number of files")))?;
        if value > most {
            return Err(wrong(format!("{value} files are more than the kernel allows (fs.nr_open = {most})")));
        }
        if kind != "hard" {
            (limits.soft, last) = (value, Some(n));
        }
        if kind != "soft" {
            limits.hard = value;
        }
    }
    let Nofile { soft, hard } = limits;
    match last {
        Some(line) if soft > hard => {
            let what = format!("the soft limit of {soft} files is above the hard one of {hard}");
            Err(Mistake::in_file(path, Some(line), what))
        }
        _ => Ok(Nofile { soft: soft.min(hard), hard }),
    }
}

/// Parses `Max open files            1024                 4096                 files`.
fn of_proc(text: &str) -> Option<Nofile> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = line.split_whitespace();
    Some(Nofile { soft: numbers.next()?.parse().ok()?, hard: numbers.next()?.parse().ok()? })
}

/// Puts a limits.d file where PAM looks for it, on a tmpfs over that folder: the root disk cannot be written to, and is
/// empty there.
pub fn install(path: &str, scale: &Scale) -> Result<()> {
    tool::tmpfs(LIMITS_D)?;
    let installed = format!("{LIMITS_D}/tunelab.conf");
    let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
    std::fs::write(&installed, scaled(&text, scale)).with_context(|| format!("failed to write {installed}"))
}

/// The file with its numbers of open files scaled.
fn scaled(text: &str, scale: &Scale) -> String {
    let line = |line: &str| match line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>()[..]
    {
        [domain, kind, "nofile", value] => match value.parse() {
            Ok(files) => format!("{domain} {kind} nofile {}\n", scale.files(Nofile { soft: files, hard: files }).soft),
            Err(_) => line.to_owned(),
        },
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// The command for a line in a user's shell, in a PAM session, with what a login program (sshd, getty) has from init.
pub fn login(user: &str, line: &str) -> Result<Command> {
    let mut command = Command::new("su");
    command.args(["-s", "/bin/sh", user, "-c", line]);
    Nofile::of_process(1)?.apply(&mut command);
    Ok(command)
}

/// The highest number of files that the kernel allows a process.
fn most() -> u64 {
    super::read("fs.nr_open").and_then(|text| text.parse().ok()).unwrap_or(1 << 20)
}

/// Raises the agent's own limit: the clients of six days may all hold a socket.
pub fn raise_own() -> Result<()> {
    let most = most();
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

    const FROM: Nofile = Nofile { soft: 1024, hard: 4096 };

    fn read(text: &str) -> Result<Nofile, Mistake> {
        parse(text, FROM, 1 << 20, "/f")
    }

    #[test]
    fn the_articles_two_lines() {
        let text = "*     soft    nofile  999999 # hope\n*     hard    nofile  999999\n";
        assert_eq!(read(text), Ok(Nofile { soft: 999_999, hard: 999_999 }));
        assert_eq!(read("* - nofile 10\n* soft core 1"), Ok(Nofile { soft: 10, hard: 10 }));
        assert_eq!(read("* hard nofile 100"), Ok(Nofile { soft: 100, hard: 100 }));
    }

    #[test]
    fn what_cannot_be_has_its_line() {
        let wrong = |line, what: &str| Err(Mistake::in_file("/f", Some(line), what));
        assert_eq!(read("* soft nofile lots"), wrong(1, "`lots` is no number of files"));
        let most = "2000000 files are more than the kernel allows (fs.nr_open = 1048576)";
        assert_eq!(read("# x\n* - nofile 2000000"), wrong(2, most));
        let above = "the soft limit of 8192 files is above the hard one of 4096";
        assert_eq!(read("* soft nofile 8192\n* soft core 0"), wrong(1, above));
    }
}
