//! Keeps the vCPU busy while the host talks to the guest.
//!
//! Under `-icount sleep=off` an idle guest leaps to its next timer: while the host blinks, hours pass and sshd's grace
//! time is over. With nothing idle, virtual time follows the instruction count and SSH works as usual.

use crate::tool;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::CStr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// Between two timer interrupts, in virtual time. QEMU's main loop, which serves disk and network, gets its turn when
/// the vCPU stops for a timer: at the kernel's own 4 ms, reading a few files would take seconds.
const TURN: Duration = Duration::from_micros(100);

/// How it is found again: a distribution's init may cover any folder in which its pid could be noted.
const NAME: &CStr = c"tunelab-spin";

/// Starts it as a process of its own, so that whoever parks the machine can end it.
pub fn start() -> Result<Child> {
    Command::new("/proc/self/exe").arg("spin").spawn().context("failed to start the spinner")
}

/// The one that runs; none does by the wall clock.
pub fn find() -> Result<Option<Pid>> {
    Ok(tool::processes()?.into_iter().find(|&pid| tool::comm(pid).trim_end().as_bytes() == NAME.to_bytes()))
}

pub fn stop(pid: Pid) -> Result<()> {
    kill(pid, Signal::SIGKILL).context("failed to end the spinner")?;
    // Dead, not merely told to die: its last time slice must not fall into the run.
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
    // Not `std::hint::spin_loop`: under TCG each PAUSE leaves the generated code, and time crawls.
    #[allow(clippy::empty_loop, reason = "being busy is the point")]
    loop {}
}

/// By a signal that does nothing.
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
