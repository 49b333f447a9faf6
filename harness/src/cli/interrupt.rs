//! Ctrl-C: the first asks, the second insists, the third leaves at once. A closed terminal and `kill` ask alike.

use crate::{
    error::Exit,
    report::aside,
    vm::{living, load},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// How long the cleaning up may take before it is insisted on.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a killed QEMU may take to be gone before that is told.
const DEATH: Duration = Duration::from_secs(2);

pub struct Interrupt {
    asked: watch::Receiver<bool>,
    insisted: watch::Receiver<bool>,
}

impl Interrupt {
    /// Takes over SIGINT, SIGTERM and SIGHUP for the rest of the process's life.
    pub fn watch() -> Self {
        let (ask, asked) = watch::channel(false);
        let (insist, insisted) = watch::channel(false);
        let signals = Signals::take();
        tokio::spawn(async move {
            let Ok(mut signals) = signals else { return };
            let how = signals.next().await;
            aside(format!("{how}: cleaning up (again to insist)"));
            let _ = ask.send(true);
            tokio::select! {
                _ = signals.next() => {}
                () = tokio::time::sleep(GRACE) => {}
            }
            let _ = insist.send(true);
            signals.next().await;
            aside(format!("leaving at once{}", left(&living().borrow())));
            std::process::exit(Exit::Interrupted as i32);
        });
        Interrupt { asked, insisted }
    }

    /// Becomes true at the first: code that has a machine shuts it down.
    pub fn asked(&self) -> watch::Receiver<bool> {
        self.asked.clone()
    }

    pub fn was_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Returns at the first; for work that needs no cleaning up but its own end.
    pub async fn asked_once(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns at the second, or when the cleaning up takes too long; never otherwise.
    pub async fn insisted(&mut self) {
        if self.insisted.wait_for(|insisted| *insisted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until the kernel has taken apart each QEMU that was killed: its memory and its core are not ours to leave
/// behind, and the next run would find them taken.
pub async fn until_all_are_gone() {
    let mut living = living();
    if tokio::time::timeout(DEATH, living.wait_for(BTreeSet::is_empty)).await.is_ok() {
        return;
    }
    aside(format!("waiting for the kernel ({}){}", load(), left(&living.borrow())));
    let _ = living.wait_for(BTreeSet::is_empty).await;
}

/// Says which killed processes are not gone.
fn left(living: &BTreeSet<i32>) -> String {
    let pids: Vec<String> = living.iter().map(i32::to_string).collect();
    match &pids[..] {
        [] => String::new(),
        pids => format!(": QEMU is killed, and not gone yet (process {})", pids.join(", ")),
    }
}

struct Signals {
    int: Signal,
    term: Signal,
    /// `None` under nohup(1), where a closed terminal means nothing to us.
    hup: Option<Signal>,
}

impl Signals {
    fn take() -> std::io::Result<Self> {
        let [int, term] = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        let hup = SignalKind::hangup();
        let hup = if is_ignored(hup) { None } else { Some(signal(hup)?) };
        Ok(Signals { int: int?, term: term?, hup })
    }

    /// Waits for the next signal, and names it.
    async fn next(&mut self) -> &'static str {
        let hup = async {
            match &mut self.hup {
                Some(hup) => hup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.int.recv() => "interrupted",
            _ = self.term.recv() => "asked to end (SIGTERM)",
            _ = hup => "the terminal was closed (SIGHUP)",
        }
    }
}

/// Whether the process that started us wants this signal ignored.
fn is_ignored(signal: SignalKind) -> bool {
    // SAFETY: it only asks; all zeroes is a sigaction.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal.as_raw_value(), std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}
