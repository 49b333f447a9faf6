//! Services: processes that answer, each on its host. One file a kind.

mod answering;
mod echo;
mod http;
mod inside;
mod listening;
pub mod nginx;
mod program;
mod refused;
pub mod server;

use crate::events::Events;
use crate::fault::Mistake;
use crate::net::{Host, Topology};
use crate::tool::{PAUSE, TIMEOUT};
use crate::tune::{self, Nofile, Scale};
use answering::Answering;
use anyhow::{Context, Result};
use nginx::Nginx;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use program::Program;
use server::Heard;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tunelab_protocol::{Event, Operation, Plan, Service, ServiceKind, StartedBy};

/// The time that a service has to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// All services of a plan.
pub struct Services(Vec<Running>);

struct Running {
    service: Service,
    host: Rc<Host>,
    limits: Option<Nofile>,
    /// `None`: it was stopped.
    process: Option<Process>,
    /// The requests that stopped processes had heard.
    heard: Heard,
}

enum Process {
    Nginx(Nginx),
    Program(Program),
    Answering(Answering),
}

impl Services {
    /// Starts them one after the other, each once the one before it listens.
    pub async fn start(plan: &Plan, topology: &Topology, scale: &Scale) -> Result<Self> {
        scale.configs(&plan.configs)?;
        let limits = limits(plan, scale)?;
        let mut services = Vec::new();
        for service in &plan.services {
            if let Some(log) = &service.log {
                // A rehearsal may have written into it.
                let _ = std::fs::remove_file(log);
            }
            let (host, service) = (topology.host(&service.host)?.clone(), service.clone());
            let mut running = Running { service, host, limits, process: None, heard: Heard::new() };
            running.start().await?;
            services.push(running);
        }
        Ok(Services(services))
    }

    /// Gives an error if a service has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(Running::check)
    }

    pub async fn operate(&mut self, name: &str, operation: Operation) -> Result<()> {
        let service = self.find(name)?;
        let changed = service.operate(operation).await;
        changed.with_context(|| format!("failed to {} service `{name}`", operation.word()))
    }

    pub fn set_response_time(&mut self, name: &str, us: u64) -> Result<()> {
        match &mut self.find(name)?.process {
            Some(Process::Answering(process)) => process.set_response_time(us),
            Some(_) => anyhow::bail!("service `{name}` has no response time of its own"),
            None => Err(Mistake::in_scenario(format!("service.{name}"), format!("service `{name}` is stopped")).into()),
        }
    }

    /// The processes of a service, none if it was stopped; `None`: there is no such service, or not on this host.
    pub fn processes(&self, name: &str, on: Option<&str>) -> Option<Vec<u32>> {
        let here = |running: &&Running| on.is_none_or(|host| running.service.host == host);
        let running = self.0.iter().filter(here).find(|running| running.service.name == name)?;
        let pids = running.process.as_ref().map(Process::processes);
        Some(pids.unwrap_or_default().into_iter().map(|pid| pid.as_raw() as u32).collect())
    }

    /// Ends our own servers and reports the requests that they heard.
    pub fn finish(self, events: &Events) -> Result<()> {
        self.0.into_iter().try_for_each(|service| service.finish(events))
    }

    fn find(&mut self, name: &str) -> Result<&mut Running> {
        let found = self.0.iter_mut().find(|running| running.service.name == name);
        found.with_context(|| format!("the plan has no service `{name}`"))
    }
}

