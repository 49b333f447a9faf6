//! The model of a checked scenario: nothing in it can be wrong any more, and nothing of TOML is left.

use super::units::Scale;
use miette::NamedSource;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};
use tunelab_protocol::{
    Conditions, IpNet, LimitOf, ModuleLoad, Outcome, Phase, Probe, Ruleset, Service, Sysctl, Version, Visit,
    probe::{self, Scope},
    readings::{self, Unit},
};

/// A checked scenario: everything in its file, and the names of all files that it deploys. Files of the guest have their
/// paths there.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name of its folder.
    pub name: String,
    pub folder: PathBuf,
    /// One sentence that says what happens in it.
    pub summary: String,
    /// Images it runs on unless the command line says otherwise; the first is the default.
    pub images: Vec<String>,
    pub probes: Vec<Probe>,
    /// At least one, in the order of the file.
    pub variants: Vec<Variant>,
    pub metrics: Vec<Metric>,
    pub series: Vec<Series>,
    pub claims: Vec<Claim>,
    /// Every file that any variant deploys, by its name in the guest: one warm machine serves all variants.
    pub files: BTreeMap<String, PathBuf>,
    /// Files that the lab makes beside them, each with a key and its certificate.
    pub certificates: BTreeSet<String>,
    /// sysctls of the server that every variant's outcome has with their effective values: all that any variant sets, and
    /// those asked for. They have today's names, so that outcomes of old and new kernels can be laid side by side.
    pub reported_sysctls: BTreeSet<String>,
    /// The limits of open files that are part of every variant's outcome.
    pub reported_limits: Vec<LimitOf>,
    /// The scenario's file, for errors that are only found later, such as a claim about something that is not in the
    /// outcome.
    pub source: NamedSource<String>,
}

/// One variant: what the scenario says for all variants, with the variant's changes.
#[derive(Debug, Clone)]
pub struct Variant {
    pub name: String,
    pub summary: String,
    /// Whether the variant prevents what the scenario is about.
    pub mitigates: bool,
    pub setup: Setup,
    pub own: Own,
}

/// Everything that happens in a run of one variant.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Numbers of clients, rates and limits are the incident's; a run has a part of them.
    pub scale: Scale,
    /// The scale in the file, which is that of snapshots.
    pub written_scale: Scale,
    pub machine: Machine,
    pub modules: Vec<ModuleLoad>,
    /// A limits.d file.
    pub limits: Option<String>,
    /// The first is the server.
    pub hosts: Vec<Host>,
    pub networks: Vec<Network>,
    /// In the order in which they start.
    pub services: Vec<Service>,
    pub clients: Vec<Clients>,
    pub phases: Vec<Phase>,
}

/// Additions by the user's own files, beyond what is the same for all variants: no other variant may notice them.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Like [`Scenario::files`].
    pub files: BTreeMap<String, PathBuf>,
    /// Like [`Scenario::reported_sysctls`].
    pub reported_sysctls: BTreeSet<String>,
}

/// The shape of the guest. Variants of one shape share a warm machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Machine {
    pub memory_bytes: u64,
    pub cpus: u32,
    /// Words for the kernel's command line, after the harness's own.
    pub cmdline: Vec<String>,
    /// Packages besides those of the image.
    pub packages: Vec<String>,
}

impl Default for Machine {
    /// The article's virtual machine: 1 GB, one CPU in use.
    fn default() -> Self {
        Machine { memory_bytes: 1 << 30, cpus: 1, cmdline: Vec::new(), packages: Vec::new() }
    }
}

/// A network stack: the guest's first namespace (the server), or one of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    pub name: String,
    /// At least one.
    pub addresses: Vec<IpAddr>,
    pub forwards: bool,
    pub firewall: Vec<Ruleset>,
    pub sysctl_files: Vec<String>,
    pub sysctls: Vec<Sysctl>,
    /// Segments of the first flight on all of its routes.
    pub initcwnd: Option<u32>,
    /// The shortest retransmission timeout on all of its routes.
    pub rto_min_us: Option<u64>,
}

