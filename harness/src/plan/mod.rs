//! Makes what the lab runs and the guest executes from a checked scenario, a variant and a seed. All functions are
//! pure.

use crate::{
    scenario::{During, Machine, Scenario, Variant},
    story::RunName,
};
use miette::NamedSource;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tunelab_protocol::{Backend, Phase, Plan, Traffic, VERSION, guest};

/// Everything one run is made of, decided before any machine starts.
#[derive(Debug, Clone)]
pub struct RunSpec {
    pub run: Arc<RunName>,
    pub machine: Machine,
    /// Files that are deployed to [`guest::FILES`] by these names; the same for all variants of a scenario, except the
    /// user's own.
    pub files: BTreeMap<String, PathBuf>,
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
            machine: variant.machine.clone(),
            files: scenario.files.iter().chain(&variant.own.files).map(|(n, p)| (n.clone(), p.clone())).collect(),
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

/// Makes the plan that the guest executes.
pub fn plan(scenario: &Scenario, variant: &Variant, seed: u64) -> Plan {
    Plan {
        version: VERSION,
        scenario: scenario.name.clone(),
        variant: variant.name.clone(),
        seed,
        capture: false,
        server: server(scenario, variant),
        upstreams: scenario.upstreams.clone(),
        populations: scenario.populations.clone(),
        probes: scenario.probes.clone(),
        phases: phases(scenario, variant),
    }
}

/// Returns the phases with the variant's changes to them, and with each client's time where a metric needs it.
fn phases(scenario: &Scenario, variant: &Variant) -> Vec<Phase> {
    let with = |phase: &Phase| {
        let During { sysctls, search } = variant.during.get(&phase.name).cloned().unwrap_or_default();
        let phase = search.map_or_else(|| phase.clone(), |search| phase.with_search(search));
        let traffic = phase.traffic.iter().map(|traffic| each_time(scenario, &phase, traffic)).collect();
        Phase { sysctls, traffic, ..phase }
    };
    scenario.phases.iter().map(with).collect()
}

fn each_time(scenario: &Scenario, phase: &Phase, traffic: &Traffic) -> Traffic {
    let mut metrics = scenario.metrics.iter().filter(|metric| metric.value.needs_each_time());
    let each_time = metrics.any(|metric| metric.about.includes(&phase.name, &traffic.population));
    Traffic { each_time, ..traffic.clone() }
}

fn server(scenario: &Scenario, Variant { server, own, .. }: &Variant) -> tunelab_protocol::Server {
    let deployed = |name: &String| format!("{}/{name}", guest::FILES);
    tunelab_protocol::Server {
        address: server.address,
        forward: !scenario.upstreams.is_empty(),
        modules: server.modules.clone(),
        rules: server.rules.as_ref().map(deployed),
        sysctl_files: server.sysctl_files.iter().map(deployed).collect(),
        sysctls: server.sysctls.clone(),
        report_sysctls: scenario.reported_sysctls.union(&own.reported_sysctls).cloned().collect(),
        limits: server.limits.as_ref().map(deployed),
        started_by: server.started_by.clone(),
        report_limits: scenario.reported_limits.clone(),
        initcwnd: server.initcwnd,
        rto_min_us: server.rto_min_us,
        nginx: server.nginx.as_ref().map(deployed),
        backends: server
            .backends
            .iter()
            .map(|backend| Backend { node: backend.node.as_ref().map(deployed), ..backend.clone() })
            .collect(),
    }
}

/// Returns the time from the start of the first phase to the end of the last.
pub fn virtual_time(plan: &Plan) -> Duration {
    Duration::from_micros(plan.phases.iter().map(|p| u64::from(p.rounds) * p.every_us).sum())
}
