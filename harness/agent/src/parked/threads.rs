//! Stops kernel threads that wake an idle machine again and again, and have nothing to do with networks. They were
//! found by tracing an idle guest's timers, kernel by kernel.

use crate::release;
use crate::tool::{comm, processes};
use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;

/// DAMON's statistics of memory accesses: ten times a second, on by default in Debian's 7.x.
const DAMON: &str = "/sys/module/damon_stat/parameters/enabled";
/// The deadline server that keeps real-time tasks from starving others, since Linux 6.12; no such tasks run here.
const FAIR_SERVERS: &str = "/sys/kernel/debug/sched/fair_server";
const DEBUGFS: &str = "/sys/kernel/debug";

/// The longest a period of SCHED_DEADLINE may be, in microseconds; 5.10 reads it as a signed number.
const LONGEST_PERIOD: &str = "kernel.sched_deadline_period_max_us";
const PERIOD_US: u32 = i32::MAX as u32;

/// Stops these threads; one that a kernel lacks is left out, as the kernel lacks its work as well.
pub fn quiet() -> Result<()> {
    if Path::new(DAMON).exists() {
        fs::write(DAMON, "N").context("failed to stop DAMON")?;
    }
    stop_fair_servers()?;
    // Twice a second, whatever `vm.compaction_proactiveness` says, in Linux 5.9 to 5.14 (mended by commit
    // 65d759c8f9f5).
    if release::at_least((5, 9)) && !release::at_least((5, 15)) {
        starve("kcompactd")?;
    }
    Ok(())
}

fn stop_fair_servers() -> Result<()> {
    // debugfs may be unmounted, already mounted, or not in this kernel: the folder decides.
    let _ = mount(Some("debugfs"), DEBUGFS, Some("debugfs"), MsFlags::empty(), None::<&str>);
    for cpu in fs::read_dir(FAIR_SERVERS).into_iter().flatten().flatten() {
        fs::write(cpu.path().join("runtime"), "0").context("failed to stop the scheduler's fair server")?;
    }
    Ok(())
}

/// Lets kernel threads of this name run for a microsecond in half an hour, which SCHED_DEADLINE enforces.
fn starve(name: &str) -> Result<()> {
    crate::tune::write(LONGEST_PERIOD, &PERIOD_US.to_string())?;
    for pid in processes()?.into_iter().filter(|&pid| comm(pid).starts_with(name)) {
        set_deadline(pid).with_context(|| format!("failed to starve {name}"))?;
    }
    Ok(())
}

/// `struct sched_attr` of sched_setattr(2), its first version.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

fn set_deadline(pid: Pid) -> Result<()> {
    let period_ns = u64::from(PERIOD_US) * 1000;
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: libc::SCHED_DEADLINE as u32,
        // The least that the kernel takes (DL_SCALE).
        runtime_ns: 1024,
        deadline_ns: period_ns,
        period_ns,
        ..Attributes::default()
    };
    // SAFETY: the structure is of the size it says and outlives the call.
    if unsafe { libc::syscall(libc::SYS_sched_setattr, pid.as_raw(), &raw const attributes, 0) } != 0 {
        bail!("sched_setattr: {}", std::io::Error::last_os_error());
    }
    Ok(())
}
