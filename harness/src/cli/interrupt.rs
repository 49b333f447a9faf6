//! Ctrl-C: the first asks, the second insists, the third leaves at once.

use crate::error::Exit;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// How long a cleaning up that was asked for may take before it is insisted on.
const GRACE: Duration = Duration::from_millis(1500);

pub struct Interrupt {
    asked: watch::Receiver<bool>,
    insisted: watch::Receiver<bool>,
}

impl Interrupt {
    /// Takes over SIGINT and SIGTERM for the rest of the process's life.
    pub fn watch() -> Self {
        let (ask, asked) = watch::channel(false);
        let (insist, insisted) = watch::channel(false);
        tokio::spawn(async move {
            let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
                return;
            };
            next(&mut int, &mut term).await;
            eprintln!("interrupted: cleaning up (again to insist)");
            let _ = ask.send(true);
            tokio::select! {
                () = next(&mut int, &mut term) => {}
                () = tokio::time::sleep(GRACE) => {}
            }
            let _ = insist.send(true);
            next(&mut int, &mut term).await;
            std::process::exit(Exit::Interrupted as i32);
        });
        Interrupt { asked, insisted }
    }

    /// Becomes true at the first: whoever has a machine shuts it down.
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

async fn next(int: &mut Signal, term: &mut Signal) {
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}
