//! The QEMU process: guarded at birth, proven dead at the end.

use super::allowance::Pulse;
use crate::error::{Context, Error, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::ExitStatus;
use std::sync::{LazyLock, mpsc};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

/// The processes that are not reaped yet, running or killed.
static LIVING: LazyLock<watch::Sender<BTreeSet<i32>>> = LazyLock::new(|| watch::channel(BTreeSet::new()).0);

/// All QEMUs of this process that are not reaped yet. A killed one stays among them until the kernel has taken it
/// apart, which takes seconds where the host is busy.
pub fn living() -> watch::Receiver<BTreeSet<i32>> {
    LIVING.subscribe()
}

/// A running QEMU. Dropping it kills it; [`Process::end`] is the normal way out and proves that nothing survived.
/// Either way, a task reaps it.
#[derive(Debug)]
pub struct Process {
    /// The process, and the process group that it leads.
    pid: Pid,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts `command` with `inherited` open in it, under their own numbers. They are closed here once it runs.
    pub async fn spawn(mut command: Command, inherited: Vec<OwnedFd>) -> Result<Self> {
        let program = command.as_std().get_program().display().to_string();
        guard(&mut command, inherited.iter().map(AsRawFd::as_raw_fd).collect());
        let (reply, child) = oneshot::channel();
        let job = Job { command, inherited, runtime: Handle::current(), reply };
        SPAWNER.send(job).expect("the spawner lives as long as the process");
        let child = child.await.expect("the spawner always answers").host(|| format!("failed to start `{program}`"))?;
        Ok(Self::adopt(child))
    }

    fn adopt(mut child: Child) -> Self {
        let pid = Pid::from_raw(child.id().expect("not yet waited for").cast_signed());
        let (tell, exit) = watch::channel(None);
        let living = Living::new(pid);
        tokio::spawn(async move {
            if let Ok(status) = child.wait().await {
                tell.send_replace(Some(status));
            }
            drop(living);
        });
        Process { pid, exit }
    }

    pub fn pulse(&self) -> Pulse {
        Pulse::of(self.pid)
    }

    /// A handle that tells how it ended, and may outlive it.
    pub fn exit(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.exit.clone()
    }

    /// Kills and waits, however long the kernel takes. There is nothing to flush: disks are read-only, and what QEMU
    /// wrote is in the kernel's hands.
    pub async fn end(mut self) -> Result<()> {
        self.kill();
        let gone = self.exit.wait_for(Option::is_some).await.map(drop);
        gone.host(|| format!("lost track of QEMU (process {})", self.pid))?;
        match killpg(self.pid, None) {
            Err(nix::Error::ESRCH) => Ok(()),
            _ => Err(Error::host(format!("something of QEMU's process group {} survived it", self.pid))),
        }
    }

    fn kill(&self) {
        // Once the process is reaped, its number may belong to another process.
        if self.exit.borrow().is_none() {
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that is listed among the [`living`] until this is dropped.
struct Living(i32);

impl Living {
    fn new(pid: Pid) -> Self {
        LIVING.send_modify(|living| _ = living.insert(pid.as_raw()));
        Living(pid.as_raw())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        LIVING.send_modify(|living| _ = living.remove(&self.0));
    }
}

/// The kernel kills the child when its parent *thread* ends, by whatever cause: hence one thread that never ends.
static SPAWNER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
    let (send, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new()
        .name("vm-spawner".into())
        .spawn(move || {
            for mut job in jobs {
                // tokio reaps the child, so it must be born inside its runtime.
                let _runtime = job.runtime.enter();
                let child = job.command.spawn();
                drop(job.inherited);
                // If the caller has given up meanwhile, the child is killed, and reaped like all others.
                if let Err(Ok(child)) = job.reply.send(child) {
                    drop(Process::adopt(child));
                }
            }
        })
        .expect("a thread can be started");
    send
});

struct Job {
    command: Command,
    inherited: Vec<OwnedFd>,
    runtime: Handle,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

/// Gives the child its own process group and only the named descriptors, and has it killed with us even if we are
/// killed.
fn guard(command: &mut Command, inherit: Vec<RawFd>) {
    let parent = std::process::id();
    command.kill_on_drop(true).process_group(0);
    // SAFETY: between fork and exec only async-signal-safe calls are made: prctl, getppid and fcntl.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            // If the parent was killed before the line above took effect, no signal would ever come.
            if nix::unistd::getppid().as_raw().cast_unsigned() != parent {
                return Err(nix::Error::ESRCH.into());
            }
            for fd in &inherit {
                // SAFETY: the descriptors are open in the parent until the child has started.
                let fd = std::os::fd::BorrowedFd::borrow_raw(*fd);
                nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))?;
            }
            Ok(())
        });
    }
}
