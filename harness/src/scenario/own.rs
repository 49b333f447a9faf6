//! Makes the user's own files one more variant of a scenario, beside its own ones.

use super::{
    files::{self, Check},
    hosts::SERVER,
    model::{Own, Scenario, Variant},
    problems::Problems,
    topology::Topology,
};
use crate::{error::Result, read};
use std::path::{Path, PathBuf};
use tunelab_protocol::{Format, Ruleset, Service, ServiceKind, StartedBy};

/// The name of the variant with the user's own files. No scenario may give this name to a variant of its own.
pub const YOURS: &str = "yours";

/// The user's own files, each in its own format. They take the place of what the scenario deploys; sysctls are applied
/// after the scenario's.
#[derive(Debug, Clone, Default)]
pub struct OwnFiles {
    pub sysctl: Option<PathBuf>,
    pub rules: Option<PathBuf>,
    pub nginx: Option<PathBuf>,
    pub limits: Option<PathBuf>,
}

impl OwnFiles {
    /// Returns the files that there are, each with its name in the guest and its check.
    fn given(&self) -> Vec<(&'static str, &Path, Check)> {
        let all: [(&str, &Option<PathBuf>, Check); 4] = [
            ("yours.sysctl.conf", &self.sysctl, files::sysctl_d),
            ("yours.rules.v4", &self.rules, files::iptables_save),
            ("yours.nginx.conf", &self.nginx, files::nginx_conf),
            ("yours.limits.conf", &self.limits, files::limits_d),
        ];
        all.into_iter().filter_map(|(name, path, check)| Some((name, path.as_deref()?, check))).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.given().is_empty()
    }

    /// Checks all files; the error has the problems of all of them at once.
    pub fn check(&self) -> Result<()> {
        let all = Problems::of("your files", "");
        for (_, path, check) in self.given() {
            match read(path) {
                Ok(text) => {
                    let problems = Problems::of(path.display().to_string(), text);
                    check(&problems);
                    all.adopt(0..0, problems);
                }
                Err(error) => all.take(error),
            }
        }
        all.into_result()
    }

    fn sysctl_names(&self) -> Result<Vec<String>> {
        self.sysctl.as_deref().map_or(Ok(Vec::new()), |path| Ok(files::sysctl_names(&read(path)?)))
    }

    /// Adds one more variant to the scenario: the scenario's first, with these files.
    pub fn add_to(&self, scenario: &mut Scenario) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let Some(first) = scenario.variants.first() else { return Ok(()) };
        let summary = format!("`{}` with your files", first.name);
        let mut yours = Variant { name: YOURS.into(), summary, mitigates: false, ..first.clone() };
        let named =
            |wanted: &str| self.given().iter().find(|(name, ..)| *name == wanted).map(|_| files::deployed(wanted));
        yours.setup.limits = named("yours.limits.conf").or(yours.setup.limits);
        if let Some(server) = yours.setup.hosts.first_mut() {
            server.sysctl_files.extend(named("yours.sysctl.conf"));
            if let (Some(file), Some(path)) = (named("yours.rules.v4"), &self.rules) {
                let rules = Problems::of(path.display().to_string(), read(path)?);
                let topology = Topology::of(&first.setup);
                let interfaces: Vec<&str> = topology.interfaces(SERVER).collect();
                files::check_interfaces(&rules, SERVER, &interfaces);
                rules.into_result()?;
                server.firewall = vec![Ruleset { format: Format::Iptables, file }];
            }
        }
        if let Some(own) = named("yours.nginx.conf") {
            use_nginx(&mut yours.setup.services, own);
        }
        // It gets a machine of its own: the other variants must not even see that the files are there.
        let files = self.given().into_iter().map(|(name, path, _)| (name.to_owned(), path.to_owned())).collect();
        yours.own = Own { files, reported_sysctls: self.sysctl_names()?.into_iter().collect() };
        scenario.variants.push(yours);
        Ok(())
    }
}

/// Gives nginx on the server this configuration; it is started where the scenario has none.
fn use_nginx(services: &mut Vec<Service>, own: String) {
    for service in services.iter_mut().filter(|service| service.host == SERVER) {
        if let ServiceKind::Nginx { config, .. } = &mut service.kind {
            *config = own;
            return;
        }
    }
    let kind = ServiceKind::Nginx { config: own, started_by: StartedBy::Lab };
    services.push(Service { name: "nginx".into(), host: SERVER.into(), log: None, kind });
}

impl Scenario {
    /// Returns the variants by name, all if no name is given; and always `yours` beside them, because a user who brings
    /// files wants to know what they do.
    pub fn asked<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Variant> {
        self.variants.iter().filter(move |v| names.is_empty() || names.contains(&v.name) || v.name == YOURS)
    }
}

fn read(path: &Path) -> Result<String> {
    read::text(path, "your file", read::TEXT)
}
