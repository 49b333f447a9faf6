//! Rules in iptables-save format.

use crate::tool::{PATH, first_of};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::process::{Command, Stdio};

/// Legacy first: it speaks to the ip_tables that every kernel here has, and means the modules that the article knew.
const RESTORE: [&str; 2] = ["iptables-legacy-restore", "iptables-restore"];

pub fn load(file: &str) -> Result<()> {
    let restore = first_of(&RESTORE).context("this guest has no iptables-restore")?;
    let rules = File::open(file).with_context(|| format!("failed to open {file}"))?;
    let output = Command::new(restore)
        .env("PATH", PATH)
        .stdin(Stdio::from(rules))
        .output()
        .with_context(|| format!("failed to start {restore}"))?;
    if !output.status.success() {
        bail!("{restore} refused {file}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
