//! Waits for a plan with everything warm and quiet, then executes it.
//!
//! Started over SSH, it outlives its session: warms what the run will need, ends sshd (and all else that a distribution
//! runs), takes the link down, stops what wakes an idle kernel, says [`Event::Parked`] and looks for a plan again and
//! again. The host saves the machine there.

mod quiet;
mod takeover;
mod threads;
mod warm;

use crate::events::{Events, Port};
use crate::{fault, run, spin};
use anyhow::{Context, Result};
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};
use std::fs::File;
use tunelab_protocol::{Event, Plan, VERSION, guest};

pub use takeover::stand_in;

/// Says whether process 1, this agent, follows a distribution's init rather than the kernel: it was deployed before.
pub fn in_place_of_a_distributions_init() -> bool {
    std::path::Path::new(guest::AGENT).exists()
}

pub fn main() -> Result<()> {
    let events = Events::new(Port::open()?);
    leave_session()?;
    if let Err(e) = park(&events) {
        events.emit(fault::event(&e));
    }
    Ok(())
}

/// Leaves the SSH session, so that the end of sshd does not end the agent.
fn leave_session() -> Result<()> {
    // SAFETY: there is one thread yet.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        std::process::exit(0);
    }
    setsid()?;
    let console = File::options().read(true).write(true).open("/dev/console").context("failed to open /dev/console")?;
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(&console)?;
    dup2_stderr(&console)?;
    std::env::set_current_dir("/")?;
    Ok(())
}

fn park(events: &Events) -> Result<()> {
    warm::warm()?;
    quiet::quiet()?;
    threads::quiet()?;
    crate::probe::forget_entries()?;
    let kernel = nix::sys::utsname::uname()?.release().to_string_lossy().into_owned();
    events.emit(Event::Parked { version: VERSION, kernel });
    let spinner = spin::find()?;
    let line = crate::handover::wait_for_plan()?;
    events.start();
    spinner.map_or(Ok(()), spin::stop)?;
    let plan: Plan = serde_json::from_str(&line).with_context(|| {
        format!("this agent (version {VERSION}) does not understand the plan of {} bytes", line.len())
    })?;
    anyhow::ensure!(plan.version == VERSION, "the plan is of version {}, this agent of {VERSION}", plan.version);
    run::execute(plan, events)
}
