//! Open files: the guest's limits.d file for what we start, and no limit in the way of our own sockets.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Soft and hard limit of open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nofile {
    soft: u64,
    hard: u64,
}

impl Nofile {
    /// From a limits.d file: the last `nofile` lines win, for whomever they are meant.
    pub fn from_file(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        parse(&text, Nofile { soft, hard }).with_context(|| format!("in {path}"))
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

/// Visitors of six days may all hold a socket: as many files as the kernel allows at all.
pub fn raise_own() -> Result<()> {
    let most = super::read("fs.nr_open").and_then(|text| text.parse().ok()).unwrap_or(1 << 20);
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("failed to raise the agent's own limit of open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_two_lines() {
        let from = Nofile { soft: 1024, hard: 4096 };
        let text = "*     soft    nofile  999999 # hope\n*     hard    nofile  999999\n";
        assert_eq!(parse(text, from).unwrap(), Nofile { soft: 999_999, hard: 999_999 });
        assert_eq!(parse("* - nofile 10\n* soft core 1", from).unwrap(), Nofile { soft: 10, hard: 10 });
        assert!(parse("* soft nofile lots", from).is_err());
    }
}
