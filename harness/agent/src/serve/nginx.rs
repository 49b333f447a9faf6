//! nginx: its start, and its processes once it runs.

use super::inside::inside;
use super::refused;
use crate::fault::Mistake;
use crate::net::Host;
use crate::said::{self, Said, last_lines};
use crate::tool::{self, TooLong, parent};
use crate::tune::{self, Nofile};
use anyhow::{Context, Error, Result};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tunelab_protocol::StartedBy;

/// Its program, and what the service is called where a scenario gives it no other name.
pub const NAME: &str = "nginx";

/// One nginx: its master and what the master started.
pub struct Nginx {
    config: String,
    host: Rc<Host>,
}

impl Nginx {
    /// Starts nginx. It binds before it goes into the background: when the command returns, it listens. Where its
    /// configuration names no log, it keeps our streams for one.
    pub fn start(name: &str, config: &str, by: &StartedBy, host: &Rc<Host>, limits: Option<Nofile>) -> Result<Self> {
        let said = Said::of_service(name)?;
        let mut command = command(config, by)?;
        inside(&mut command, host)?;
        if let Some(limits) = limits {
            limits.apply(&mut command);
        }
        command.env("PATH", tool::PATH).stdin(Stdio::null()).stdout(said.stdio()?).stderr(said.stdio()?);
        match tool::status_of(&mut command, tool::TIMEOUT) {
            Ok(status) if status.success() => Ok(Nginx { config: config.to_owned(), host: host.clone() }),
            Ok(status) => {
                let text = std::fs::read_to_string(config).unwrap_or_default();
                let refused = refused::nginx(&said.text(), config, &text).map(Error::new);
                let last = || format!("nginx ended with {status}: {}", last_lines(&said.tail(), 5));
                Err(refused.unwrap_or_else(|| Error::msg(last())))
            }
            Err(e) if e.is::<TooLong>() => Err(stays(config).into()),
            Err(e) => Err(e),
        }
    }

    /// The process that no other process of nginx started. Its title has the configuration.
    pub fn master(&self) -> Result<Pid> {
        let mut here = self.masters()?.into_iter();
        here.next().context("this nginx does not run any more")
    }

    /// The masters, and the workers that each started.
    pub fn processes(&self) -> Result<Vec<Pid>> {
        let masters = self.masters()?;
        let all = processes()?.into_iter();
        Ok(all.filter(|pid| masters.contains(pid) || masters.contains(&parent(*pid))).collect())
    }

    fn masters(&self) -> Result<Vec<Pid>> {
        let mut found = Vec::new();
        for pid in processes()?.into_iter().filter(|&pid| tool::alive(pid)) {
            let title = title(pid);
            if title.contains("master process") && title.contains(&self.config) && self.host.namespace.has(pid)? {
                found.push(pid);
            }
        }
        Ok(found)
    }
}

/// The command: by a user from a login, with that login's limits; else by the agent.
fn command(config: &str, by: &StartedBy) -> Result<Command> {
    if let StartedBy::Login(user) = by {
        // A user's PATH has no sbin.
        let nginx = tool::find(NAME).context("this guest has no nginx")?;
        return tune::login(user, &format!("{} -c {config}", nginx.display()));
    }
    let mut command = Command::new(NAME);
    command.args(["-c", config]);
    Ok(command)
}

/// The mistake of an nginx that stays in the foreground, as is usual in a container.
fn stays(config: &str) -> Mistake {
    let text = std::fs::read_to_string(config).unwrap_or_default();
    let line = text.lines().position(|line| line.contains("daemon") && line.contains("off"));
    let line = line.and_then(|at| u32::try_from(at + 1).ok());
    let what = format!("nginx does not go into the background within {} s: leave `daemon` on", tool::TIMEOUT.as_secs());
    Mistake::in_file(config, line, what)
}

/// The files that it writes its errors into, by its configuration.
pub fn logs(service: &str, config: &str) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(config).with_context(|| format!("failed to read {config}"))?;
    let named = tune::nginx_directive(&text, "error_log").filter(|name| !["stderr", "/dev/stderr"].contains(name));
    Ok(named.map_or_else(|| default_logs(service).into(), |name| vec![name.into()]))
}

/// The log files, if its configuration names none: its standard error, or the path it was built with.
pub fn default_logs(service: &str) -> [PathBuf; 2] {
    [said::path_of(service), "/var/log/nginx/error.log".into()]
}

/// All processes of nginx.
pub fn processes() -> Result<Vec<Pid>> {
    Ok(tool::processes()?.into_iter().filter(|&pid| tool::comm(pid).trim_end() == "nginx").collect())
}

/// The nginx process that no other nginx process started.
pub fn master() -> Result<Pid> {
    let all = processes()?;
    all.iter().copied().find(|&pid| !all.contains(&parent(pid))).context("no nginx runs")
}

/// The first worker, once it has set itself up: the last step of that is to say so in its title.
pub fn worker() -> Result<Pid> {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let since = Instant::now();
    loop {
        if let Some(pid) = processes()?.into_iter().find(|&pid| title(pid).contains("worker process")) {
            return Ok(pid);
        }
        anyhow::ensure!(since.elapsed() < TIMEOUT, "nginx has no worker after {} s", TIMEOUT.as_secs());
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn title(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}
