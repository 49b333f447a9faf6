//! Rules in iptables-save format.

use super::lacks;
use crate::release;
use crate::tool::{PATH, first_of};
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::process::{Command, Stdio};

/// Legacy first: it speaks to the ip_tables that every kernel here has, and means the modules that the article knew.
const RESTORE: [&str; 2] = ["iptables-legacy-restore", "iptables-restore"];

/// Words of rules that make them need connection tracking.
const TRACKS: [&str; 6] = ["--state", "--ctstate", "-j CT", "*nat", "NOTRACK", "-m conn"];

pub fn load(file: &str) -> Result<()> {
    let rules = std::fs::read_to_string(file).with_context(|| format!("failed to read {file}"))?;
    let restored = restore(&rules).or_else(|refused| what_is_missing(&rules).and(Err(refused)));
    restored.with_context(|| format!("failed to load {file}"))
}

/// Into the namespace of this thread.
pub fn restore(rules: &str) -> Result<()> {
    let restore = first_of(&RESTORE).context("this guest has no iptables-restore")?;
    let mut child = Command::new(restore)
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {restore}"))?;
    // One that ends before it has read all says why.
    let _ = child.stdin.take().expect("piped above").write_all(rules.as_bytes());
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{restore} refused the rules: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Before 4.10 conntrack tracks in every namespace as soon as it is there, with a limit that all share: a full table
/// would drop what has not even reached the server.
pub fn leave_untracked() -> Result<()> {
    const RULES: &str = "*raw\n-A PREROUTING -j CT --notrack\n-A OUTPUT -j CT --notrack\nCOMMIT\n";
    if release::at_least((4, 10)) || super::read("net.netfilter.nf_conntrack_max").is_none() {
        return Ok(());
    }
    restore(RULES).context("failed to keep conntrack out of a site (CONFIG_NETFILTER_XT_TARGET_CT)")
}

/// An error of iptables seldom says what the kernel lacks. Of the server's namespace only: in another one up to Linux 3.8
/// there is no /proc/net/netfilter.
fn what_is_missing(rules: &str) -> Result<()> {
    lacks::iptables()?;
    if TRACKS.iter().any(|word| rules.contains(word)) { lacks::conntrack() } else { Ok(()) }
}
