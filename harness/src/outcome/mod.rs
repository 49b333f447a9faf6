//! Record -> outcome: a small document in which every number has a meaning; claims about it; its snapshot.
//!
//! Reading order: `record` (what goes in), `mod` (the outcome), its parts `measures`, `series`, `counts`, `answers`, `table`,
//! `ways`, `log`, `nginx_log`, `open_files`, the numbers in them (`num`), then what is done with it: `claims`, `snapshot`.

mod answers;
mod chance;
pub mod claims;
mod counts;
mod log;
mod measures;
mod nginx_log;
mod num;
mod open_files;
mod record;
mod series;
pub mod snapshot;
mod table;
mod ways;

pub use log::Log;
pub use measures::Measured;
pub use nginx_log::NginxLog;
use num::Tolerance;
pub use num::{Num, plain};
pub use open_files::OpenFiles;
pub use record::Record;
pub use table::Table;
pub use ways::{LEAK, Way};

use crate::scenario::Scenario;
use chance::{Band, Chance};
use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::{Entries, Event, Plan, ProbeKind, Stamped, Visits};
use ways::Timers;

/// The default that no two builds share: a share of the memory that is free at boot (`files_maxfiles_init`).
const COUNTED_AT_BOOT: (&str, Tolerance) =
    ("fs.file-max", Tolerance { percent: 1, least: 0, why: "of the memory that is free at boot" });

/// What one variant did.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What the scenario asks for by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub measured: BTreeMap<String, Measured>,
    /// Readings over time that it asks for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub series: BTreeMap<String, series::Points>,
    /// Populations whose entries outlive their visitors by more than [`LEAK`]: named by the run. Absent if nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaks: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak_count: Option<Num>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// How all visitors fared.
    pub visitors: Visitors,
    /// How they fared in each phase, by population; left out where there is but one phase with visitors.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub phases: toml::Table,
    pub log: Log,
    /// Absent if nobody read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx_log: Option<NginxLog>,
    /// By population, in the scenario's order.
    pub ways: toml::Table,
    /// How many files may be open, by whom: init, nginx's processes, a shell after a login. Absent if nobody asked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub open_files: BTreeMap<String, OpenFiles>,
    /// By whom the network to these clients was made, `netem` or `agent`, where it delays or loses packets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, &'static str>,
    /// Effective values by today's names; `absent` where this kernel has none.
    pub sysctls: BTreeMap<String, String>,
    /// Names as they are written, where this kernel has another for the same, and that one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed_sysctls: BTreeMap<String, String>,
    /// What the kernel did not take, and why: `not on this kernel`, or its own words for a value it refuses.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_sysctls: BTreeMap<String, String>,
}

/// Each visitor is counted once, in `served` or by what first went wrong; see [`Visits`].
#[derive(Debug, Clone, Serialize)]
pub struct Visitors {
    pub served: Num,
    pub refused: Num,
    pub connect_timeout: Num,
    pub answer_timeout: Num,
    pub reset: Num,
    pub closed: Num,
    pub error_status: Num,
    pub local_error: Num,
}

impl Visitors {
    /// Who finds no room in the table waits in vain, and nothing else. Served and refused are all, so that one band is
    /// both's; who is answered but never served (robots, 403) is not served for having found room either.
    fn of(visits: Visits, band: Band) -> Self {
        let never = visits.served == 0 && visits.refused() > visits.connect_timeout;
        let served = if never { band.uncrowded() } else { band };
        Visitors {
            served: served.count(visits.served),
            refused: served.count(visits.refused()),
            connect_timeout: band.count(visits.connect_timeout),
            answer_timeout: band.some(visits.answer_timeout),
            reset: band.some(visits.reset),
            closed: band.some(visits.closed),
            error_status: band.some(visits.error_status),
            local_error: band.some(visits.local_error),
        }
    }

    /// Those of all populations.
    fn sum(of: &[Visitors]) -> Self {
        let sum = |read: fn(&Visitors) -> Num| Num::sum(of.iter().map(read));
        Visitors {
            served: sum(|v| v.served),
            refused: sum(|v| v.refused),
            connect_timeout: sum(|v| v.connect_timeout),
            answer_timeout: sum(|v| v.answer_timeout),
            reset: sum(|v| v.reset),
            closed: sum(|v| v.closed),
            error_status: sum(|v| v.error_status),
            local_error: sum(|v| v.local_error),
        }
    }
}

