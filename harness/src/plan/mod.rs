//! Makes what the lab runs and the guest executes from a checked scenario, a variant and a seed. All functions are
//! pure.

use crate::{
    scenario::{
        Clients, From, Host, Machine, Scenario, Variant,
        topology::{self, Topology},
    },
    story::RunName,
};
use miette::NamedSource;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tunelab_protocol::{
    self as protocol, Action, Arrivals, Config, Format, Phase, Plan, Protocol, Service, ServiceKind, VERSION, Visit,
    tls_client,
};

/// Everything one run is made of, decided before any machine starts.
#[derive(Debug, Clone)]
pub struct RunSpec {
    pub run: Arc<RunName>,
    pub machine: Machine,
    /// Files that are deployed to [`protocol::guest::FILES`] by these names; the same for all variants of a scenario,
    /// except the user's own.
    pub files: BTreeMap<String, PathBuf>,
    /// Files that are made and deployed there, each with a key and its certificate.
    pub certificates: BTreeSet<String>,
    /// Commands that make the guest read what the programs of any variant need, before its state is saved.
    pub rehearsals: Vec<Vec<String>>,
    pub plan: Plan,
    /// The scenario's file, for errors that are found in it later.
    pub source: NamedSource<String>,
    /// Why its outcome does not belong to the image's snapshot: `None` if it does.
    pub not_comparable: Option<&'static str>,
}

impl RunSpec {
    /// Makes the spec of one run of a variant.
    pub fn new(scenario: &Scenario, variant: &Variant, run: RunName) -> Self {
        RunSpec {
            machine: variant.setup.machine.clone(),
            files: scenario.files.iter().chain(&variant.own.files).map(|(n, p)| (n.clone(), p.clone())).collect(),
            certificates: scenario.certificates.clone(),
            rehearsals: rehearsals(scenario),
            plan: plan(scenario, variant, run.seed),
            source: scenario.source.clone(),
            run: Arc::new(run),
            not_comparable: None,
        }
    }

    /// Returns how long the plan lasts in the guest.
    pub fn virtual_time(&self) -> Duration {
        virtual_time(&self.plan)
    }
}

/// Returns a command for each program that some variant starts. A program in the foreground is ended after a while.
fn rehearsals(scenario: &Scenario) -> Vec<Vec<String>> {
    let setups = || scenario.variants.iter().map(|variant| &variant.setup);
    let services = setups().flat_map(|setup| &setup.services).filter_map(|service| match &service.kind {
        ServiceKind::Program { argv, .. } => Some(argv.clone()),
        _ => None,
    });
    let later = setups().flat_map(|setup| &setup.phases).flat_map(|phase| &phase.changes);
    let later = later.filter_map(|change| match &change.action {
        Action::Firewall { rules, .. } => Some(rules),
        _ => None,
    });
    let rules = setups().flat_map(|setup| &setup.hosts).flat_map(|host| &host.firewall).chain(later.flatten());
    let formats: BTreeSet<Format> = rules.map(|rules| rules.format).collect();
    let loaders = formats.into_iter().map(|format| format.rehearsal().map(str::to_owned).to_vec());
    let mut clients = setups().flat_map(|setup| &setup.clients);
    // Nothing listens at this port: it ends at once, after it has read what it needs.
    let tls = clients.any(|clients| clients.visit.protocol == Protocol::Https).then(|| tls_client(1));
    services.chain(loaders).chain(tls).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Makes the plan that the guest executes.
pub fn plan(scenario: &Scenario, variant: &Variant, seed: u64) -> Plan {
    let setup = &variant.setup;
    let topology = Topology::of(setup);
    let reported: Vec<String> = scenario.reported_sysctls.union(&variant.own.reported_sysctls).cloned().collect();
    let server = setup.hosts.first().map(|host| host.name.as_str());
    let tuned = |host: &Host, bare: protocol::Host| protocol::Host {
        firewall: host.firewall.clone(),
        sysctl_files: host.sysctl_files.clone(),
        sysctls: host.sysctls.clone(),
        report_sysctls: if server == Some(host.name.as_str()) { reported.clone() } else { Vec::new() },
        ..bare
    };
    let plan = Plan {
        version: VERSION,
        scenario: scenario.name.clone(),
        variant: variant.name.clone(),
        seed,
        scale: setup.scale.0,
        configs: if setup.scale.0 == 1 { Vec::new() } else { configs(&setup.services) },
        capture: false,
        modules: setup.modules.clone(),
        limits: setup.limits.clone(),
        report_limits: scenario.reported_limits.clone(),
        hosts: topology.hosts(tuned),
        clients: setup.clients.iter().map(|clients| group(clients, &topology)).collect(),
        links: topology.links,
        services: setup.services.clone(),
        probes: scenario.probes.clone(),
        phases: setup.phases.iter().map(|phase| phase_of(scenario, phase)).collect(),
    };
    plan.shrunk()
}

/// Returns the configurations that count things, each once.
fn configs(services: &[Service]) -> Vec<Config> {
    let config = |service: &Service| match &service.kind {
        ServiceKind::Nginx { config, .. } => Some(Config::Nginx(config.clone())),
        // Only the kind `haproxy` is reloaded so.
        ServiceKind::Program { argv, reload_by_usr2: true, .. } => argv.last().cloned().map(Config::Haproxy),
        _ => None,
    };
    services.iter().filter_map(config).collect::<BTreeSet<_>>().into_iter().collect()
}

fn group(clients: &Clients, topology: &Topology<'_>) -> protocol::Clients {
    let half_trip_us = clients.flights.then(|| topology.delay_us(clients));
    protocol::Clients {
        name: clients.name.clone(),
        host: topology::place(clients).to_owned(),
        addresses: match clients.from {
            From::Network { addresses, .. } => Some(addresses),
            From::Host(_) => None,
        },
        target: clients.target,
        visit: Visit { half_trip_us, ..clients.visit.clone() },
    }
}

/// Returns the phase with each client's time where a metric needs it.
fn phase_of(scenario: &Scenario, phase: &Phase) -> Phase {
    let arrivals = phase.arrivals.iter().map(|arrivals| each_time(scenario, phase, arrivals));
    Phase { arrivals: arrivals.collect(), ..phase.clone() }
}

fn each_time(scenario: &Scenario, phase: &Phase, arrivals: &Arrivals) -> Arrivals {
    let mut metrics = scenario.metrics.iter().filter(|metric| metric.value.needs_each_time());
    let each_time = metrics.any(|metric| metric.about.includes(&phase.name, &arrivals.clients));
    Arrivals { each_time, ..arrivals.clone() }
}

/// Returns the time from the start of the first phase to the end of the last.
pub fn virtual_time(plan: &Plan) -> Duration {
    Duration::from_micros(plan.phases.iter().map(Phase::lasts_us).sum())
}
