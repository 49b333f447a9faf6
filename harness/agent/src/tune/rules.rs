//! Firewall rules, each file in its own format, loaded by the guest's own program for it.

use super::lacks;
use crate::fault::Mistake;
use crate::release;
use crate::said::{last_lines, scratch};
use crate::tool::{self, first_of};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs::File;
use std::process::{Command, Stdio};
use tunelab_protocol::{Format, Ruleset};

/// The programs that load a format, the first that the guest has, and their arguments before the file; without
/// arguments the file is their input.
pub(super) struct Loader {
    programs: &'static [&'static str],
    args: &'static [&'static str],
    /// Words of a file that make it need connection tracking.
    tracks: &'static [&'static str],
    /// The command that removes all rules; without one, loading does.
    flush: &'static [&'static str],
    /// The programs that print the rules with their counters, in the order of those that load, and their arguments;
    /// `None`: the format has no rules.
    prints: Option<(&'static [&'static str], &'static [&'static str])>,
}

/// Legacy first: it speaks to the ip_tables that every kernel here has, and means the modules that the article knew.
pub(super) fn loader(format: Format) -> Loader {
    const IPTABLES: &[&str] = &["--state", "--ctstate", "-j CT", "*nat", "NOTRACK", "-m conn"];
    match format {
        Format::Iptables => Loader {
            programs: &["iptables-legacy-restore", "iptables-restore"],
            args: &[],
            tracks: IPTABLES,
            flush: &[],
            prints: Some((&["iptables-legacy-save", "iptables-save"], &["-c"])),
        },
        Format::Ip6tables => Loader {
            programs: &["ip6tables-legacy-restore", "ip6tables-restore"],
            args: &[],
            tracks: IPTABLES,
            flush: &[],
            prints: Some((&["ip6tables-legacy-save", "ip6tables-save"], &["-c"])),
        },
        Format::Nftables => Loader {
            programs: &["nft"],
            args: &["-f"],
            tracks: &["ct ", "nat "],
            flush: &["nft", "flush", "ruleset"],
            prints: Some((&["nft"], &["list", "ruleset"])),
        },
        // Rules may hold on to a set: it is emptied and filled, not removed.
        Format::Ipset => Loader {
            programs: &["ipset"],
            args: &["restore", "-exist", "-file"],
            tracks: &[],
            flush: &["ipset", "flush"],
            prints: None,
        },
        // A shell script that calls `ipvsadm --restore`.
        Format::Ipvs => Loader {
            programs: &["ipvsadm-restore"],
            args: &[],
            tracks: &[],
            flush: &["ipvsadm", "--clear"],
            prints: None,
        },
    }
}

/// Loads rules into the namespace of this thread.
pub fn load(rules: &Ruleset) -> Result<()> {
    let file = rules.file.as_str();
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {file}"))?;
    let loader = loader(rules.format);
    if first_of(loader.programs).is_none() {
        let program = loader.programs.last().unwrap_or(&"");
        return Err(Mistake::in_file(file, None, format!("this guest has no {program}, which loads it")).into());
    }
    let Some(said) = loader.load(file)? else { return Ok(()) };
    what_is_missing(rules.format, loader.tracks, &text)?;
    Err(refused(rules.format, &said, file, &text).into())
}

/// Loads files in the place of the rules of their formats that are there, and adds them to the `loaded` ones, of which
/// it takes away those that have no rules left.
pub fn replace(loaded: &mut Vec<Ruleset>, files: &[Ruleset]) -> Result<()> {
    let formats: BTreeSet<Format> = files.iter().map(|rules| rules.format).collect();
    for format in formats {
        if let [program, args @ ..] = loader(format).flush {
            tool::run(program, args)?;
            loaded.retain(|rules| rules.format != format);
        }
    }
    files.iter().try_for_each(load)?;
    loaded.extend_from_slice(files);
    Ok(())
}

/// Removes all rules of these files, and the policies that they set.
pub fn remove(loaded: &[Ruleset]) -> Result<()> {
    for rules in loaded {
        let loader = loader(rules.format);
        if let [program, args @ ..] = loader.flush {
            tool::run(program, args)?;
            continue;
        }
        let text = std::fs::read_to_string(&rules.file).with_context(|| format!("failed to read {}", rules.file))?;
        let said = loader.end(&mut Command::new(loader.program()?), scratch(&emptied(&text))?)?;
        if let Some(said) = said {
            bail!("failed to remove the rules of {}: {}", rules.file, last_lines(&said, 3));
        }
    }
    Ok(())
}

/// The same tables of iptables without rules and chains of one's own, and with the policies that the kernel begins with.
fn emptied(text: &str) -> String {
    let mut tables = String::new();
    for line in text.lines().map(str::trim) {
        let policy =
            line.strip_prefix(':').and_then(|rest| rest.split_once(' ')).filter(|(_, policy)| !policy.starts_with('-'));
        if let Some((chain, _)) = policy {
            tables += &format!(":{chain} ACCEPT [0:0]\n");
        } else if line.starts_with('*') || line == "COMMIT" {
            tables += &format!("{line}\n");
        }
    }
    tables
}

