//! QEMU's machine protocol (QMP): one JSON object a line. Answers carry the number of their command, and events tell of
//! the guest's end.
//!
//! This client is our own: a machine takes half a dozen commands, and types for all of QEMU's were a tenth of a first
//! build.

use super::allowance::Pulse;
use crate::error::{Context, Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

/// QEMU answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(20);

/// Loading and saving a gigabyte takes seconds on a slow disk.
pub const STATE: Duration = Duration::from_secs(120);

/// The events of QEMU that concern us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Stop,
    Shutdown(Cause),
}

/// Why QEMU ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    GuestShutdown,
    GuestReset,
    #[serde(other)]
    Other,
}

/// The answer of `query-status`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub running: bool,
    pub status: String,
}

/// One QEMU's monitor.
pub struct Qmp {
    pulse: Pulse,
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    questions: Arc<Mutex<Questions>>,
}

/// Questions without an answer, by number. An answer to a question that is gone came too late and is dropped.
#[derive(Default)]
struct Questions {
    asked: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    /// Whether QEMU hung up.
    closed: bool,
}

/// QEMU's return value, or its own words of refusal.
type Answer = Result<Value, String>;

impl Qmp {
    /// Shakes hands. Events go to the receiver, which ends when QEMU hangs up.
    pub async fn connect(
        stream: std::os::unix::net::UnixStream,
        pulse: Pulse,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Event>)> {
        let failed = || "failed to open QEMU's monitor".into();
        stream.set_nonblocking(true).host(failed)?;
        let (reader, writer) = UnixStream::from_std(stream).host(failed)?.into_split();
        let mut reader = BufReader::new(reader);
        let mut greeting = String::new();
        let hello = pulse.allow(ANSWER).wait(reader.read_line(&mut greeting)).await;
        match hello {
            Err(overdue) => return Err(Error::host(format!("QEMU's monitor said nothing: {overdue}"))),
            Ok(Ok(0) | Err(_)) => return Err(Error::host("QEMU ended before its monitor said hello")),
            Ok(Ok(_)) => {}
        }
        let (tell, events) = mpsc::unbounded_channel();
        let questions = Arc::<Mutex<Questions>>::default();
        tokio::spawn(read(reader, questions.clone(), tell));
        let qmp = Qmp { pulse, writer: writer.into(), questions };
        qmp.execute("qmp_capabilities", json!({})).await?;
        Ok((qmp, events))
    }

    pub async fn stop(&self) -> Result<()> {
        self.execute("stop", json!({})).await.map(drop)
    }

    pub async fn status(&self) -> Result<Status> {
        let answer = self.execute("query-status", json!({})).await?;
        serde_json::from_value(answer).guest(|| "QEMU's answer to `query-status` is none".into())
    }

