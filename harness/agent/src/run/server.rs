//! The machine under test: address, modules, rules, sysctls, then the processes that serve.

use crate::events::Events;
use crate::net::Rtnl;
use crate::serve::backend::READY;
use crate::tool::{self, PATH};
use crate::tune::{self, Nofile};
use anyhow::{Context, Result, bail};
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tunelab_protocol::{Backend, Server};

/// What runs until the end.
pub struct Services(RefCell<Vec<(String, Child)>>);

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
        let limits = server.limits.as_deref().map(Nofile::from_file).transpose()?;
        let mut children = Vec::new();
        for backend in &server.backends {
            children.push((format!("backend {}", backend.name), start_backend(backend, limits)?));
        }
        if let Some(config) = &server.nginx {
            start_nginx(config, limits)?;
        }
        Ok(Services(RefCell::new(children)))
    }

    /// A backend that died on the way makes every number after its death a lie.
    pub fn check_alive(&self) -> Result<()> {
        for (name, child) in self.0.borrow_mut().iter_mut() {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended with {status} during the run");
            }
        }
        Ok(())
    }
}

/// Returns when it listens.
fn start_backend(backend: &Backend, limits: Option<Nofile>) -> Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.arg("backend").arg(serde_json::to_string(backend)?).stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(limits) = limits {
        limits.apply(&mut command);
    }
    let mut child = command.spawn().with_context(|| format!("failed to start backend {}", backend.name))?;
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("piped above")).read_line(&mut said)?;
    if said.trim_end() != READY {
        bail!("backend {} ended with {} before it listened", backend.name, child.wait()?);
    }
    Ok(child)
}

/// nginx binds before it goes into the background: when the command returns, it listens.
fn start_nginx(config: &str, limits: Option<Nofile>) -> Result<()> {
    let mut command = Command::new("nginx");
    command.args(["-c", config]).env("PATH", PATH);
    if let Some(limits) = limits {
        limits.apply(&mut command);
    }
    tool::run_command(&mut command).map(drop)
}
