//! QEMU's human monitor, which restored machines have.
//!
//! A QMP monitor lives in a thread of its own, which QEMU 7.2 wakes at every leap of the clock. The human monitor is
//! part of the main loop, and six virtual days take a tenth less time.

use super::allowance::Pulse;
use crate::error::{Context, Error, Result};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

const PROMPT: &[u8] = b"(qemu) ";

/// The human monitor. It is cheap to ask again after a question was given up: the prompts that QEMU still owes are
/// counted.
pub struct Human {
    talk: Mutex<Talk>,
    pulse: Pulse,
}

struct Talk {
    stream: UnixStream,
    /// Bytes that were read and are not a whole answer yet.
    heard: Vec<u8>,
    /// Prompts still to come: each command line is answered by one, and QEMU's start by the first.
    owed: usize,
}

impl Human {
    /// Reads the greeting; `limit` bounds how long QEMU may take to start.
    pub async fn connect(stream: std::os::unix::net::UnixStream, limit: Duration, pulse: Pulse) -> Result<Self> {
        let failed = || "failed to open QEMU's monitor".into();
        stream.set_nonblocking(true).host(failed)?;
        let mut talk = Talk { stream: UnixStream::from_std(stream).host(failed)?, heard: Vec::new(), owed: 1 };
        let hello = pulse.allow(limit).wait(talk.settle()).await;
        hello
            .map_err(|overdue| Error::host(format!("QEMU's monitor said nothing: {overdue}")))?
            .host(|| "QEMU ended before its monitor said hello".into())?;
        Ok(Human { talk: talk.into(), pulse })
    }

    /// Sends one command line and returns QEMU's answer, which is empty for most commands that succeed.
    pub async fn ask(&self, command: &str, limit: Duration) -> Result<String> {
        let conversation = async { self.talk.lock().await.ask(command).await };
        let answer = self.pulse.allow(limit).wait(conversation).await;
        answer
            .map_err(|overdue| Error::guest(format!("QEMU did not answer `{command}`: {overdue}")))?
            .guest(|| format!("QEMU hung up on `{command}`"))
    }
}

impl Talk {
    async fn ask(&mut self, command: &str) -> std::io::Result<String> {
        self.settle().await?;
        self.owed += 1;
        self.stream.write_all(format!("{command}\n").as_bytes()).await?;
        let answer = self.answer().await?;
        // The first line is our own command, echoed with the cursor's movements.
        Ok(answer.split_once('\n').map_or("", |(_, answer)| answer).replace('\r', ""))
    }

    /// Reads the answers to questions that were given up.
    async fn settle(&mut self) -> std::io::Result<()> {
        while self.owed > 0 {
            self.answer().await?;
        }
        Ok(())
    }

    /// Reads up to the next prompt. Cancel-safe: what was read stays.
    async fn answer(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(at) = self.heard.windows(PROMPT.len()).position(|bytes| bytes == PROMPT) {
                self.owed -= 1;
                let answer: Vec<u8> = self.heard.drain(..at + PROMPT.len()).take(at).collect();
                return Ok(String::from_utf8_lossy(&answer).into_owned());
            }
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_that_was_given_up_leaves_the_next_its_own_answer() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut qemu = UnixStream::from_std(theirs).unwrap();
        qemu.write_all(b"QEMU 7.2.22 monitor - type 'help'\r\n(qemu) ").await.unwrap();
        let second = Duration::from_secs(10);
        let human = Human::connect(ours, second, Pulse::none()).await.unwrap();

        let late = human.ask("slow", Duration::from_millis(50)).await.unwrap_err();
        assert!(late.message().starts_with("QEMU did not answer `slow`: "), "{late:?}");
        let server = async {
            // QEMU sends half of the first answer, then the rest of it together with the second.
            qemu.write_all(b"slow\x1b[K\r\nold").await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            qemu.write_all(b" news\r\n(qe").await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            qemu.write_all(b"mu) ").await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"quick\n") {
                assert_ne!(qemu.read_buf(&mut asked).await.unwrap(), 0);
            }
            qemu.write_all(b"quick\x1b[K\r\nnew\r\n(qemu) ").await.unwrap();
        };
        let (answer, ()) = tokio::join!(human.ask("quick", second), server);
        assert_eq!(answer.unwrap(), "new\n");
        drop(qemu);
        assert_eq!(human.ask("cont", second).await.unwrap_err().message(), "QEMU hung up on `cont`");
    }
}