impl Running {
    async fn start(&mut self) -> Result<()> {
        let (name, host, limits) = (&self.service.name, &self.host, self.limits);
        let mut process = match &self.service.kind {
            ServiceKind::Nginx { config, started_by } => {
                Process::Nginx(Nginx::start(name, config, started_by, host, limits)?)
            }
            ServiceKind::Program { argv, ready, .. } => {
                Process::Program(Program::start(name, argv, *ready, host, limits)?)
            }
            ServiceKind::Server(server) => Process::Answering(Answering::start(server, host, limits)?),
        };
        let since = Instant::now();
        while !process.is_ready()? {
            if since.elapsed() > TIMEOUT {
                return Err(process.not_ready());
            }
            sleep(PAUSE).await;
        }
        self.process = Some(process);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        if let Process::Answering(process) = process {
            return self.end(process);
        }
        process.signal(Signal::SIGTERM)?;
        // One that is frozen hears nothing.
        process.signal(Signal::SIGCONT)?;
        let since = Instant::now();
        while process.lives()? {
            if since.elapsed() > GRACE {
                process.signal(Signal::SIGKILL)?;
            }
            anyhow::ensure!(since.elapsed() < TIMEOUT, "it does not end");
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Ends our own server, which may be frozen, and adds up what it heard.
    fn end(&mut self, process: Answering) -> Result<()> {
        kill(process.pid(), Signal::SIGCONT)?;
        for (version, requests) in process.finish()? {
            *self.heard.entry(version).or_default() += requests;
        }
        Ok(())
    }

    async fn operate(&mut self, operation: Operation) -> Result<()> {
        match operation {
            Operation::Stop => self.stop().await,
            Operation::Start if self.process.is_some() => Ok(()),
            Operation::Start => self.start().await,
            Operation::Restart => {
                self.stop().await?;
                self.start().await
            }
            Operation::Reload => self.signal(self.reload_signal()),
            Operation::Freeze => self.signal(Signal::SIGSTOP),
            Operation::Thaw => self.signal(Signal::SIGCONT),
        }
    }

    fn reload_signal(&self) -> Signal {
        match &self.service.kind {
            // The master of haproxy (-W) starts new workers; the old ones end with their connections.
            ServiceKind::Program { reload_by_usr2: true, .. } => Signal::SIGUSR2,
            _ => Signal::SIGHUP,
        }
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        let name = &self.service.name;
        match &mut self.process {
            Some(process) => process.signal(signal),
            None => Err(Mistake::in_scenario(format!("service.{name}"), format!("service `{name}` is stopped")).into()),
        }
    }

    fn check(&mut self) -> Result<()> {
        match &mut self.process {
            Some(Process::Answering(process)) => process.check(),
            Some(Process::Program(process)) => process.check(),
            // Its master may end without harm to a run that is about that.
            Some(Process::Nginx(_)) | None => Ok(()),
        }
    }

    /// Reports the readings `service.NAME.requests` and, by version, `service.NAME.requests_1_0`.
    fn finish(mut self, events: &Events) -> Result<()> {
        if !matches!(self.service.kind, ServiceKind::Server(_)) {
            return Ok(());
        }
        if let Some(Process::Answering(process)) = self.process.take() {
            self.end(process)?;
        }
        let (name, heard) = (&self.service.name, &self.heard);
        let by_version = heard.iter().map(|(version, requests)| {
            let version = version.trim_start_matches("HTTP/").replace('.', "_");
            (format!("service.{name}.requests_{version}"), *requests)
        });
        let all = (format!("service.{name}.requests"), heard.values().sum());
        events.emit(Event::Sample { values: by_version.chain([all]).collect() });
        Ok(())
    }
}

impl Process {
    fn is_ready(&mut self) -> Result<bool> {
        match self {
            // Its command returns once it listens.
            Process::Nginx(_) => Ok(true),
            Process::Program(process) => process.is_ready(),
            Process::Answering(process) => process.is_ready(),
        }
    }

    fn not_ready(&self) -> anyhow::Error {
        match self {
            Process::Nginx(_) => anyhow::anyhow!("nginx does not listen"),
            Process::Program(process) => process.not_ready(),
            Process::Answering(process) => process.not_ready(),
        }
    }

    fn lives(&mut self) -> Result<bool> {
        Ok(match self {
            Process::Nginx(process) => !process.processes()?.is_empty(),
            Process::Program(process) => !process.has_ended()?,
            Process::Answering(process) => crate::tool::alive(process.pid()),
        })
    }

    /// All of its processes that live: a master, and what it started.
    fn processes(&self) -> Vec<Pid> {
        let pids = match self {
            Process::Nginx(process) => process.processes(),
            Process::Program(process) => with_descendants(process.pid()),
            Process::Answering(process) => Ok(vec![process.pid()]),
        };
        pids.unwrap_or_default()
    }

    /// Signals the process that the others follow; SIGSTOP, SIGCONT and SIGKILL, which none follows, go to all.
    fn signal(&self, signal: Signal) -> Result<()> {
        let pids = match self {
            Process::Nginx(process) if matches!(signal, Signal::SIGTERM | Signal::SIGHUP) => vec![process.master()?],
            Process::Nginx(process) => process.processes()?,
            Process::Program(process) => with_children(process.pid(), signal)?,
            Process::Answering(process) => vec![process.pid()],
        };
        // One that has just ended cannot be signalled any more.
        for pid in pids {
            let _ = kill(pid, signal);
        }
        Ok(())
    }
}

fn with_children(pid: Pid, signal: Signal) -> Result<Vec<Pid>> {
    let mut pids = vec![pid];
    if !matches!(signal, Signal::SIGTERM | Signal::SIGHUP | Signal::SIGUSR2) {
        pids.extend(crate::tool::children(pid)?);
    }
    Ok(pids)
}

/// A process, what it started, and so on: a shell in front of a program is no stranger.
fn with_descendants(pid: Pid) -> Result<Vec<Pid>> {
    let mut pids = vec![pid];
    let mut at = 0;
    while at < pids.len() {
        pids.extend(crate::tool::children(pids[at])?);
        at += 1;
    }
    Ok(pids)
}

/// The limits of open files with which the services start; `None`: the agent's own, the most that there can be.
fn limits(plan: &Plan, scale: &Scale) -> Result<Option<Nofile>> {
    let by_the_lab = plan.services.iter().all(|service| match &service.kind {
        ServiceKind::Nginx { started_by, .. } => *started_by == StartedBy::Lab,
        _ => true,
    });
    let of_init = || Ok(scale.files(Nofile::of_process(1)?));
    match &plan.limits {
        Some(path) if by_the_lab => Ok(Some(scale.files(Nofile::from_file(path)?))),
        None if by_the_lab => Ok(None),
        None => of_init().map(Some),
        Some(path) => {
            tune::install_limits(path, scale)?;
            of_init().map(Some)
        }
    }
}
