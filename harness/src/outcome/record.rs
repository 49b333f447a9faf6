//! The record: what the guest said in one run, whole and in order, or the error that says why it is not.

use crate::error::{Context, Error, Result};
use sha2::{Digest, Sha256};
use std::{path::Path, time::Duration};
use tunelab_protocol::{Event, Stamped, Version, version};

/// Events from the restore to [`Event::Done`].
#[derive(Debug, Clone)]
pub struct Record {
    pub events: Vec<Stamped>,
    /// sha256 over the bytes the guest wrote, in hexadecimal.
    pub fingerprint: String,
}

impl Record {
    /// Reads the record of a run from its file.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).host(|| format!("failed to read the record `{}`", path.display()))?;
        Self::parse(&bytes)
    }

    /// Parses one JSON object a line. Silence, a word too many, an unknown word and a failure are different errors.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut events: Vec<Stamped> = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let last = !bytes.ends_with(b"\n") && n + 1 == text.lines().count();
            let next = event(line, n + 1, last)?;
            if let Some(Stamped { event: Event::Done | Event::Failed { .. }, .. }) = events.last() {
                return Err(after_the_end(&next.event));
            }
            events.push(next);
        }
        whole(&events)?;
        Ok(Record { events, fingerprint: hex::encode(Sha256::digest(bytes)) })
    }

    /// Returns the record in the incident's size, for a run at the scale 1/`by`.
    pub fn whole(&self, by: u32) -> Record {
        let whole = |stamped: &Stamped| Stamped { at_us: stamped.at_us, event: stamped.event.clone().whole(by) };
        Record { events: self.events.iter().map(whole).collect(), fingerprint: self.fingerprint.clone() }
    }

    /// Returns when traffic began, in microseconds: rounds and probes count from here.
    pub fn start_us(&self) -> u64 {
        self.events.iter().find(|e| e.event == Event::Ready).map_or(0, |e| e.at_us)
    }

    /// Returns the version of the kernel that ran.
    pub fn linux(&self) -> Option<Version> {
        self.events.iter().find_map(|stamped| match &stamped.event {
            Event::Started { kernel, .. } => version(kernel),
            _ => None,
        })
    }

    /// Returns the time in the guest from the plan's start to its end.
    pub fn lasted(&self) -> Duration {
        Duration::from_micros(self.events.last().map_or(0, |e| e.at_us))
    }
}

fn event(line: &str, n: usize, cut: bool) -> Result<Stamped> {
    let wrong = match serde_json::from_str(line) {
        Ok(event) => return Ok(event),
        Err(wrong) => wrong,
    };
    let word = serde_json::from_str::<serde_json::Value>(line).ok();
    Err(match word.as_ref().map(|w| w["event"].as_str().unwrap_or("nothing")) {
        Some(word) => Error::guest(format!("line {n} of the record says `{word}`, which this harness does not know"))
            .hint("agent and harness are of different builds, or the machine writes nonsense"),
        None if cut => Error::guest(format!("the record stops in the middle of line {n}")).hint("the machine was lost"),
        None => Error::guest(format!("line {n} of the record is no event")),
    }
    .cause(wrong))
}

fn after_the_end(event: &Event) -> Error {
    match event {
        Event::Done => Error::guest("the agent said `done` twice"),
        _ => Error::guest("the agent went on after the end of its plan"),
    }
}

/// Checks that the record ends with `done`, and with nothing else.
fn whole(events: &[Stamped]) -> Result<()> {
    match events.last() {
        None => Err(Error::guest("the record is empty").hint("the machine was lost before its agent read the plan")),
        Some(Stamped { event: Event::Done, .. }) => Ok(()),
        Some(Stamped { event: Event::Failed { what, hint, .. }, .. }) => {
            let error = Error::guest(format!("the plan failed in the guest: {what}"));
            Err(match hint {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
        Some(last) => {
            let at = crate::scenario::units::show(Duration::from_micros(last.at_us));
            Err(Error::guest("the record stops without `done`")
                .hint(format!("the last thing heard, {at} after the plan's start: {:?}", last.event)))
        }
    }
}
