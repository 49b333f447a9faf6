//! Stops what wakes an idle kernel: with sshd and the link up, five days took 42 s of wall time; without, 2.6 s.

use super::{takeover, warm};
use crate::init::SSHD_PID;
use crate::tool::{alive, comm, processes};
use crate::{init, net::Rtnl, tune};
use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Periodic work that says nothing about networks. Names that a kernel lacks are skipped: it lacks the work as well.
const QUIET: [(&str, &str); 5] = [
    ("vm.compaction_proactiveness", "0"),
    ("vm.stat_interval", "86400"),
    ("vm.dirty_writeback_centisecs", "0"),
    ("kernel.hung_task_timeout_secs", "0"),
    ("kernel.watchdog", "0"),
];

pub fn quiet() -> Result<()> {
    match init::distribution::root() {
        Some(device) => {
            takeover::take_over(&device)?;
            // The kernel forgot names as the root became read-only, and with them the blocks in which it found them.
            warm::warm()?;
        }
        None => end_sshd()?,
    }
    if let Some(nic) = init::nic() {
        Rtnl::open()?.down(&nic)?;
    }
    for (name, value) in QUIET {
        if tune::read(name).is_some() {
            // A refused write is as good as a missing setting.
            let _ = tune::write(name, value);
        }
    }
    Ok(())
}

/// Ends the listener and every session: no user logs in while days pass.
fn end_sshd() -> Result<()> {
    let sshds: Vec<Pid> = processes()?.into_iter().filter(|&pid| comm(pid).starts_with("sshd")).collect();
    for &pid in &sshds {
        let _ = kill(pid, Signal::SIGKILL);
    }
    while sshds.iter().any(|&pid| !matches!(comm(pid).as_str(), "") && alive(pid)) {
        std::thread::yield_now();
    }
    let _ = std::fs::remove_file(SSHD_PID);
    Ok(())
}
