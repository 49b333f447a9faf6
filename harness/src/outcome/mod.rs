//! Turns a record into an outcome: the numbers that the scenario asks for, and what else people want to know. Also
//! judges claims about it, and compares it with its snapshot.
//!
//! Reading order: `record` (what goes in), `mod` (the outcome), the numbers in it (`num`) and where they come from
//! (`metrics`, `answers`, `readings`, `series`), its other parts (`table`, `clients`, `log`, `nginx_log`, `service_log`,
//! `rules`, `open_files`), the part that claims can be about and a snapshot holds (`facts`), then what is done with that:
//! `claims`, `snapshot`.

mod answers;
pub mod claims;
mod clients;
mod facts;
mod log;
mod metrics;
mod nginx_log;
mod num;
mod open_files;
mod readings;
mod record;
mod rules;
mod series;
mod service_log;
pub mod snapshot;
mod table;

pub use clients::{ClientOutcomes, Clients, LEAK};
pub use log::Log;
pub use metrics::Measured;
pub use nginx_log::NginxLog;
pub use num::{Num, plain};
pub use open_files::OpenFiles;
pub use record::Record;
pub use table::Table;

use crate::scenario::{Scenario, units::Scale};
use clients::Timers;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tunelab_protocol::{self as protocol, Event, Phase, Plan, Stamped};

/// The outcome of one variant. A snapshot holds the [facts](Outcome::facts) of it; the rest is for people, and for
/// scripts that read `--format json`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// The part of the incident that the run had, `1/100`; absent: all of it. The numbers are the incident's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    /// The numbers that the scenario asks for by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, Measured>,
    /// The readings over time that the scenario asks for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub series: BTreeMap<String, series::Points>,
    /// Names of clients with conntrack entries that outlive them by more than [`LEAK`]. Absent if no probe followed
    /// entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaks: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// The outcomes of all clients together, without the trials of a search, which are about a rate.
    pub total: ClientOutcomes,
    /// The outcomes of clients, by name.
    pub clients: BTreeMap<String, Clients>,
    /// The same by phase, then by name; left out where there is only one phase with clients.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<String, BTreeMap<String, ClientOutcomes>>,
    pub log: Log,
    /// Absent if no probe read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx_log: Option<NginxLog>,
    /// The lines of other services' logs that metrics ask for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub service_logs: BTreeMap<String, BTreeMap<String, u64>>,
    /// Firewall rules with a counter that no packet met, in the order of hosts and chains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmet_rules: Vec<String>,
    /// The limits of open files: of processes, and of a shell after a login. Absent if none was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub open_files: BTreeMap<String, OpenFiles>,
    /// The part that makes a network's links, `netem` or `agent`, where it delays or loses packets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, &'static str>,
    /// Effective values by today's names; `absent` where this kernel has none.
    pub sysctls: BTreeMap<String, String>,
    /// Names as they are written, where this kernel has another name for the same setting, and that name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed_sysctls: BTreeMap<String, String>,
    /// Settings that the kernel did not take, and why: `not on this kernel`, or its own words for a value that it
    /// refuses.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_sysctls: BTreeMap<String, String>,
}

impl Outcome {
    /// Computes the outcome of one run from its record, in the incident's size.
    pub fn of(record: &Record, plan: &Plan, scenario: &Scenario) -> Self {
        let record = &record.whole(plan.scale);
        let sysctls = sysctls(&record.events);
        let timers = Timers::of(sysctls.iter());
        let of_clients = |clients: &protocol::Clients| (clients.name.clone(), Clients::of(clients, record, &timers));
        Outcome {
            scale: (plan.scale > 1).then(|| Scale(plan.scale).to_string()),
            metrics: metrics::all(record, &scenario.metrics, plan),
            series: series::all(record, plan, &scenario.series),
            leaks: clients::leaks(record, plan),
            table: Table::of(record, plan),
            total: ClientOutcomes::of(&record.events, |_, _| true),
            clients: plan.clients.iter().map(of_clients).collect(),
            phases: phases(record, plan),
            log: Log::of(record),
            nginx_log: NginxLog::of(record),
            service_logs: service_log::all(record),
            unmet_rules: rules::unmet(record, plan),
            open_files: open_files::all(&record.events),
            links: links(&record.events),
            sysctls,
            renamed_sysctls: renamed(&record.events),
            refused_sysctls: refused(&record.events),
        }
    }

    /// Returns all of the outcome as a table, in the order of the fields.
    pub fn document(&self) -> toml::Table {
        document(self)
    }

    /// Returns what the scenario is about: its snapshot holds this, and its claims look into it.
    pub fn facts(&self, scenario: &Scenario) -> toml::Table {
        facts::of(self, scenario)
    }
}

fn document(part: &impl Serialize) -> toml::Table {
    toml::Table::try_from(part).expect("an outcome is made of tables, texts and numbers")
}

/// Returns the outcomes by phase, then by name, where there is more than one phase with clients that were to be served.
/// A search is no such phase: how many clients come in it is its own affair.
fn phases(record: &Record, plan: &Plan) -> BTreeMap<String, BTreeMap<String, ClientOutcomes>> {
    let busy: Vec<_> =
        plan.phases.iter().filter(|phase| !phase.arrivals.is_empty() && phase.search.is_none()).collect();
    let names: BTreeSet<&str> = busy.iter().map(|phase| phase.name.as_str()).collect();
    if names.len() < 2 {
        return BTreeMap::new();
    }
    let of = |phase: &str, clients: &str| {
        ClientOutcomes::of(&record.events, |in_phase, of| in_phase == phase && of == clients)
    };
    let phase = |phase: &&Phase| {
        let all = phase.arrivals.iter().map(|come| (come.clients.clone(), of(&phase.name, &come.clients)));
        (phase.name.clone(), all.collect())
    };
    busy.iter().map(phase).collect()
}

fn links(events: &[Stamped]) -> BTreeMap<String, &'static str> {
    let link = |e: &Stamped| match &e.event {
        Event::Link { network, by } => Some((network.clone(), by.word())),
        _ => None,
    };
    events.iter().filter_map(link).collect()
}

fn sysctls(events: &[Stamped]) -> BTreeMap<String, String> {
    let value = |e: &Stamped| match &e.event {
        Event::Sysctl { name, value } => Some((name.clone(), value.clone().unwrap_or_else(|| "absent".into()))),
        _ => None,
    };
    // The kernel separates the numbers of a value by tabs; people by a space.
    let said = |(name, value): (String, String)| (name, value.split_whitespace().collect::<Vec<_>>().join(" "));
    events.iter().filter_map(value).map(said).collect()
}

fn renamed(events: &[Stamped]) -> BTreeMap<String, String> {
    let renamed = |e: &Stamped| match &e.event {
        Event::SysctlRenamed { name, used } => Some((name.clone(), used.clone())),
        _ => None,
    };
    events.iter().filter_map(renamed).collect()
}

fn refused(events: &[Stamped]) -> BTreeMap<String, String> {
    let refused = |e: &Stamped| match &e.event {
        Event::SysctlRefused { name, value, why } => Some((name.clone(), format!("{value}: {why}"))),
        _ => None,
    };
    events.iter().filter_map(refused).collect()
}
