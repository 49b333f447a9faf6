//! The ways a machine can die, each its own case, and what the user is told about it.

use super::allowance::Overdue;
use super::console;
use crate::error::Error;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Lines of the console that go into a message.
const LAST_LINES: usize = 12;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Death {
    #[error("the guest's kernel panicked: {0}")]
    Panic(String),
    #[error("the guest could not be brought up: {0}")]
    Init(String),
    #[error("the guest's kernel broke: {0}")]
    Oops(String),
    #[error("the guest powered itself off")]
    PoweredOff,
    #[error("the guest rebooted, which none of ours does")]
    Rebooted,
    #[error("the guest powered itself off or rebooted")]
    Ended,
    #[error("the guest hangs: the vCPU stays at rip={rip:#x} with interrupts off")]
    Deaf { rip: u64 },
    #[error("the guest said nothing: {0}")]
    Silent(Overdue),
    #[error("QEMU stopped the guest by itself (`{0}`)")]
    Stopped(String),
    #[error("QEMU was killed by signal {0}")]
    Killed(i32),
    #[error("QEMU exited with status {0}")]
    Exited(i32),
    #[error("no room left in `{}` ({free_mb} MB free): QEMU cannot write what the guest says", dir.display())]
    NoRoom { dir: PathBuf, free_mb: u64 },
}

impl Death {
    pub fn of_process(status: ExitStatus) -> Self {
        match (status.signal(), status.code()) {
            (Some(signal), _) => Death::Killed(signal),
            (None, code) => Death::Exited(code.unwrap_or(-1)),
        }
    }

    /// Turns the death into what a person needs: the death, QEMU's and the guest's last words, and where to read on.
    pub fn into_error(self, console: &Path, qemu_log: &Path) -> Error {
        let mut message = self.to_string();
        let words = console::tail(qemu_log, LAST_LINES);
        if matches!(self, Death::Killed(_) | Death::Exited(_) | Death::Stopped(_)) && !words.is_empty() {
            message.push_str(&format!("\nQEMU's last words:\n  {}", words.join("\n  ")));
        }
        message.push_str(&console::last_lines(console, LAST_LINES));
        match self {
            Death::NoRoom { .. } => Error::host(message).hint("free some space, or point `TUNELAB_CACHE` elsewhere"),
            _ => {
                let log = format!("console log at `{}`", console.display());
                let advice = self.advice(console::tail(console, 1).is_empty());
                Error::guest(message).hint(advice.map_or(log.clone(), |advice| format!("{advice}; {log}")))
            }
        }
    }
}

impl Death {
    /// The most likely fault in a kernel of the user's own that dies so, having said something or `silently`.
    fn advice(&self, silently: bool) -> Option<&'static str> {
        let why = match self {
            Death::Panic(why) => why,
            Death::Rebooted | Death::Ended if silently => {
                return Some(
                    "a kernel that ends before its first word is damaged, or was built for a CPU with more than \
                     QEMU's `qemu64` has; without CONFIG_SERIAL_8250_CONSOLE none says a word",
                );
            }
            _ => return None,
        };
        match () {
            () if why.contains("Unable to mount root fs") => {
                Some("the kernel took no initrd: it needs CONFIG_BLK_DEV_INITRD")
            }
            () if why.contains("No working init found") || why.contains("No init found") => {
                Some("the kernel could not start our init: it needs CONFIG_BINFMT_ELF, and to be 64-bit")
            }
            () => None,
        }
    }
}
