//! Reports slow work while it lasts: on a busy host everything is slow, and the guest is not at fault.

use crate::{
    error::Result,
    story::Teller,
    vm::{Machine, Pulse, load, seconds},
};
use std::time::Duration;

/// The time until the first line, in wall time; each next line takes twice as long.
const FIRST: Duration = Duration::from_secs(60);
/// The time for the kernel to take a killed QEMU apart.
const DEATH: Duration = Duration::from_secs(5);

/// Does `work`, and tells `what` (as in "`debian-12` has been booting") each time that it has taken twice as long, if
/// it is the host that keeps QEMU waiting.
pub async fn told<T>(teller: &Teller, pulse: Pulse, what: &str, work: impl Future<Output = T>) -> T {
    told_after(FIRST, teller, pulse, what, work).await
}

async fn told_after<T>(first: Duration, teller: &Teller, pulse: Pulse, what: &str, work: impl Future<Output = T>) -> T {
    let telling = async {
        let (mut allowance, mut next) = (pulse.allow(Duration::MAX), first);
        loop {
            tokio::time::sleep(allowance.pause()).await;
            let seen = match allowance.look() {
                Ok(()) => allowance.overdue(),
                Err(overdue) => overdue,
            };
            if seen.passed < next {
                continue;
            }
            next *= 2;
            if seen.busy_host() {
                teller.notice(format!("{what} for {}: this host is busy ({})", seconds(seen.passed), load()));
            }
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = telling => unreachable!("it never ends"),
    }
}

/// Kills the machine and waits until nothing of it is left, however long the kernel takes.
pub async fn ended(machine: Machine, teller: &Teller) -> Result<()> {
    let ending = machine.shutdown();
    tokio::pin!(ending);
    match tokio::time::timeout(DEATH, &mut ending).await {
        Ok(ended) => ended,
        Err(_) => {
            teller.notice(format!("QEMU is killed, and the kernel has not taken it apart yet ({}): waiting", load()));
            ending.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;
    use nix::{
        sched::{CpuSet, sched_getaffinity, sched_setaffinity},
        unistd::Pid,
    };
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    /// Burns the same CPU as all its siblings.
    fn burns() -> Child {
        let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let cpu = (0..CpuSet::count()).find(|&cpu| allowed.is_set(cpu).unwrap()).unwrap();
        let mut here = CpuSet::new();
        here.set(cpu).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        // SAFETY: between fork and exec one async-signal-safe system call is made.
        unsafe { command.pre_exec(move || Ok(sched_setaffinity(Pid::from_raw(0), &here)?)) };
        command.spawn().unwrap()
    }

    fn pulse(child: &Child) -> Pulse {
        Pulse::of(Pid::from_raw(child.id() as i32))
    }

    const FIRST: Duration = Duration::from_millis(500);
    const WHAT: &str = "`debian-12` has been booting";

    #[tokio::test]
    async fn a_machine_that_the_host_keeps_waiting_is_told_as_slow() {
        let mut children = [burns(), burns(), burns(), burns()];
        let (teller, mut story) = Teller::new();
        let told = told_after(FIRST, &teller, pulse(&children[3]), WHAT, story.recv()).await;
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let Some(Story::Notice(told)) = told else { panic!("{told:?}") };
        assert!(told.starts_with("`debian-12` has been booting for "), "{told}");
        assert!(told.contains(" s: this host is busy (load "), "{told}");
    }

    #[tokio::test]
    async fn what_takes_long_with_all_the_cpu_it_wants_is_not() {
        let mut sleeps = Command::new("sleep").arg("100").spawn().unwrap();
        let (teller, mut story) = Teller::new();
        let second = tokio::time::sleep(Duration::from_secs(1));
        told_after(FIRST, &teller, pulse(&sleeps), WHAT, second).await;
        sleeps.kill().unwrap();
        sleeps.wait().unwrap();
        assert!(story.try_recv().is_err());
    }
}
