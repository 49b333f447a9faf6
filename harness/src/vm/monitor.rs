//! The way to talk to a QEMU: QMP while a machine is booted and deployed to, the human monitor once its clock leaps.

use super::allowance::Pulse;
use super::argv::Start;
use super::human::Human;
use super::qmp::{Event, Qmp, STATE};
use crate::error::Result;
use std::time::Duration;
use tokio::sync::mpsc;

pub enum Monitor {
    Qmp(Qmp),
    Human(Human),
}

impl Monitor {
    /// Returns when QEMU has loaded what it starts from, with its version in its own words and its events. The human
    /// monitor has no events.
    pub async fn connect(
        stream: std::os::unix::net::UnixStream,
        start: Start<'_>,
        pulse: Pulse,
    ) -> Result<(Self, String, mpsc::UnboundedReceiver<Event>)> {
        let (monitor, events) = match start {
            Start::Boot => {
                let (qmp, events) = Qmp::connect(stream, pulse).await?;
                (Monitor::Qmp(qmp), events)
            }
            Start::Restore { .. } => {
                (Monitor::Human(Human::connect(stream, STATE, pulse).await?), mpsc::unbounded_channel().1)
            }
        };
        let version = monitor.ask("info version", STATE).await?;
        Ok((monitor, version.trim().to_owned(), events))
    }

    /// Runs a command of the human monitor, which both monitors understand.
    pub async fn human(&self, command: &str) -> Result<String> {
        const ANSWER: Duration = Duration::from_secs(20);
        self.ask(command, ANSWER).await
    }

    async fn ask(&self, command: &str, limit: Duration) -> Result<String> {
        match self {
            Monitor::Qmp(qmp) => qmp.human(command, limit).await,
            Monitor::Human(human) => human.ask(command, limit).await,
        }
    }
}