    /// Runs a command of the human monitor, where QMP has none: `info usernet`, `info registers`.
    pub async fn human(&self, command: &str, limit: Duration) -> Result<String> {
        let answer = self.ask("human-monitor-command", json!({ "command-line": command }), command, limit).await?;
        answer
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Error::guest(format!("QEMU's answer to `{command}` is no text")))
    }

    /// Removes a network backend; its card stays.
    pub async fn remove_network(&self, id: &str) -> Result<()> {
        self.execute("netdev_del", json!({ "id": id })).await.map(drop)
    }

    /// Opens an empty qcow2 image for [`Qmp::save`] to write to.
    pub async fn add_image(&self, image: &Path) -> Result<()> {
        // A checksum tells whether it is whole: there is no need to wait for the disk at every step.
        let node = json!({
            "node-name": "state", "driver": "qcow2", "cache": { "no-flush": true },
            "file": { "driver": "file", "filename": image },
        });
        self.execute("blockdev-add", node).await.map(drop)
    }

    /// Writes the stopped machine's state into its one writable image, as a snapshot of this name. The inner `Err`
    /// holds QEMU's own words.
    ///
    /// Migration would not do: its thread reads clocks that under `rr=record` belong to the main loop alone (7.2
    /// aborts). `savevm` is used rather than a job, because it is done when it answers.
    pub async fn save(&self, name: &str) -> Result<Result<(), String>> {
        let said = self.human(&format!("savevm {name}"), STATE).await?;
        Ok(if said.trim().is_empty() { Ok(()) } else { Err(said.trim().to_owned()) })
    }

    async fn execute(&self, command: &str, arguments: Value) -> Result<Value> {
        self.ask(command, arguments, command, ANSWER).await
    }

    /// Sends a command, which messages call `shown`.
    async fn ask(&self, command: &str, arguments: Value, shown: &str, limit: Duration) -> Result<Value> {
        let asking = async {
            let (id, answer) = self.new_question();
            let line = format!("{}\n", json!({ "execute": command, "arguments": arguments, "id": id }));
            // The line is sent whole or not at all: it is far smaller than what the socket holds, and is sent before
            // anything waits.
            self.writer.lock().await.write_all(line.as_bytes()).await.ok()?;
            answer.await.ok()
        };
        match self.pulse.allow(limit).wait(asking).await {
            Err(overdue) => Err(Error::guest(format!("QEMU did not answer `{shown}`: {overdue}"))),
            Ok(None) => Err(Error::guest(format!("QEMU hung up on `{shown}`"))),
            Ok(Some(Err(why))) => Err(Error::guest(format!("QEMU refused `{shown}`: {why}"))),
            Ok(Some(Ok(answer))) => Ok(answer),
        }
    }

    fn new_question(&self) -> (u64, oneshot::Receiver<Answer>) {
        let (tell, answer) = oneshot::channel();
        let mut questions = self.questions.lock().expect("no panics here");
        questions.asked += 1;
        let id = questions.asked;
        // Forgets questions that were given up, or dropped half-way.
        questions.waiting.retain(|_, waiting| !waiting.is_closed());
        if !questions.closed {
            questions.waiting.insert(id, tell);
        }
        (id, answer)
    }
}

/// A line from QEMU.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Event {
        event: String,
        #[serde(default)]
        data: Value,
    },
    Refused {
        error: Refusal,
        id: Option<u64>,
    },
    Returned {
        r#return: Value,
        id: Option<u64>,
    },
}

#[derive(Deserialize)]
struct Refusal {
    desc: String,
}

