//! Scenario folders and records made by hand, for tests of the code that reads them.

use assert_cmd::Command;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use tunelab::{
    image::Recipes,
    lab::{Clock, RunResult, agent},
    outcome::Record,
    plan::RunSpec,
    scenario::{self, Scenario},
};
use tunelab_protocol::{Counted, Entries, Event, Outcome, Stamped};

pub const HOUR_US: u64 = 3_600_000_000;

/// Stands in for the agent that the program carries: nothing here starts a machine.
pub const AGENT: &[u8] = b"an agent";

pub fn carry_agent() {
    agent::carry(AGENT);
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The recipes that come with tunelab.
pub fn images() -> Recipes {
    Recipes::of(vec![repository().join("images")]).unwrap()
}

/// The real binary in this folder, as a user starts it: without the variables of cargo, which runs the tests.
pub fn tunelab_in(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("tunelab").unwrap();
    command.current_dir(folder).env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    command
}

/// A small scenario: two ways of leaving, three days, an hourly round.
pub const SMALL: &str = r#"
summary = "two ways of leaving"

[host.server]
sysctl-files = ["base.conf"]

[clients.clean]
addresses = "10.1.0.0/16"
close = "client"

[clients.gone]
addresses = "10.2.0.0/16"
close = "vanish"

[[phase]]
name = "three days"
rounds = 72
every = "1 h"
clients = { clean = 4, gone = 4 }

[probe]
conntrack = "1 h"
conntrack-entries = "followed"
kernel-log = "followed"

[variant.default]
summary = "as it comes"

[variant.tuned]
host.server.sysctls = { "net.netfilter.nf_conntrack_tcp_timeout_established" = 600 }

[claim.grows]
says = "it grows and never drains"
variants = ["default"]
control = ["tuned"]
assert = ["full-rounds > 0", "leaks contains 'gone'"]

[claim.one-line]
says = "one line, once"
variants = ["default"]
uncontrolled-because = "there is no setting for it"
assert = ["log-lines == 1"]

[metric.full-rounds]
value = "count(conntrack.full_rounds)"

[metric.log-lines]
value = "count(log.kernel)"

# One more or less each round in which the table is full.
[metric.suppressed-lines]
value = "count(log.kernel.suppressed)"
tolerance = { absolute = 60, variants = ["default"] }

[metric.failed]
value = "count(failed)"
"#;

/// Makes a scenario in a folder of its own; the folder is gone with the guard.
pub fn scenario(name: &str, text: &str, files: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("scenarios").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(scenario::FILE), text).unwrap();
    for (file, text) in files {
        std::fs::write(folder.join(file), text).unwrap();
    }
    (home, folder)
}

/// Three claims of an article; no experiment can settle the last.
pub const ARTICLE: &str = r#"
[claim.it-fills]
number = 1
says = "the table fills up"
article = "And grows."
section = "Tables"

[claim.one-line]
number = 2
says = "one line, once"
article = "One line, once."
section = "Tables"

[claim.good-load]
number = 3
says = "it takes the load"
article = "All the load."
section = "The end"
cannot = "nobody knows the load"
"#;

/// The same article with `settled-by` under some of its claims.
pub fn settled(by: &[(&str, &str)]) -> String {
    by.iter().fold(ARTICLE.to_owned(), |text, (claim, by)| {
        text.replace(&format!("[claim.{claim}]"), &format!("[claim.{claim}]\nsettled-by = {by}"))
    })
}

/// Puts the article where scenarios of this home look for it.
pub fn article(home: &Path, text: &str) {
    std::fs::write(home.join("scenarios/article.toml"), text).unwrap();
}

pub fn small() -> (TempDir, Scenario) {
    let (home, folder) = scenario("small", SMALL, &[("base.conf", "net.netfilter.nf_conntrack_max = 100\n")]);
    let scenario = scenario::load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
    (home, scenario)
}

/// The clients of a round, by those outcomes that occur.
pub fn outcomes<const N: usize>(of: [(Outcome, u64); N]) -> BTreeMap<Outcome, Counted> {
    let some = of.into_iter().filter(|(_, clients)| *clients > 0);
    some.map(|(outcome, clients)| (outcome, Counted { clients, duration: None })).collect()
}

/// A record in the agent's order: what was set, then each hour a look at the table and its drops, and clients.
pub struct Made {
    pub variant: &'static str,
    pub established_s: u64,
    /// Entries that stay each hour; the table holds 100.
    pub leak: u64,
    /// Added to every count above the limit: two builds of a machine differ by this.
    pub noise: u64,
    /// Settings that the kernel did not take as they were written.
    pub odd: Vec<Event>,
}

impl Made {
    /// The result as the lab would return it.
    pub fn result(self, spec: &RunSpec) -> RunResult {
        RunResult {
            run: spec.run.clone(),
            kernel: "6.1.0-30-cloud-amd64".into(),
            kernel_sha256: "4dc4".into(),
            modules_sha256: None,
            clock: Clock::Virtual,
            virtual_seconds: 259_200.03,
            wall_seconds: 6.25,
            boot_retries: vec!["no SSH".into()],
            path: format!("runs/{}/events.jsonl", spec.run.variant).into(),
            not_copied: None,
            record: Record::parse(&self.bytes()).unwrap(),
        }
    }

