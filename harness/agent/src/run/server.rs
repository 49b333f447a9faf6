//! The machine under test: address, modules, rules, sysctls, then the processes that serve.

use crate::events::Events;
use crate::net::Rtnl;
use crate::serve::backend::{Heard, READY};
use crate::serve::{self, nginx};
use crate::tool::{self, PATH};
use crate::tune::{self, Nofile};
use anyhow::{Context, Result, bail};
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use tunelab_protocol::{Backend, Event, LimitOf, Server, StartedBy};

/// What runs until the end.
pub struct Services(RefCell<Vec<Running>>);

/// A backend that listens.
struct Running {
    name: String,
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Services {
    pub fn start(server: &Server, events: &Events) -> Result<Self> {
        let mut route = Rtnl::open()?;
        route.up("lo")?;
        route.add_address("lo", server.address, 32)?;
        if server.forward {
            tune::write("net.ipv4.ip_forward", "1")?;
        }
        for module in &server.modules {
            tune::load_module(&module.name, &module.parameters)?;
        }
        if let Some(rules) = &server.rules {
            tune::load_rules(rules)?;
        }
        tune::apply(server, events)?;
        let limits = limits(server)?;
        let mut children = Vec::new();
        for backend in &server.backends {
            children.push(start_backend(backend, limits)?);
        }
        if let Some(config) = &server.nginx {
            start_nginx(config, &server.started_by, limits)?;
        }
        for of in &server.report_limits {
            let Nofile { soft, hard } = limit_of(of)?;
            events.emit(Event::OpenFileLimit { of: of.to_string(), soft, hard });
        }
        Ok(Services(RefCell::new(children)))
    }

    /// What the backends heard. One that died on the way makes every number after its death a lie.
    pub fn finish(self, events: &Events) -> Result<()> {
        self.0.into_inner().into_iter().try_for_each(|backend| backend.finish(events))
    }
}

impl Running {
    /// Readings `backend.NAME.requests` and, by version, `backend.NAME.requests_1_0`.
    fn finish(mut self, events: &Events) -> Result<()> {
        let name = &self.name;
        if let Some(status) = self.child.try_wait()? {
            bail!("backend {name} ended with {status} during the run");
        }
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.said.read_line(&mut said)?;
        let heard: Heard = serde_json::from_str(&said)
            .with_context(|| format!("backend {name} does not say what it heard: `{said}`"))?;
        let by_version = heard.iter().map(|(version, requests)| {
            let version = version.trim_start_matches("HTTP/").replace('.', "_");
            (format!("backend.{name}.requests_{version}"), *requests)
        });
        let all = (format!("backend.{name}.requests"), heard.values().sum());
        events.emit(Event::Sample { values: by_version.chain([all]).collect() });
        Ok(())
    }
}

/// Returns when it listens.
fn start_backend(backend: &Backend, limits: Option<Nofile>) -> Result<Running> {
    let mut command = serve::backend::command(backend)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Some(limits) = limits {
        limits.apply(&mut command);
    }
    let mut child = command.spawn().with_context(|| format!("failed to start backend {}", backend.name))?;
    let mut output = BufReader::new(child.stdout.take().expect("piped above"));
    let mut said = String::new();
    output.read_line(&mut said)?;
    if said.trim_end() != READY {
        bail!("backend {} ended with {} before it listened", backend.name, child.wait()?);
    }
    Ok(Running { name: backend.name.clone(), child, said: output })
}

/// What the processes start with.
fn limits(server: &Server) -> Result<Option<Nofile>> {
    if server.started_by == StartedBy::Lab {
        return server.limits.as_deref().map(Nofile::from_file).transpose();
    }
    server.limits.as_deref().map_or(Ok(()), tune::install_limits)?;
    Nofile::of_process(1).map(Some)
}

fn limit_of(of: &LimitOf) -> Result<Nofile> {
    match of {
        LimitOf::Init => Nofile::of_process(1),
        LimitOf::NginxMaster => Nofile::of_process(nginx::master()?),
        LimitOf::NginxWorker => Nofile::of_process(nginx::worker()?),
        LimitOf::Login(user) => Nofile::of_login(user),
    }
}

/// nginx binds before it goes into the background: when the command returns, it listens.
fn start_nginx(config: &str, by: &StartedBy, limits: Option<Nofile>) -> Result<()> {
    let mut command = match by {
        StartedBy::Lab | StartedBy::Init => Command::new("nginx"),
        StartedBy::Login(user) => {
            // A user's PATH has no sbin.
            let nginx = tool::find("nginx").context("this guest has no nginx")?;
            return tool::run_command(&mut tune::login(user, &format!("{} -c {config}", nginx.display()))?).map(drop);
        }
    };
    command.args(["-c", config]).env("PATH", PATH);
    if let Some(limits) = limits {
        limits.apply(&mut command);
    }
    tool::run_command(&mut command).map(drop)
}