impl Host {
    pub fn new(name: &str, addresses: Vec<IpAddr>) -> Self {
        Host {
            name: name.to_owned(),
            addresses,
            forwards: false,
            firewall: Vec::new(),
            sysctl_files: Vec::new(),
            sysctls: Vec::new(),
            initcwnd: None,
            rto_min_us: None,
        }
    }
}

/// A network that joins hosts, and clients to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub name: String,
    /// The name of its interface on each of its hosts.
    pub interface: String,
    pub hosts: Vec<String>,
    pub conditions: Conditions,
    /// The largest packet, in bytes; `None`: Ethernet's 1500.
    pub mtu: Option<u32>,
    /// The first of its hosts (with clients, each) looks for each address on the other side by ARP; else there is a router
    /// between them.
    pub on_link: bool,
}

impl Network {
    pub fn new(name: &str, hosts: Vec<String>) -> Self {
        let conditions = Conditions::default();
        Network { name: name.to_owned(), interface: name.to_owned(), hosts, conditions, mtu: None, on_link: false }
    }
}

/// A group of clients.
#[derive(Debug, Clone, PartialEq)]
pub struct Clients {
    pub name: String,
    pub from: From,
    pub target: std::net::SocketAddr,
    /// Report for each answer in which flights it came.
    pub flights: bool,
    pub visit: Visit,
}

/// Where clients are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// In a network, each with an address of its own of this range.
    Network { network: String, addresses: IpNet },
    /// On a host, with its address.
    Host(String),
}

/// A number of the outcome that this scenario asks for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub name: String,
    pub value: Value,
    pub about: Where,
    /// Calculated values to compare with, each with the name of its author.
    pub expected: Vec<(String, u64)>,
    pub tolerance: Tolerance,
}

/// The part of a run that a metric is narrowed down to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Where {
    /// Only this phase; else the whole run.
    pub phase: Option<String>,
    /// Only these clients; else all.
    pub clients: Option<String>,
    /// Only clients with this outcome.
    pub outcome: Option<Outcome>,
    /// Only answers to requests that came after a pause of this length.
    pub after_pause_us: Option<u64>,
    /// On this host; else on the server.
    pub host: Option<String>,
}

impl Where {
    /// Whether a round of these clients in this phase counts.
    pub fn includes(&self, phase: &str, clients: &str) -> bool {
        self.phase.as_deref().is_none_or(|wanted| wanted == phase) && self.includes_clients(clients)
    }

    /// Whether these clients count, whatever the phase.
    pub fn includes_clients(&self, clients: &str) -> bool {
        self.clients.as_deref().is_none_or(|wanted| wanted == clients)
    }
}

/// The tolerance of a number: how far two builds of a machine may be apart in it. Without a rule it is zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tolerance(pub Vec<ToleranceRule>);

/// One rule of a tolerance. The larger of `absolute` and `relative_ppm` counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToleranceRule {
    /// The absolute tolerance, in the unit of the number.
    pub absolute: u64,
    /// The relative tolerance: a share of the number, in millionths.
    pub relative_ppm: u32,
    /// The variants that the rule is for; `None`: all.
    pub variants: Option<Vec<String>>,
    /// The first version of Linux that the rule is for; `None`: all.
    pub since: Option<Version>,
    /// The first version of Linux that the rule is no longer for.
    pub before: Option<Version>,
}

impl Tolerance {
    /// Returns how far another build's number may be from this one, in the number's unit: the widest of the rules for
    /// this variant and this version of Linux.
    pub fn of(&self, value: u64, variant: &str, linux: Option<Version>) -> u64 {
        let applies = |rule: &&ToleranceRule| {
            rule.variants.as_ref().is_none_or(|variants| variants.iter().any(|known| known == variant))
                && rule.since.is_none_or(|since| linux.is_some_and(|linux| linux >= since))
                && rule.before.is_none_or(|before| linux.is_some_and(|linux| linux < before))
        };
        let width = |rule: &ToleranceRule| rule.absolute.max(value * u64::from(rule.relative_ppm) / 1_000_000);
        self.0.iter().filter(applies).map(width).max().unwrap_or(0)
    }
}

