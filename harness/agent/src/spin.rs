//! Keeps the vCPU busy while the host talks to the guest.
//!
//! Under `-icount sleep=off` an idle guest leaps to its next timer: while the host blinks, hours pass and sshd's grace
//! time is over. If nothing is idle, virtual time follows the instruction count and SSH works as usual.

use crate::tool;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::CStr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// The virtual time between two timer interrupts. QEMU's main loop, which serves disk and network, gets its turn when
/// the vCPU stops for a timer: at the kernel's own 4 ms, reading a few files would take seconds.
const TURN: Duration = Duration::from_micros(100);

/// The name by which it is found: a distribution's init may cover any folder in which its pid could be noted.
const NAME: &CStr = c"tunelab-spin";

/// Starts the spinner as a process of its own, so that the process that parks the machine can end it.
pub fn start() -> Result<Child> {
    Command::new("/proc/self/exe").arg("spin").spawn().context("failed to start the spinner")
}

/// Finds the spinner; by the wall clock none runs.
pub fn find() -> Result<Option<Pid>> {
    Ok(tool::processes()?.into_iter().find(|&pid| tool::comm(pid).trim_end().as_bytes() == NAME.to_bytes()))
}

pub fn stop(pid: Pid) -> Result<()> {
    kill(pid, Signal::SIGKILL).context("failed to end the spinner")?;
    // Wait until it is dead, not merely told to die: its last time slice must not fall into the run.
    while Path::new(&format!("/proc/{pid}/exe")).read_link().is_ok() {
        std::thread::yield_now();
    }
    Ok(())
}

pub fn main() -> Result<()> {
    nix::sys::prctl::set_name(NAME)?;
    // The kernel's `sched_param` is this number alone. Its own call, because musl's function refuses always.
    let priority: libc::c_int = 0;
    // SAFETY: a plain system call on ourselves with a valid pointer.
    if unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_IDLE, &raw const priority) } != 0 {
        return Err(std::io::Error::last_os_error()).context("sched_setscheduler");
    }
    interrupt_every(TURN)?;
    // `std::hint::spin_loop` is no choice: under TCG each PAUSE leaves the generated code, and time crawls.
    #[allow(clippy::empty_loop, reason = "being busy is the point")]
    loop {}
}

/// Interrupts this process by a signal that does nothing.
fn interrupt_every(interval: Duration) -> Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    let interval = libc::timeval { tv_sec: 0, tv_usec: interval.subsec_micros().into() };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the handler touches nothing, and the timer is valid for the call.
    let failed = unsafe {
        libc::signal(libc::SIGALRM, nothing as extern "C" fn(libc::c_int) as libc::sighandler_t);
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut())
    };
    if failed != 0 { Err(std::io::Error::last_os_error()).context("setitimer") } else { Ok(()) }
}
