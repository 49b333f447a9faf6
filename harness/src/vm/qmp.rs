//! QEMU's monitor: every word with a deadline, and the events that tell of the guest's end.

use crate::error::{Context, Error, Result};
use futures::StreamExt;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use qapi::futures::{QapiService, QmpStreamTokio};
use qapi::qmp;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
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
    /// The same socket once more, to hand file descriptors over.
    socket: OwnedFd,
    /// A question was left without an answer: no other may follow, its answer would be taken for this one's.
    mute: AtomicBool,
    version: String,
}

impl Qmp {
    /// Shakes hands. Events go to the receiver, which ends when QEMU hangs up.
    pub async fn connect(
        stream: std::os::unix::net::UnixStream,
    ) -> Result<(Self, mpsc::UnboundedReceiver<qmp::Event>)> {
        let socket = stream.try_clone().host(|| "failed to duplicate a socket".into())?.into();
        let hello = async {
            stream.set_nonblocking(true)?;
            let negotiation = QmpStreamTokio::open(UnixStream::from_std(stream)?).await?;
            let version = version(&negotiation.capabilities.QMP.version);
            std::io::Result::Ok((version, negotiation.negotiate().await?))
        };
        let (version, stream) = tokio::time::timeout(ANSWER, hello)
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
        Ok((Qmp { service: service.into(), socket, mute: false.into(), version }, events))
    }

    /// As QEMU gives it, with the distribution's own part: a saved state belongs to exactly one.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub async fn stop(&self) -> Result<()> {
        self.execute(qmp::stop {}).await.map(drop)
    }

    pub async fn cont(&self) -> Result<()> {
        self.execute(qmp::cont {}).await.map(drop)
    }

    pub async fn status(&self) -> Result<qmp::StatusInfo> {
        self.execute(qmp::query_status {}).await
    }

    /// A command of the human monitor, for what has no other: `info usernet`, `info registers`.
    pub async fn human(&self, command: &str) -> Result<String> {
        self.execute(qmp::human_monitor_command { cpu_index: None, command_line: command.into() }).await
    }

    /// Gives QEMU an open file under a name, as `fd:NAME` of its migration addresses.
    pub async fn give(&self, name: &str, file: BorrowedFd<'_>) -> Result<()> {
        let service = self.service.lock().await;
        // Descriptors travel beside bytes; a space means nothing in JSON, and QEMU keeps what came last for `getfd`.
        let fds = [file.as_raw_fd()];
        sendmsg::<()>(
            self.socket.as_raw_fd(),
            &[IoSlice::new(b" ")],
            &[ControlMessage::ScmRights(&fds)],
            MsgFlags::empty(),
            None,
        )
        .host(|| "failed to hand a file over to QEMU".into())?;
        self.ask(&service, qmp::getfd { fdname: name.into() }).await.map(drop)
    }

    /// Takes a network backend away; its card stays.
    pub async fn remove_network(&self, id: &str) -> Result<()> {
        self.execute(qmp::netdev_del { id: id.to_owned() }).await.map(drop)
    }

    /// Starts writing the machine's state to the file given as `name`, as fast as the disk takes it.
    pub async fn migrate(&self, name: &str) -> Result<()> {
        // Unset, it is 128 MiB/s, kept by sleeping.
        let unlimited = qmp::MigrateSetParameters { max_bandwidth: Some(1 << 40), ..Default::default() };
        self.execute(qmp::migrate_set_parameters(unlimited)).await?;
        let uri = Some(format!("fd:{name}"));
        self.execute(qmp::migrate { channels: None, detach: None, resume: None, uri }).await.map(drop)
    }

    /// Starts loading the state in the file given as `name` into a machine that waits for one.
    pub async fn migrate_incoming(&self, name: &str) -> Result<()> {
        let uri = Some(format!("fd:{name}"));
        self.execute(qmp::migrate_incoming { channels: None, exit_on_error: None, uri }).await.map(drop)
    }

    /// Waits until a migration of either direction is over. `Err` holds QEMU's own words.
    pub async fn migrated(&self, limit: Duration) -> Result<Result<(), String>> {
        let since = std::time::Instant::now();
        loop {
            let info = self.execute(qmp::query_migrate {}).await?;
            match info.status {
                Some(qmp::MigrationStatus::completed) => return Ok(Ok(())),
                Some(qmp::MigrationStatus::failed | qmp::MigrationStatus::cancelled) => {
                    return Ok(Err(info.error_desc.unwrap_or_else(|| "QEMU gives no reason".into())));
                }
                _ if since.elapsed() > limit => {
                    return Ok(Err(format!("not done within {limit:?}, status {:?}", info.status)));
                }
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }

    async fn execute<C: qmp::QmpCommand>(&self, command: C) -> Result<C::Ok> {
        let service = self.service.lock().await;
        self.ask(&service, command).await
    }

    async fn ask<C: qmp::QmpCommand>(
        &self,
        service: &QapiService<QmpStreamTokio<WriteHalf<UnixStream>>>,
        command: C,
    ) -> Result<C::Ok> {
        if self.mute.swap(true, Ordering::Relaxed) {
            return Err(Error::guest(format!("QEMU's monitor is out of step, `{}` was not sent", C::NAME)));
        }
        let answer = tokio::time::timeout(ANSWER, service.execute(command))
            .await
            .guest(|| format!("QEMU did not answer `{}` within {ANSWER:?}", C::NAME))?;
        // Also left set when this future is dropped half-way.
        self.mute.store(false, Ordering::Relaxed);
        answer.guest(|| format!("QEMU refused `{}`", C::NAME))
    }
}

fn version(info: &qmp::VersionInfo) -> String {
    let qmp::VersionTriple { major, minor, micro } = &info.qemu;
    format!("{major}.{minor}.{micro} {}", info.package).trim().to_owned()
}
