//! QEMU's machine protocol: every word with a deadline, and the events that tell of the guest's end.

use super::monitor::STATE;
use crate::error::{Context, Error, Result};
use futures::StreamExt;
use qapi::futures::{QapiService, QmpStreamTokio};
use qapi::qmp;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::WriteHalf;
use tokio::net::UnixStream;
use tokio::sync::{Mutex, mpsc};

/// QEMU answers in milliseconds; on a host that swaps, in seconds.
const ANSWER: Duration = Duration::from_secs(20);

/// One QEMU's monitor.
pub struct Qmp {
    service: Mutex<QapiService<QmpStreamTokio<WriteHalf<UnixStream>>>>,
    /// A question was left without an answer: no other may follow, its answer would be taken for this one's.
    mute: AtomicBool,
}

impl Qmp {
    /// Shakes hands. Events go to the receiver, which ends when QEMU hangs up.
    pub async fn connect(
        stream: std::os::unix::net::UnixStream,
    ) -> Result<(Self, mpsc::UnboundedReceiver<qmp::Event>)> {
        let hello = async {
            stream.set_nonblocking(true)?;
            QmpStreamTokio::open(UnixStream::from_std(stream)?).await?.negotiate().await
        };
        let stream = tokio::time::timeout(ANSWER, hello)
            .await
            .host(|| format!("QEMU's monitor said nothing within {ANSWER:?}"))?
            .host(|| "QEMU ended before its monitor said hello".into())?;
        let (service, mut incoming) = stream.into_parts();
        let (tell, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(event)) = incoming.next().await {
                // Nobody listening is fine; the stream must be read all the same, it carries the answers too.
                let _ = tell.send(event);
            }
        });
        Ok((Qmp { service: service.into(), mute: false.into() }, events))
    }

    pub async fn stop(&self) -> Result<()> {
        self.execute(qmp::stop {}).await.map(drop)
    }

    pub async fn status(&self) -> Result<qmp::StatusInfo> {
        self.execute(qmp::query_status {}).await
    }

    /// A command of the human monitor, for what has no other: `info usernet`, `info registers`.
    pub async fn human(&self, command: &str, limit: Duration) -> Result<String> {
        let service = self.service.lock().await;
        let command = qmp::human_monitor_command { cpu_index: None, command_line: command.into() };
        self.ask(&service, command, limit).await
    }

    /// Takes a network backend away; its card stays.
    pub async fn remove_network(&self, id: &str) -> Result<()> {
        self.execute(qmp::netdev_del { id: id.to_owned() }).await.map(drop)
    }

    /// Opens an empty qcow2 image for [`Qmp::save`] to write to.
    pub async fn add_image(&self, image: &Path) -> Result<()> {
        // Whether it is whole is told by a checksum: no need to wait for the disk at every step.
        let node = typed::<qmp::blockdev_add>(json!({
            "node-name": "state", "driver": "qcow2", "cache": { "no-flush": true },
            "file": { "driver": "file", "filename": image },
        }));
        self.execute(node).await.map(drop)
    }

    /// Writes the stopped machine's state into its one writable image, as a snapshot of this name. `Err` inside holds
    /// QEMU's own words.
    ///
    /// Not by migration, whose thread reads clocks that under `rr=record` are the main loop's alone (7.2 aborts); by
    /// `savevm` rather than a job, because it is done when it answers.
    pub async fn save(&self, name: &str) -> Result<Result<(), String>> {
        let said = self.human(&format!("savevm {name}"), STATE).await?;
        Ok(if said.trim().is_empty() { Ok(()) } else { Err(said.trim().to_owned()) })
    }

    async fn execute<C: qmp::QmpCommand>(&self, command: C) -> Result<C::Ok> {
        let service = self.service.lock().await;
        self.ask(&service, command, ANSWER).await
    }

    async fn ask<C: qmp::QmpCommand>(
        &self,
        service: &QapiService<QmpStreamTokio<WriteHalf<UnixStream>>>,
        command: C,
        limit: Duration,
    ) -> Result<C::Ok> {
        if self.mute.swap(true, Ordering::Relaxed) {
            return Err(Error::guest(format!("QEMU's monitor is out of step, `{}` was not sent", C::NAME)));
        }
        let answer = tokio::time::timeout(limit, service.execute(command))
            .await
            .guest(|| format!("QEMU did not answer `{}` within {limit:?}", C::NAME))?;
        // Also left set when this future is dropped half-way.
        self.mute.store(false, Ordering::Relaxed);
        answer.guest(|| format!("QEMU refused `{}`", C::NAME))
    }
}

/// A command from the JSON that QEMU's own documentation would write.
fn typed<C: serde::de::DeserializeOwned>(arguments: serde_json::Value) -> C {
    serde_json::from_value(arguments).expect("the arguments are of the schema")
}
