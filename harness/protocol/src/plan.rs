//! The plan: everything the agent does in one run, decided before the machine continues.

use crate::{Clients, Host, LimitOf, Link, Phase, Service};
use serde::{Deserialize, Serialize};

/// One variant of one scenario, ready to execute. Paths are guest paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The [`crate::VERSION`] of the program that wrote it.
    pub version: u32,
    pub scenario: String,
    pub variant: String,
    /// Seeds every choice the agent makes: order and jitter of clients, payloads.
    pub seed: u64,
    /// Everything that counts things is so many times smaller than in the incident ([`crate::scale`]); 1: as large.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub scale: u32,
    /// Configurations of services that count things, which the agent scales where they lie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<Config>,
    /// Write down every packet that passes the server's interfaces ([`crate::PACKET_PORT`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub capture: bool,
    /// Kernel modules to load before anything else, for example `nf_conntrack`. A built-in one is fine.
    pub modules: Vec<ModuleLoad>,
    /// limits.d file; its `nofile` applies to the services, or it lies where PAM finds it: see [`crate::StartedBy`].
    pub limits: Option<String>,
    /// Limits of open files to report in [`crate::Event::OpenFileLimit`] once everything runs.
    pub report_limits: Vec<LimitOf>,
    /// The first is the server, the machine under test.
    pub hosts: Vec<Host>,
    pub links: Vec<Link>,
    pub services: Vec<Service>,
    pub clients: Vec<Clients>,
    pub probes: Vec<Probe>,
    pub phases: Vec<Phase>,
}

impl Plan {
    /// The machine under test.
    pub fn server(&self) -> &Host {
        self.hosts.first().expect("a plan has a server")
    }
}

fn whole() -> u32 {
    1
}

fn is_whole(scale: &u32) -> bool {
    *scale == 1
}

/// A deployed configuration: its path in the guest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Config {
    Nginx(String),
    Haproxy(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleLoad {
    pub name: String,
    /// In the form that `modprobe` takes: `hashsize=1024`.
    pub parameters: String,
}

/// A source of readings, looked at again and again, or followed. Probes due at a round's start are read before its
/// clients come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The key of a probe in [`crate::probe`].
    pub key: String,
    /// 0: it follows what happens.
    pub every_us: u64,
    /// From the start to the first look.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_us: u64,
    /// The hosts that a sampled probe is read on; none: the server alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The words that stand for the part in capitals in the readings that are asked for: ports, services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
}

fn is_zero(us: &u64) -> bool {
    *us == 0
}

impl Plan {
    /// Whether the run has a probe with this key.
    pub fn probes(&self, key: &str) -> bool {
        self.probes.iter().any(|probe| probe.key == key)
    }
}