impl Outcome {
    pub fn of(record: &Record, plan: &Plan, scenario: &Scenario) -> Self {
        let sysctls = sysctls(&record.events, plan);
        let give_or_take = &scenario.give_or_take;
        let chance = Chance::of(give_or_take, plan, &table::full_phases(record, plan));
        let visitors = visitors(&record.events, plan, &chance);
        let table = Table::of(record, plan, give_or_take.entries.of(&plan.variant), visitors.connect_timeout);
        let drops = table.as_ref().map_or(0, |table| table.drops.within);
        let ways = ways(record, plan, &Timers::of(sysctls.iter()), &chance);
        let followed = plan.probes.iter().any(|p| p.kind == ProbeKind::ConntrackEntries);
        let leaks: Option<Vec<String>> =
            followed.then(|| ways.iter().filter(|(_, way)| way.leaks()).map(|(name, _)| name.clone()).collect());
        Outcome {
            measured: measures::all(record, &scenario.measures, plan),
            series: series::all(record, plan, &scenario.series),
            leak_count: leaks.as_ref().map(|leaks| Num::exact(leaks.len() as u64)),
            leaks,
            phases: measures::phases(record, plan, &chance),
            table,
            visitors,
            log: Log::of(record, drops),
            nginx_log: NginxLog::of(record, give_or_take.visitors.of(&plan.variant)),
            ways: ways.into_iter().map(|(name, way)| (name, document(&way).into())).collect(),
            open_files: open_files::all(&record.events),
            links: links(&record.events),
            sysctls,
            renamed_sysctls: renamed(&record.events),
            refused_sysctls: refused(&record.events),
        }
    }

    /// As TOML, in the order of the fields: what the snapshot holds and what claims look into.
    pub fn document(&self) -> toml::Table {
        document(self)
    }
}

fn document(part: &impl Serialize) -> toml::Table {
    toml::Table::try_from(part).expect("an outcome is made of tables, texts and numbers")
}

fn ways(record: &Record, plan: &Plan, timers: &Timers, chance: &Chance) -> Vec<(String, Way)> {
    let way = |population: &tunelab_protocol::Population| {
        let visits = visits(&record.events, &population.name);
        let band = chance.of_population(&population.name);
        let way = Way::of(population, visits, entries(&record.events, &population.name), timers, band);
        (population.name.clone(), way)
    };
    plan.populations.iter().map(way).collect()
}

fn visitors(events: &[Stamped], plan: &Plan, chance: &Chance) -> Visitors {
    let names = plan.populations.iter().map(|population| &population.name);
    let each: Vec<_> = names.map(|name| Visitors::of(visits(events, name), chance.of_population(name))).collect();
    Visitors::sum(&each)
}

/// Of one population; without the trials of a search, which are about a rate.
fn visits(events: &[Stamped], of: &str) -> Visits {
    let mut total = Visits::default();
    for event in events {
        if let Event::Round { population, visits, per_1000_s: None, .. } = &event.event
            && of == population
        {
            total += *visits;
        }
    }
    total
}

fn entries<'a>(events: &'a [Stamped], of: &str) -> Option<&'a Entries> {
    events.iter().find_map(|e| match &e.event {
        Event::Entries(entries) if entries.population == of => Some(entries),
        _ => None,
    })
}

fn links(events: &[Stamped]) -> BTreeMap<String, &'static str> {
    let link = |e: &Stamped| match &e.event {
        Event::Link { population, by } => Some((population.clone(), by.word())),
        _ => None,
    };
    events.iter().filter_map(link).collect()
}

fn sysctls(events: &[Stamped], plan: &Plan) -> BTreeMap<String, String> {
    let value = |e: &Stamped| match &e.event {
        Event::Sysctl { name, value } => Some((name.clone(), value.clone().unwrap_or_else(|| "absent".into()))),
        _ => None,
    };
    let own = |name: &str| plan.server.sysctls.iter().any(|sysctl| sysctl.name == name);
    let said = |(name, value): (String, String)| {
        // The kernel separates the numbers of a value by tabs; people by a space.
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = value.parse().ok().filter(|_| name == COUNTED_AT_BOOT.0 && !own(&name));
        let text = text.map_or(value, |number| Num::near(number, COUNTED_AT_BOOT.1).to_string());
        (name, text)
    };
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