/// A reading over time, by seconds since traffic began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub name: String,
    /// The reading's name.
    pub of: String,
    /// On this host; else on the server.
    pub host: Option<String>,
    pub every_s: u64,
    pub unit: Unit,
    pub tolerance: Tolerance,
}

/// Whether each host has a reading of this name of its own.
pub fn is_of_a_host(reading: &str) -> bool {
    let probe = readings::find(reading).and_then(|(probe, _)| probe::sampled(probe?));
    probe.is_some_and(|probe| probe.scope == Scope::Host)
}

/// The value of a metric: a function of a probe's readings ([`readings`]), of what clients report, or of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Max(String),
    Min(String),
    First(String),
    Last(String),
    /// The last reading less the first.
    Delta(String),
    /// The share of one counter's delta in the deltas of all of its group, in per cent.
    Ratio {
        part: String,
        group: String,
    },
    /// The time from the first reading above the bound to the reading that follows the last one above it.
    DurationAbove {
        reading: String,
        bound: u64,
    },
    /// The time from the start of the phase, or of the traffic, to the first reading that is at least the bound.
    TimeTo {
        reading: String,
        bound: u64,
    },
    /// The time from SYN to an established connection, for clients that got one.
    ConnectTime(Among),
    /// The time from SYN to the last byte of the last answer for clients that were served; for others, to what went wrong.
    Duration(Among),
    /// The time from birth to expiry of a conntrack entry.
    EntryLife(Rank),
    Count(Counted),
    /// The highest rate of these clients at which each was served, in clients per 1000 s.
    RateMax(String),
    /// A number about answers that are reported with their flights.
    Answers(OfAnswers),
}

/// The things that `count` can count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    Clients(ClientOutcome),
    /// Lines of the kernel's log: all, or those that contain this text.
    KernelLines(Option<String>),
    /// Lines that the kernel left out of its log, by its own count.
    SuppressedLines,
    /// Lines of nginx's error log: all, or those that contain this text.
    NginxLines(Option<String>),
    /// Lines of the log of this service: all, or those that contain this text.
    ServiceLines(String, Option<String>),
    /// Packets that met the firewall rules that contain this text.
    RulePackets(String),
    /// The bytes of these packets.
    RuleBytes(String),
    /// Rounds in which the conntrack table refused an entry.
    FullRounds,
    /// Packets dropped because they would have needed an entry, and the table refused it.
    RefusedPackets,
    EntriesCreated,
    /// Entries made by a packet in the middle of a connection (`nf_conntrack_tcp_loose`).
    EntriesPickedUp,
    /// Entries that were still there at the end.
    EntriesAlive,
    /// Names of clients with entries that outlive them: see [`crate::outcome::LEAK`].
    Leaks,
}

impl Counted {
    /// The words of the firewall rules whose counters it is about.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Counted::RulePackets(text) | Counted::RuleBytes(text) => Some(text),
            _ => None,
        }
    }
}

/// The outcome of a client, as a metric names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientOutcome {
    Is(Outcome),
    /// Any outcome other than served.
    Failed,
    /// An error by errno's name, or a status by its number.
    Named(String),
}

/// The numbers that can be read off the way answers came; see [`tunelab_protocol::Answer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfAnswers {
    /// The time from the request to the last byte.
    Took(Rank),
    /// The number of flights: each is a round trip.
    RoundTrips(Rank),
    /// Bytes in the flight of this number, counted from 1, in the answer that had the fewest there.
    FlightBytes(u32),
    /// The same, in segments.
    FlightSegments(u32),
    /// Retransmission timeout of the server's socket when the request was sent.
    ServerRto(Rank),
    /// The congestion window that answers were sent with, in segments.
    ServerWindow(Rank),
    /// The shortest pause after which an answer was sent with a smaller window than the server had before; none if
    /// there was none.
    PauseFalls,
    /// The longest pause shorter than that.
    PauseHolds,
}

