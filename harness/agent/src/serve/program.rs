//! Any program of the image as a service: in the foreground, with its streams in a file.

use super::answering::told;
use super::inside::inside;
use super::listening;
use super::refused;
use crate::fault::Mistake;
use crate::net::Host;
use crate::said::{Said, last_lines};
use crate::tool::{self, TIMEOUT};
use crate::tune::Nofile;
use anyhow::{Error, Result};
use nix::unistd::Pid;
use std::process::{Child, Command, Stdio};
use tunelab_protocol::{Ready, guest};

pub struct Program {
    name: String,
    ready: Ready,
    child: Child,
    said: Said,
}

impl Program {
    /// Starts it; [`Program::is_ready`] says when it listens.
    pub fn start(name: &str, argv: &[String], ready: Ready, host: &Host, limits: Option<Nofile>) -> Result<Self> {
        let said = Said::of_service(name)?;
        let lacks = |what: String| Error::from(Mistake::in_scenario(format!("service.{name}"), what));
        let [program, args @ ..] = argv else { return Err(lacks(format!("service {name} has no program"))) };
        let found = if program.starts_with('/') { Some(program.into()) } else { tool::find(program) };
        let found = found.ok_or_else(|| lacks(format!("service {name}: this image has no `{program}`")))?;
        let mut command = Command::new(found);
        command.args(args).env("PATH", tool::PATH).current_dir(guest::FILES);
        command.stdin(Stdio::null()).stdout(said.stdio()?).stderr(said.stdio()?);
        inside(&mut command, host)?;
        if let Some(limits) = limits {
            limits.apply(&mut command);
        }
        let started = command.spawn();
        let child = started.map_err(|e| lacks(format!("service {name}: failed to start `{program}`: {e}")))?;
        Ok(Program { name: name.to_owned(), ready, child, said })
    }

    pub fn is_ready(&mut self) -> Result<bool> {
        self.check()?;
        listening::at(&self.ready, self.pid())
    }

    pub fn not_ready(&self) -> Error {
        let what = format!("does not listen at {} within {} s", self.ready, TIMEOUT.as_secs());
        self.wrong(&what)
    }

    /// Gives an error if it has ended.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ended.map_or(Ok(()), |status| Err(self.wrong(&format!("ended with {status}"))))
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// The mistake is in the file that its words name, else in the scenario.
    fn wrong(&self, what: &str) -> Error {
        let said = self.said.tail();
        let what = told(&format!("service {} {what}", self.name), &last_lines(&said, 3));
        match refused::place(&said) {
            Some((file, line)) => Mistake::in_file(&file, line, what).into(),
            None => Mistake::in_scenario(format!("service.{}", self.name), what).into(),
        }
    }
}