    pub fn default() -> Self {
        Made { variant: "default", established_s: 432_000, leak: 4, noise: 0, odd: Vec::new() }
    }

    pub fn tuned() -> Self {
        Made { variant: "tuned", established_s: 600, leak: 0, noise: 0, odd: Vec::new() }
    }

    /// Adds the article's name on a kernel that has only today's, a setting that is gone, and a value that is refused.
    pub fn odd(mut self) -> Self {
        let refused = |name: &str, value: &str, why: &str| {
            let [name, value, why] = [name, value, why].map(str::to_owned);
            Event::SysctlRefused { name, value, why }
        };
        self.odd = vec![
            Event::SysctlRenamed {
                name: "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait".into(),
                used: "net.netfilter.nf_conntrack_tcp_timeout_time_wait".into(),
            },
            refused("net.ipv4.tcp_tw_recycle", "1", "not on this kernel"),
            refused("net.ipv4.tcp_tw_reuse", "9", "Invalid argument (os error 22)"),
        ];
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for event in self.events() {
            lines.extend(serde_json::to_vec(&event).unwrap());
            lines.push(b'\n');
        }
        lines
    }

    pub fn events(&self) -> Vec<Stamped> {
        let mut events = vec![Stamped {
            at_us: 0,
            event: Event::Started {
                scenario: "small".into(),
                variant: self.variant.into(),
                kernel: "6.1.0-1-amd64".into(),
            },
        }];
        events.extend(self.odd.iter().map(|event| Stamped { at_us: 500, event: event.clone() }));
        events.extend(self.sysctls());
        events.push(Stamped { at_us: 2_000, event: Event::Ready });
        for hour in 0..=72 {
            events.extend(self.look(hour));
            if hour < 72 {
                events.extend(self.round(hour));
            }
        }
        events.extend(self.entries());
        events.push(Stamped { at_us: 72 * HOUR_US + 30_000, event: Event::Done });
        events
    }

    fn sysctls(&self) -> Vec<Stamped> {
        let timers = [
            ("established", self.established_s),
            ("time_wait", 120),
            ("max_retrans", 300),
            ("unacknowledged", 300),
            ("fin_wait", 120),
        ];
        let sysctl = |(name, value): (&str, u64)| Stamped {
            at_us: 1_000,
            event: Event::Sysctl {
                name: format!("net.netfilter.nf_conntrack_tcp_timeout_{name}"),
                value: Some(value.to_string()),
            },
        };
        timers.into_iter().map(sysctl).collect()
    }

    fn full(&self, hour: u64) -> bool {
        self.leak * hour >= 100
    }

    /// The agent looks first one interval after the start, and once more at the end.
    fn look(&self, hour: u64) -> Vec<Stamped> {
        let at_us = hour * HOUR_US + 2_000;
        if hour == 0 {
            return Vec::new();
        }
        let full_hours = (0..hour).filter(|hour| self.full(*hour)).count() as u64;
        let drops = full_hours * (20 + self.noise);
        let values: BTreeMap<String, u64> =
            [("count", (self.leak * hour).min(100)), ("max", 100), ("early_drop", 0), ("drop", drops)]
                .map(|(name, value)| (format!("conntrack.{name}"), value))
                .into();
        vec![Stamped { at_us, event: Event::Sample { values } }]
    }

    fn round(&self, hour: u64) -> Vec<Stamped> {
        let at_us = hour * HOUR_US + 500_000;
        let (full, mut events) = (self.full(hour), Vec::new());
        if full {
            let text = "nf_conntrack: nf_conntrack: table full, dropping packet".to_owned();
            events.extend((0..2).map(|_| Stamped { at_us, event: Event::Log { level: 4, text: text.clone() } }));
            let text = format!("net_ratelimit: {} callbacks suppressed", 18 + self.noise);
            events.push(Stamped { at_us, event: Event::Log { level: 4, text } });
        }
        for clients in ["clean", "gone"] {
            let outcome = if full { Outcome::ConnectTimeout } else { Outcome::Served };
            let event = Event::Round {
                phase: "three days".into(),
                round: hour as u32,
                clients: clients.into(),
                outcomes: outcomes([(outcome, 4)]),
                connect: None,
                per_1000_s: None,
                errors: Default::default(),
                answers: Vec::new(),
            };
            events.push(Stamped { at_us: at_us + 1, event });
        }
        events
    }

    fn entries(&self) -> Vec<Stamped> {
        let entry = |clients: &str, longest_life_ms, longest_state: &str, alive_at_end| Stamped {
            at_us: 72 * HOUR_US + 20_000,
            event: Event::Entries(Entries {
                clients: clients.into(),
                created: 288,
                picked_up: 0,
                alive_at_end,
                longest_life_ms,
                longest_state: longest_state.into(),
                lives_by_state: BTreeMap::new(),
            }),
        };
        let gone = self.established_s * 1000 + 300;
        vec![
            entry("clean", 120_004, "TIME_WAIT", 0),
            entry("gone", gone, "ESTABLISHED", if self.leak > 0 { 100 } else { 0 }),
        ]
    }
}