impl OfAnswers {
    fn is_time(self) -> bool {
        matches!(self, OfAnswers::Took(_) | OfAnswers::ServerRto(_) | OfAnswers::PauseHolds | OfAnswers::PauseFalls)
    }
}

impl Value {
    /// Returns the unit of the metric's number.
    pub fn unit(&self) -> Unit {
        let of = |name: &str| readings::find(name).map_or(Unit::Count, |(_, reading)| reading.unit);
        match self {
            Value::Max(name) | Value::Min(name) | Value::First(name) | Value::Last(name) | Value::Delta(name) => {
                of(name)
            }
            Value::Ratio { .. } => Unit::Percent,
            Value::DurationAbove { .. } | Value::TimeTo { .. } => Unit::Milliseconds,
            Value::ConnectTime(_) | Value::Duration(_) | Value::EntryLife(_) => Unit::Milliseconds,
            Value::Answers(of) if of.is_time() => Unit::Milliseconds,
            Value::Answers(OfAnswers::FlightBytes(_)) | Value::Count(Counted::RuleBytes(_)) => Unit::Bytes,
            Value::RateMax(_) => Unit::PerThousandSeconds,
            Value::Answers(_) | Value::Count(_) => Unit::Count,
        }
    }

    /// Returns the readings that the value is computed from; a probe has to read them.
    pub fn readings(&self) -> Vec<&str> {
        match self {
            Value::Max(name) | Value::Min(name) | Value::First(name) | Value::Last(name) | Value::Delta(name) => {
                vec![name]
            }
            Value::Ratio { part, .. } => vec![part],
            Value::DurationAbove { reading, .. } | Value::TimeTo { reading, .. } => vec![reading],
            Value::Count(Counted::FullRounds | Counted::RefusedPackets) => vec!["conntrack.count"],
            _ => Vec::new(),
        }
    }

    /// Returns the key of the probe that has to follow what the value is about, and the words for what it follows;
    /// `None` if no probe has to.
    pub fn followed(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Value::Count(Counted::NginxLines(_)) => Some((probe::NGINX_LOG, "nginx's log")),
            Value::Count(Counted::ServiceLines(..)) => Some((probe::SERVICE_LOG, "the logs of services")),
            Value::Count(Counted::KernelLines(_) | Counted::SuppressedLines) => {
                Some(("kernel-log", "the kernel's log"))
            }
            Value::Count(
                Counted::EntriesAlive | Counted::EntriesCreated | Counted::EntriesPickedUp | Counted::Leaks,
            )
            | Value::EntryLife(_) => Some(("conntrack-entries", "conntrack's entries")),
            _ => None,
        }
    }

    /// Whether clients have to report for each answer in which flights it came.
    pub fn needs_flights(&self) -> bool {
        matches!(self, Value::Answers(_))
    }

    /// Whether each client's time has to be in the record: if this is not asked for, only the shortest and the longest
    /// are.
    pub fn needs_each_time(&self) -> bool {
        matches!(self, Value::ConnectTime(Among::Percentile(_)) | Value::Duration(Among::Percentile(_)))
    }

    /// Whether a phase can narrow it down: a value that is followed over the whole run is not recorded by phase.
    pub fn has_phases(&self) -> bool {
        !matches!(
            self,
            Value::EntryLife(_)
                | Value::Count(
                    Counted::EntriesAlive
                        | Counted::EntriesCreated
                        | Counted::EntriesPickedUp
                        | Counted::Leaks
                        | Counted::SuppressedLines
                        | Counted::FullRounds
                        | Counted::RefusedPackets
                        | Counted::RulePackets(_)
                        | Counted::RuleBytes(_)
                )
        )
    }

    /// Whether a host can narrow it down: a reading of a host's own network stack, and the counters of its rules.
    pub fn has_hosts(&self) -> bool {
        match self {
            Value::Count(counted) => counted.rule().is_some(),
            _ => {
                let readings = self.readings();
                !readings.is_empty() && readings.into_iter().all(is_of_a_host)
            }
        }
    }

    /// Returns what probes have to be asked for to compute the value: the probe's key, and a port or a service.
    pub fn asks(&self) -> Option<(&'static str, &str)> {
        match self {
            Value::Count(Counted::ServiceLines(service, _)) => Some((probe::SERVICE_LOG, service)),
            _ => self.readings().into_iter().find_map(readings::word),
        }
    }

    /// Whether an outcome can narrow it down.
    pub fn has_outcomes(&self) -> bool {
        matches!(self, Value::Duration(_))
    }

    /// Whether a group of clients can narrow it down.
    pub fn has_clients(&self) -> bool {
        matches!(
            self,
            Value::ConnectTime(_)
                | Value::Duration(_)
                | Value::EntryLife(_)
                | Value::Answers(_)
                | Value::Count(
                    Counted::Clients(_) | Counted::EntriesAlive | Counted::EntriesCreated | Counted::EntriesPickedUp
                )
        )
    }
}

