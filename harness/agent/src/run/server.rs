//! The machine under test: address, modules, rules, sysctls, then the processes that serve.

use crate::events::Events;
use crate::net::Rtnl;
use crate::serve::{Running, nginx};
use crate::tune::{self, Nofile};
use anyhow::Result;
use tunelab_protocol::{Event, LimitOf, Server, StartedBy};

/// Services that run until the end.
pub struct Services(Vec<Running>);

impl Services {
    pub fn start(server: &Server, events: &Events) -> Result<Self> {
        let route = Rtnl::open()?;
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
            children.push(Running::start(backend, limits)?);
        }
        if let Some(config) = &server.nginx {
            nginx::start(config, &server.started_by, limits)?;
        }
        for of in &server.report_limits {
            let Nofile { soft, hard } = limit_of(of)?;
            events.emit(Event::OpenFileLimit { of: of.to_string(), soft, hard });
        }
        Ok(Services(children))
    }

    /// Gives an error if a backend has ended on the way.
    pub fn check(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(Running::check)
    }

    /// Ends the backends and reports the requests that they heard.
    pub fn finish(self, events: &Events) -> Result<()> {
        self.0.into_iter().try_for_each(|backend| tell_heard(backend, events))
    }
}

/// Reports the readings `backend.NAME.requests` and, by version, `backend.NAME.requests_1_0`.
fn tell_heard(backend: Running, events: &Events) -> Result<()> {
    let name = backend.name.clone();
    let heard = backend.finish()?;
    let by_version = heard.iter().map(|(version, requests)| {
        let version = version.trim_start_matches("HTTP/").replace('.', "_");
        (format!("backend.{name}.requests_{version}"), *requests)
    });
    let all = (format!("backend.{name}.requests"), heard.values().sum());
    events.emit(Event::Sample { values: by_version.chain([all]).collect() });
    Ok(())
}

/// The limits of open files with which the processes start.
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
