//! Rules in iptables-save format.

use super::lacks;
use crate::fault::Mistake;
use crate::release;
use crate::said::{last_lines, scratch};
use crate::tool::{self, first_of};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::process::Command;

/// Legacy first: it speaks to the ip_tables that every kernel here has, and means the modules that the article knew.
const RESTORE: [&str; 2] = ["iptables-legacy-restore", "iptables-restore"];

/// Words of rules that make them need connection tracking.
const TRACKS: [&str; 6] = ["--state", "--ctstate", "-j CT", "*nat", "NOTRACK", "-m conn"];

pub fn load(file: &str) -> Result<()> {
    let rules = std::fs::read_to_string(file).with_context(|| format!("failed to read {file}"))?;
    let input = File::open(file).with_context(|| format!("failed to open {file}"))?;
    let Some(said) = restore(input)? else { return Ok(()) };
    what_is_missing(&rules)?;
    Err(refused(&said, file, &rules).into())
}

/// Loads rules into the namespace of this thread; gives what the program says if it refuses them.
fn restore(rules: File) -> Result<Option<String>> {
    let restore = first_of(&RESTORE).context("this guest has no iptables-restore")?;
    let ended = tool::end_of(&mut Command::new(restore), rules, tool::PATIENCE)?;
    match ended.status.code() {
        Some(0) => Ok(None),
        Some(_) => Ok(Some(ended.said())),
        None => bail!("{restore} ended with {}: {}", ended.status, last_lines(&ended.said(), 5)),
    }
}

/// Reads `iptables-restore: line 4 failed`, `Error occurred at line: 4`, `line 4: RULE_APPEND failed (...)`.
fn refused(said: &str, file: &str, rules: &str) -> Mistake {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let telling = lines.iter().filter(|line| !line.starts_with("Try `") && !line.starts_with("Error occurred at line"));
    let what: Vec<&str> = telling.copied().take(3).collect();
    let place = lines.iter().find_map(|line| number_behind(line, "line"));
    let at = place.and_then(|place| rules.lines().nth(place.checked_sub(1)? as usize));
    // Only at COMMIT does the kernel see the table.
    let whole = at.is_some_and(|line| line.trim() == "COMMIT");
    let hint = if whole { " (the kernel refuses a rule of this table)" } else { "" };
    Mistake::in_file(file, place, format!("iptables refuses it: {}{hint}", what.join("; ")))
}

/// The number that follows a word, and perhaps a colon.
fn number_behind(line: &str, word: &str) -> Option<u32> {
    let (_, rest) = line.split_once(&format!("{word} ")).or_else(|| line.split_once(&format!("{word}: ")))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Keeps conntrack out of a site. Before 4.10 it tracks in every namespace as soon as it is there, with a limit that
/// all share: a full table would drop packets before they reach the server.
pub fn leave_untracked() -> Result<()> {
    const RULES: &str = "*raw\n-A PREROUTING -j CT --notrack\n-A OUTPUT -j CT --notrack\nCOMMIT\n";
    if release::at_least((4, 10)) || super::read("net.netfilter.nf_conntrack_max").is_none() {
        return Ok(());
    }
    match restore(scratch(RULES)?)? {
        None => Ok(()),
        Some(said) => {
            bail!("failed to keep conntrack out of a site (CONFIG_NETFILTER_XT_TARGET_CT): {}", last_lines(&said, 3))
        }
    }
}

/// An error of iptables seldom says what the kernel lacks. This checks the server's namespace only: in another one up
/// to Linux 3.8 there is no /proc/net/netfilter.
fn what_is_missing(rules: &str) -> Result<()> {
    lacks::iptables()?;
    if TRACKS.iter().any(|word| rules.contains(word)) { lacks::conntrack() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunelab_protocol::Fault;

    fn read(said: &str) -> (Option<u32>, String) {
        let mistake = refused(said, "/f", "*filter\n-A INPUT -j FOO\nCOMMIT\n");
        let Fault::File { line, .. } = &mistake.fault else { panic!("{mistake:?}") };
        (*line, mistake.to_string())
    }

    #[test]
    fn each_iptables_says_which_line() {
        let target = "iptables-restore v1.8.9 (legacy): Couldn't load target `FOO':No such file or directory\n\n\
                      Error occurred at line: 4\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.\n";
        let what = "iptables refuses it: iptables-restore v1.8.9 (legacy): Couldn't load target `FOO':No such file or directory";
        assert_eq!(read(target), (Some(4), what.into()));
        let whole = "iptables refuses it: iptables-restore: line 3 failed (the kernel refuses a rule of this table)";
        assert_eq!(read("iptables-restore: line 3 failed\n"), (Some(3), whole.into()));
        assert_eq!(read("iptables-restore v1.8.9 (nf_tables): line 4: RULE_APPEND failed (No such file)").0, Some(4));
        assert_eq!(read("no idea").0, None);
    }
}