/// The shortest or the longest of several times, or the smallest or the largest of several numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    Shortest,
    Longest,
}

/// Which of the times of a round's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    Ranks(Rank),
    /// The time that this percentage of the clients did not exceed; it is a time that a client had.
    Percentile(u8),
}

/// A statement about the scenario, which the run confirms or refutes.
#[derive(Debug, Clone)]
pub struct Claim {
    pub id: String,
    pub says: String,
    /// Variants in which all of `assert` must be true.
    pub variants: Vec<String>,
    /// Variants in which at least one of `assert` must be false, or the claim is unsettled. There is at least one, or
    /// `uncontrolled_because`.
    pub control: Vec<String>,
    /// Why no variant could turn the verdict.
    pub uncontrolled_because: Option<String>,
    /// Why it is so: the reason in the kernel's source.
    pub because: Option<String>,
    /// Expressions that must be true in each of `variants` for the claim to be about this kernel at all.
    pub applies_to: Vec<Expression>,
    /// Expressions that must be true in each of `variants` and of `control`, or the run says nothing about the claim:
    /// for one, that clients came at all.
    pub requires: Vec<Expression>,
    pub assert: Vec<Expression>,
}

/// `gateway-life >= 5 d`: a part of a variant's outcome compared with a value or with another part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    pub left: Subject,
    pub compare: Compare,
    pub right: Operand,
}

/// A part of an outcome that a claim can be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Metric {
        name: String,
        unit: Unit,
    },
    /// The effective value of a setting, by today's name.
    Sysctl(String),
    /// A limit of open files: `of` is a [`LimitOf`] as text, and `which` is `soft` or `hard`.
    OpenFiles {
        of: String,
        which: &'static str,
    },
    /// A list of names, by its key in the facts ([`super::parts`]).
    List(&'static str),
}

/// How the two sides of an expression are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    /// An array has the element, or a table has the key.
    Contains,
    /// The opposite of `contains`.
    Lacks,
}

/// The right side of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A number in the unit of the left side.
    Number(u64),
    Text(String),
    Subject(Subject),
}

impl Claim {
    /// Returns all expressions of the claim: `applies_to`, `requires` and `assert`, in this order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.applies_to.iter().chain(&self.requires).chain(&self.assert)
    }
}

impl Expression {
    /// Returns the subjects on both sides.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        let right = match &self.right {
            Operand::Subject(subject) => Some(subject),
            _ => None,
        };
        std::iter::once(&self.left).chain(right)
    }
}

impl Scenario {
    /// The setup of the first variant, which the others change.
    pub fn first(&self) -> &Setup {
        &self.variants.first().expect("a scenario has a variant").setup
    }

    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|v| v.name == name)
    }

    pub fn variant_names(&self) -> Vec<&str> {
        self.variants.iter().map(|v| v.name.as_str()).collect()
    }
}
