//! Starts a program on a host: in its network namespace.

use crate::net::{Host, Namespace};
use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes the command start in the host's namespace.
pub fn inside(command: &mut Command, host: &Host) -> Result<()> {
    let Namespace::Other(file) = &host.namespace else { return Ok(()) };
    let namespace = file.try_clone().context("failed to share a namespace")?;
    // SAFETY: setns is a system call, and nothing is allocated.
    unsafe {
        command.pre_exec(move || Ok(setns(&namespace, CloneFlags::CLONE_NEWNET)?));
    }
    Ok(())
}
