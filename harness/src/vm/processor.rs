//! One host CPU for all threads of a machine under the virtual clock.
//!
//! At every leap of the clock QEMU's main loop and its vCPU take turns. On one CPU that is a context switch. Between
//! two it is an interrupt from one to the other and a CPU that wakes from idle: two idle days took 14 s when free to
//! use any CPU and 8 s on one CPU; 6 s with `SCHED_BATCH`, under which a woken thread does not drive out the one that
//! woke it (measured on two cores of a virtual machine).

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::sync::Mutex;
use tokio::process::Command;

/// How many machines of this process are on each CPU, with those that are not started yet.
static MACHINES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The process name of `qemu-system-x86_64`, as the kernel cuts it off.
const QEMU: &str = "qemu-system-x86";

/// A CPU that is taken; it is free again when this is dropped.
#[derive(Debug)]
pub struct Seat(usize);

impl Seat {
    /// Takes the least used CPU of those this process may use. `None` where the host does not say which those are.
    pub fn take() -> Option<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let mut machines = MACHINES.lock().expect("no panics here");
        machines.resize(CpuSet::count(), 0);
        let others = others();
        let taken = |cpu: usize| machines[cpu] + others.iter().filter(|other| **other == cpu).count();
        let usable = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false));
        let cpu = usable.min_by_key(|&cpu| taken(cpu))?;
        machines[cpu] += 1;
        Some(Seat(cpu))
    }

    /// Makes the command run on this CPU. If the host refuses, it costs speed, nothing else.
    pub fn give_to(&self, command: &mut Command) {
        let mut here = CpuSet::new();
        if here.set(self.0).is_err() {
            return;
        }
        // SAFETY: between fork and exec only async-signal-safe system calls are made.
        unsafe {
            command.pre_exec(move || {
                let _ = sched_setaffinity(Pid::from_raw(0), &here);
                // The kernel's `sched_param` is this number alone. The system call is made directly, because musl's
                // function always refuses.
                let priority: libc::c_int = 0;
                libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_BATCH, &raw const priority);
                Ok(())
            });
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut machines = MACHINES.lock().expect("no panics here");
        machines[self.0] -= 1;
    }
}

/// The CPUs on which other processes, of any user, have machines. Two processes that look at the same moment may still
/// choose the same CPU: that costs speed, nothing else.
fn others() -> Vec<usize> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw));
    pids.filter(|pid| is_a_machine_of_others(*pid)).filter_map(only_cpu).collect()
}

fn is_a_machine_of_others(pid: Pid) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    field("Name:") == Some(QEMU) && field("PPid:") != Some(&std::process::id().to_string())
}

fn only_cpu(pid: Pid) -> Option<usize> {
    let allowed = sched_getaffinity(pid).ok()?;
    let mut cpus = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false));
    cpus.next().filter(|_| cpus.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_a_seat_runs_on_one_cpu_and_yields() {
        let mut command = Command::new("cat");
        command.args(["/proc/self/status", "/proc/self/stat"]);
        let seat = Seat::take().unwrap();
        seat.give_to(&mut command);
        let shown = String::from_utf8(command.output().await.unwrap().stdout).unwrap();
        assert!(shown.contains(&format!("Cpus_allowed_list:\t{}\n", seat.0)), "{shown}");
        // proc(5): the 41st of all, the 39th after the name.
        let policy = shown.rsplit(") ").next().unwrap().split(' ').nth(38).unwrap();
        assert_eq!(policy, libc::SCHED_BATCH.to_string());
    }
}
