//! Our own server as a service: started, heard until it listens, watched, and asked at the end what it heard.

use super::inside::inside;
use super::refused;
use super::server::{self, Heard, READY, RESPONSE_TIME};
use crate::fault::Mistake;
use crate::net::Host;
use crate::said::{Said, last_lines};
use crate::tool::{TIMEOUT, end_within};
use crate::tune::Nofile;
use anyhow::{Context, Error, Result};
use std::io::Write;
use std::process::{Child, ExitStatus, Stdio};
use tunelab_protocol::Server;

/// Its first words when it cannot have its address, which is the scenario's mistake.
const CANNOT_BIND: &str = "cannot bind";

pub struct Answering {
    name: String,
    /// The scenario's program for node.js; `None`: our own.
    program: Option<String>,
    child: Child,
    said: Said,
}

impl Answering {
    /// Starts it; [`Answering::is_ready`] says when it listens.
    pub fn start(server: &Server, host: &Host, limits: Option<Nofile>) -> Result<Self> {
        let said = Said::of_service(&server.name)?;
        let mut command = server::command(server)?;
        command.stdin(Stdio::piped()).stdout(said.stdio()?).stderr(said.stdio()?);
        inside(&mut command, host)?;
        if let Some(limits) = limits {
            limits.apply(&mut command);
        }
        let child = command.spawn().with_context(|| format!("failed to start service {}", server.name))?;
        Ok(Answering { name: server.name.clone(), program: server.node.clone(), child, said })
    }

    pub fn is_ready(&mut self) -> Result<bool> {
        // Look for its end first: what it wrote before its end is there then.
        let ended = self.child.try_wait()?;
        while let Some(line) = self.said.next_line()? {
            if line.trim_end() == READY {
                return Ok(true);
            }
        }
        ended.map_or(Ok(false), |status| Err(self.ended(status, "before it listened")))
    }

    pub fn not_ready(&self) -> Error {
        self.wrong(&format!("does not say `{READY}` within {} s", TIMEOUT.as_secs()))
    }

    /// Gives an error if it has ended: that makes every number after its death a lie.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ended.map_or(Ok(()), |status| Err(self.ended(status, "during the run")))
    }

    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id() as i32)
    }

    /// It answers after this time from now on.
    pub fn set_response_time(&mut self, us: u64) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("it is about to end")?;
        writeln!(stdin, "{RESPONSE_TIME}{us}").with_context(|| format!("failed to speak to service {}", self.name))
    }

    /// Ends it, and gives the requests by version, as it counted them.
    pub fn finish(mut self) -> Result<Heard> {
        self.check()?;
        drop(self.child.stdin.take());
        if end_within(&mut self.child, TIMEOUT)?.is_none() {
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
            let what = told(&format!("service {name} {what}"), &last_lines(&said, 3));
            return match said.contains(CANNOT_BIND) {
                true => Mistake::in_scenario(format!("service.{name}"), what).into(),
                false => Error::msg(what),
            };
        };
        let (line, why) = refused::node(&said, program);
        Mistake::in_file(program, line, told(&format!("service {name} {what}"), &why)).into()
    }
}

pub(super) fn told(what: &str, said: &str) -> String {
    if said.is_empty() { format!("{what}, without a word") } else { format!("{what}: {said}") }
}
