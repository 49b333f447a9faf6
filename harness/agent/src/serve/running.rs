//! A backend that runs: started, heard until it listens, watched, and asked at the end what it heard.

use super::backend::{self, Heard, READY};
use super::refused;
use crate::fault::Mistake;
use crate::said::{Said, last_lines};
use crate::tool::{PATIENCE, PAUSE, end_within};
use crate::tune::Nofile;
use anyhow::{Context, Error, Result};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Instant;
use tunelab_protocol::Backend;

/// Its first words when it cannot have its address, which is the scenario's mistake.
const CANNOT_BIND: &str = "cannot bind";

pub struct Running {
    pub name: String,
    /// The scenario's program for node.js; `None`: our own.
    program: Option<String>,
    child: Child,
    said: Said,
}

impl Running {
    /// Returns when it listens.
    pub fn start(backend: &Backend, limits: Option<Nofile>) -> Result<Self> {
        let said = Said::of_service(&backend.name)?;
        let mut command = backend::command(backend)?;
        command.stdin(Stdio::piped()).stdout(said.stdio()?).stderr(said.stdio()?);
        if let Some(limits) = limits {
            limits.apply(&mut command);
        }
        let child = command.spawn().with_context(|| format!("failed to start backend {}", backend.name))?;
        let mut running = Running { name: backend.name.clone(), program: backend.node.clone(), child, said };
        running.wait_until_ready()?;
        Ok(running)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let since = Instant::now();
        loop {
            // Look for its end first: what it wrote before its end is there then.
            let ended = self.child.try_wait()?;
            while let Some(line) = self.said.next_line()? {
                if line.trim_end() == READY {
                    return Ok(());
                }
            }
            if let Some(status) = ended {
                return Err(self.ended(status, "before it listened"));
            }
            if since.elapsed() > PATIENCE {
                let what = format!("does not say `{READY}` within {} s", PATIENCE.as_secs());
                return Err(self.wrong(&what));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Gives an error if it has ended: that makes every number after its death a lie.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ended.map_or(Ok(()), |status| Err(self.ended(status, "during the run")))
    }

    /// Ends it, and gives the requests by version, as it counted them.
    pub fn finish(mut self) -> Result<Heard> {
        self.check()?;
        drop(self.child.stdin.take());
        if end_within(&mut self.child, PATIENCE)?.is_none() {
            return Err(self.wrong("does not end when its standard input does"));
        }
        let mut heard = None;
        while let Some(line) = self.said.next_line()? {
            heard = serde_json::from_str(&line).ok().or(heard);
        }
        heard.ok_or_else(|| self.wrong("does not say what it heard"))
    }

    fn ended(&self, status: ExitStatus, when: &str) -> Error {
        self.wrong(&format!("ended with {status} {when}"))
    }

    /// The mistake is the user's if the program is, or if it could not have the address that the scenario says.
    fn wrong(&self, what: &str) -> Error {
        let (name, said) = (&self.name, self.said.tail());
        let Some(program) = &self.program else {
            let what = told(&format!("backend {name} {what}"), &last_lines(&said, 3));
            return match said.contains(CANNOT_BIND) {
                true => Mistake::in_scenario(format!("backend.{name}"), what).into(),
                false => Error::msg(what),
            };
        };
        let (line, why) = refused::node(&said, program);
        Mistake::in_file(program, line, told(&format!("backend {name} {what}"), &why)).into()
    }
}

fn told(what: &str, said: &str) -> String {
    if said.is_empty() { format!("{what}, without a word") } else { format!("{what}: {said}") }
}
