//! Follows the record while QEMU writes it: whole lines, each understood, or an error that quotes it.

use crate::error::{Context, Error, Result};
use crate::vm::Machine;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tunelab_protocol::Stamped;

/// The time between two looks at a file that did not grow.
const LOOK: Duration = Duration::from_millis(20);
/// A line longer than this is not ours; the longest event is a sample of some kilobytes.
const LONGEST: usize = 1 << 20;

/// The events of a machine, in order.
pub struct Events {
    path: PathBuf,
    file: File,
    /// Bytes that were read; the first [`Self::taken`] of them are handed out.
    buffer: Vec<u8>,
    taken: usize,
    line: u64,
}

impl Events {
    pub async fn of(machine: &Machine) -> Result<Self> {
        Self::open(&machine.events()).await
    }

    pub async fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).await.host(|| format!("failed to open the record `{}`", path.display()))?;
        Ok(Events { path: path.to_owned(), file, buffer: Vec::new(), taken: 0, line: 0 })
    }

    /// Waits for the next event, for ever. The caller must also watch the machine ([`Machine::while_alive`]).
    /// Cancel-safe: nothing read is lost.
    pub async fn next(&mut self) -> Result<Stamped> {
        loop {
            if let Some(event) = self.take_line() {
                return event;
            }
            if self.buffer.len() > LONGEST {
                return Err(self.garbage("a line without an end"));
            }
            let read = self.file.read_buf(&mut self.buffer).await;
            if read.host(|| format!("failed to read the record `{}`", self.path.display()))? == 0 {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    fn take_line(&mut self) -> Option<Result<Stamped>> {
        let rest = &self.buffer[self.taken..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            return None;
        };
        let line = &rest[..end];
        let event = serde_json::from_slice(line).map_err(|e| e.to_string() + ": " + &excerpt(line));
        self.taken += end + 1;
        self.line += 1;
        Some(event.map_err(|why| self.garbage(&why)))
    }

    fn garbage(&self, why: &str) -> Error {
        Error::guest(format!("line {} of the guest's events is no event: {why}", self.line))
            .hint(format!("the record is `{}`", self.path.display()))
    }
}

fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().take(120).collect::<String>().escape_debug().to_string()
}