impl Loader {
    fn program(&self) -> Result<&'static str> {
        first(self.programs)
    }

    /// Whether tables that are not in a new file stay as they are.
    pub(super) fn keeps_other_tables(&self) -> bool {
        self.flush.is_empty()
    }

    /// The program that prints the rules with their counters, and its arguments.
    pub(super) fn prints(&self) -> Result<Option<(&'static str, &'static [&'static str])>> {
        self.prints.map(|(programs, args)| Ok((first(programs)?, args))).transpose()
    }

    /// Returns what the program says if it refuses the file.
    fn load(&self, file: &str) -> Result<Option<String>> {
        let mut command = Command::new(self.program()?);
        if self.args.is_empty() {
            return self.end(&mut command, File::open(file).with_context(|| format!("failed to open {file}"))?);
        }
        self.end(command.args(self.args).arg(file), Stdio::null())
    }

    fn end(&self, command: &mut Command, input: impl Into<Stdio>) -> Result<Option<String>> {
        let ended = tool::end_of(command, input, tool::TIMEOUT)?;
        match ended.status.code() {
            Some(0) => Ok(None),
            Some(_) => Ok(Some(ended.said())),
            None => bail!("{} ended with {}: {}", self.program()?, ended.status, last_lines(&ended.said(), 5)),
        }
    }
}

fn first(programs: &[&'static str]) -> Result<&'static str> {
    first_of(programs).with_context(|| format!("this guest has no {}", programs.last().unwrap_or(&"")))
}

/// Reads `iptables-restore: line 4 failed`, `Error occurred at line: 4`, `line 4: RULE_APPEND failed (...)`
/// (iptables); `/run/tunelab/files/rules.nft:3:5-7: Error: syntax error` (nft); `ipset v7.17: Error in line 3: ...`.
fn refused(format: Format, said: &str, file: &str, rules: &str) -> Mistake {
    if format == Format::Nftables {
        let placed = said.lines().find_map(|line| line.split_once(&format!("{file}:")));
        let (place, what) = placed.map_or((None, said.lines().next().unwrap_or_default()), |(_, rest)| {
            (number_behind(&format!("line {rest}"), "line"), rest.split_once("Error: ").map_or(rest, |(_, what)| what))
        });
        return Mistake::in_file(file, place, format!("nft refuses it: {}", what.trim()));
    }
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let telling = lines.iter().filter(|line| !line.starts_with("Try `") && !line.starts_with("Error occurred at line"));
    let what: Vec<&str> = telling.copied().take(3).collect();
    let place = lines.iter().find_map(|line| number_behind(line, "line"));
    let at = place.and_then(|place| rules.lines().nth(place.checked_sub(1)? as usize));
    // Only at COMMIT does the kernel see the table.
    let whole = at.is_some_and(|line| line.trim() == "COMMIT");
    let hint = if whole { " (the kernel refuses a rule of this table)" } else { "" };
    let by = match format {
        Format::Ipset => "ipset",
        Format::Ipvs => "ipvsadm",
        _ => "iptables",
    };
    Mistake::in_file(file, place, format!("{by} refuses it: {}{hint}", what.join("; ")))
}

/// The number that follows a word, and perhaps a colon.
fn number_behind(line: &str, word: &str) -> Option<u32> {
    let (_, rest) = line.split_once(&format!("{word} ")).or_else(|| line.split_once(&format!("{word}: ")))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Keeps conntrack out of a host that has no rules. Before 4.10 it tracks in every namespace as soon as it is there, with a limit that
/// all share: a full table would drop packets before they reach the server.
pub fn leave_untracked() -> Result<()> {
    const RULES: &str = "*raw\n-A PREROUTING -j CT --notrack\n-A OUTPUT -j CT --notrack\nCOMMIT\n";
    if release::at_least((4, 10)) || super::read("net.netfilter.nf_conntrack_max").is_none() {
        return Ok(());
    }
    let loader = loader(Format::Iptables);
    match loader.end(&mut Command::new(loader.program()?), scratch(RULES)?)? {
        None => Ok(()),
        Some(said) => {
            bail!("failed to keep conntrack out of a host (CONFIG_NETFILTER_XT_TARGET_CT): {}", last_lines(&said, 3))
        }
    }
}

/// An error of such a program seldom says what the kernel lacks. This checks the server's namespace only: in another one
/// up to Linux 3.8 there is no /proc/net/netfilter.
fn what_is_missing(format: Format, tracks: &[&str], rules: &str) -> Result<()> {
    match format {
        Format::Iptables => lacks::iptables()?,
        Format::Ip6tables => lacks::ip6tables()?,
        // nft says itself what is not supported.
        Format::Nftables | Format::Ipset | Format::Ipvs => lacks::netfilter()?,
    }
    if tracks.iter().any(|word| rules.contains(word)) { lacks::conntrack() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunelab_protocol::Fault;

    fn read(said: &str) -> (Option<u32>, String) {
        let mistake = refused(Format::Iptables, said, "/f", "*filter\n-A INPUT -j FOO\nCOMMIT\n");
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

    #[test]
    fn an_emptied_table_has_the_kernels_own_policies() {
        let text = "# made\n*filter\n:INPUT DROP [3:180]\n:own - [0:0]\n-A INPUT -j own\nCOMMIT\n*nat\nCOMMIT\n";
        assert_eq!(emptied(text), "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n*nat\nCOMMIT\n");
    }

    #[test]
    fn nft_says_which_line_and_column() {
        let said = "/f:3:5-7: Error: syntax error, unexpected foo\n    foo\n    ^^^\n";
        let mistake = refused(Format::Nftables, said, "/f", "");
        assert_eq!(mistake, Mistake::in_file("/f", Some(3), "nft refuses it: syntax error, unexpected foo"));
        let without = refused(Format::Nftables, "Error: Could not process rule\n", "/f", "");
        assert_eq!(without, Mistake::in_file("/f", None, "nft refuses it: Error: Could not process rule"));
    }
}