/// Hands out what QEMU says until it hangs up; then no question waits any more.
async fn read(reader: BufReader<OwnedReadHalf>, questions: Arc<Mutex<Questions>>, tell: mpsc::UnboundedSender<Event>) {
    let mut lines = reader.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (id, answer) = match serde_json::from_str(&line) {
            Ok(Line::Event { event, data }) => {
                if let Some(event) = known(&event, &data) {
                    // It is fine if nothing listens.
                    let _ = tell.send(event);
                }
                continue;
            }
            Ok(Line::Returned { r#return, id }) => (id, Ok(r#return)),
            Ok(Line::Refused { error, id }) => (id, Err(error.desc)),
            Err(_) => continue,
        };
        let waiting = id.and_then(|id| questions.lock().expect("no panics here").waiting.remove(&id));
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }
    let mut questions = questions.lock().expect("no panics here");
    questions.closed = true;
    questions.waiting.clear();
}

fn known(event: &str, data: &Value) -> Option<Event> {
    match event {
        "STOP" => Some(Event::Stop),
        "SHUTDOWN" => Some(Event::Shutdown(Cause::deserialize(&data["reason"]).unwrap_or(Cause::Other))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::Lines;

    const SOON: Duration = Duration::from_secs(10);
    const AT_ONCE: Duration = Duration::from_millis(50);

    /// QEMU's side of the connection, which the test plays.
    struct Fake {
        questions: Lines<BufReader<OwnedReadHalf>>,
        writer: OwnedWriteHalf,
    }

    impl Fake {
        async fn connected() -> (Qmp, mpsc::UnboundedReceiver<Event>, Fake) {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            theirs.set_nonblocking(true).unwrap();
            let (reader, writer) = UnixStream::from_std(theirs).unwrap().into_split();
            let mut fake = Fake { questions: BufReader::new(reader).lines(), writer };
            let server = async {
                fake.say(json!({ "QMP": { "version": {}, "capabilities": ["oob"] } })).await;
                let (id, _) = fake.question().await;
                fake.say(json!({ "return": {}, "id": id })).await;
            };
            let (connected, ()) = tokio::join!(Qmp::connect(ours, Pulse::none()), server);
            let (qmp, events) = connected.unwrap();
            (qmp, events, fake)
        }

        async fn say(&mut self, line: Value) {
            self.writer.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        }

        async fn question(&mut self) -> (Value, String) {
            let line: Value = serde_json::from_str(&self.questions.next_line().await.unwrap().unwrap()).unwrap();
            (line["id"].clone(), line["arguments"]["command-line"].as_str().unwrap_or_default().to_owned())
        }
    }

    #[tokio::test]
    async fn an_answer_that_comes_too_late_is_never_taken_for_anothers() {
        let (qmp, _, mut fake) = Fake::connected().await;
        let late = qmp.human("first", AT_ONCE).await.unwrap_err();
        assert!(late.message().starts_with("QEMU did not answer `first`: "), "{late:?}");
        tokio::time::timeout(AT_ONCE, qmp.human("second", SOON)).await.expect_err("nobody answers");
        let server = async {
            let ids = [fake.question().await.0, fake.question().await.0, fake.question().await.0];
            for (id, answer) in ids.into_iter().zip(["one", "two", "three"]) {
                fake.say(json!({ "return": answer, "id": id })).await;
            }
        };
        let (third, ()) = tokio::join!(qmp.human("third", SOON), server);
        assert_eq!(third.unwrap(), "three");
    }

    #[tokio::test]
    async fn two_ask_at_once_and_each_has_its_own_answer() {
        let (qmp, _, mut fake) = Fake::connected().await;
        let server = async {
            let questions = [fake.question().await, fake.question().await];
            for (id, command) in questions.into_iter().rev() {
                fake.say(json!({ "return": format!("of {command}"), "id": id })).await;
            }
        };
        let (a, b, ()) = tokio::join!(qmp.human("a", SOON), qmp.human("b", SOON), server);
        assert_eq!((a.unwrap().as_str(), b.unwrap().as_str()), ("of a", "of b"));
    }

    #[tokio::test]
    async fn what_qemu_refuses_says_or_leaves_is_told_apart() {
        let (qmp, mut events, mut fake) = Fake::connected().await;
        let server = async {
            let (id, _) = fake.question().await;
            fake.say(json!({ "event": "RESET", "data": { "guest": true } })).await;
            fake.say(json!({ "event": "STOP", "timestamp": { "seconds": 1 } })).await;
            for reason in ["guest-reset", "host-qmp-quit"] {
                fake.say(json!({ "event": "SHUTDOWN", "data": { "guest": true, "reason": reason } })).await;
            }
            fake.say(json!({ "error": { "class": "GenericError", "desc": "no such thing" }, "id": id })).await;
        };
        let (refused, ()) = tokio::join!(qmp.remove_network("net"), server);
        assert_eq!(refused.unwrap_err().message(), "QEMU refused `netdev_del`: no such thing");
        let heard = [events.recv().await, events.recv().await, events.recv().await].map(Option::unwrap);
        assert_eq!(heard, [Event::Stop, Event::Shutdown(Cause::GuestReset), Event::Shutdown(Cause::Other)]);
        let (status, ()) = tokio::join!(qmp.status(), async {
            let (id, _) = fake.question().await;
            fake.say(json!({ "return": { "running": false, "singlestep": false, "status": "io-error" }, "id": id }))
                .await;
        });
        assert_eq!(status.unwrap(), Status { running: false, status: "io-error".into() });
        drop(fake);
        assert_eq!(qmp.stop().await.unwrap_err().message(), "QEMU hung up on `stop`");
        assert_eq!(events.recv().await, None);
    }
}
