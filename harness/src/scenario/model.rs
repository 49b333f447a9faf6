//! A checked scenario: nothing in it can be wrong any more, and nothing of TOML is left.

use miette::NamedSource;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    ops::Range,
    path::PathBuf,
};
use tunelab_protocol::{Backend, LimitOf, ModuleLoad, Phase, Population, Probe, Search, StartedBy, Sysctl, Upstream};

#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name of its folder.
    pub name: String,
    pub folder: PathBuf,
    /// What happens in it, in a sentence.
    pub summary: String,
    /// Images it runs on unless the command line says otherwise; the first is the default.
    pub images: Vec<String>,
    /// sysctls of which it has a fraction of the real value, as of its traffic: the user's own value means the whole.
    pub scaled: BTreeSet<String>,
    pub upstreams: Vec<Upstream>,
    pub populations: Vec<Population>,
    pub phases: Vec<Phase>,
    pub probes: Vec<Probe>,
    /// At least one, in the order of the file.
    pub variants: Vec<Variant>,
    pub give_or_take: GiveOrTake,
    pub measures: Vec<Measure>,
    pub series: Vec<Series>,
    pub claims: Vec<Claim>,
    /// Everything any variant deploys, by its name in the guest: one warm machine serves all variants.
    pub files: BTreeMap<String, PathBuf>,
    /// sysctls whose effective value is part of every variant's outcome: all that any variant sets, and those asked for.
    /// By today's names, so that outcomes of old and new kernels can be laid side by side.
    pub reported_sysctls: BTreeSet<String>,
    /// Whose limits of open files are part of every variant's outcome.
    pub reported_limits: Vec<LimitOf>,
    /// For errors that are only found later, such as a claim about something that is not in the outcome.
    pub source: NamedSource<String>,
}

/// How far two builds of a machine may be apart where the kernel's own timers and hash seeds decide; 0: not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GiveOrTake {
    /// How many visitors fared how, at any time.
    pub visitors: ByVariant<u64>,
    /// The same by population, in each phase in which the conntrack table was full.
    pub crowded: BTreeMap<String, u64>,
    /// In these phases instead, where the table was full in any; none named: as it was.
    pub crowded_in: BTreeSet<String>,
    /// Entries in the conntrack table, at most and at the end of a day.
    pub entries: ByVariant<u64>,
}

/// One setting of the server; what the scenario says for all variants is already in it.
#[derive(Debug, Clone)]
pub struct Variant {
    pub name: String,
    pub summary: String,
    /// It prevents what the scenario is about.
    pub mitigates: bool,
    pub machine: Machine,
    pub server: Server,
    /// What is otherwise in a phase, by its name.
    pub during: BTreeMap<String, During>,
    pub own: Own,
}

/// What files of the user's own bring, beyond what is the same for all variants: no other variant may notice them.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// As [`Scenario::files`].
    pub files: BTreeMap<String, PathBuf>,
    /// As [`Scenario::reported_sysctls`].
    pub reported_sysctls: BTreeSet<String>,
}

/// What a variant has otherwise in one phase.
#[derive(Debug, Clone, Default)]
pub struct During {
    /// Changed on the running machine when it begins.
    pub sysctls: Vec<Sysctl>,
    /// What it searches for, with rates of the variant's own.
    pub search: Option<Search>,
}

/// The shape of the guest. Variants of one shape share a warm machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Machine {
    pub memory_bytes: u64,
    pub cpus: u32,
    /// Words for the kernel's command line, after the harness's own.
    pub cmdline: Vec<String>,
}

impl Default for Machine {
    /// The article's virtual machine: 1 GB, one CPU in use.
    fn default() -> Self {
        Machine { memory_bytes: 1 << 30, cpus: 1, cmdline: Vec::new() }
    }
}

/// As [`tunelab_protocol::Server`], with files named as in the scenario's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub address: Ipv4Addr,
    pub modules: Vec<ModuleLoad>,
    pub rules: Option<String>,
    pub sysctl_files: Vec<String>,
    pub sysctls: Vec<Sysctl>,
    pub limits: Option<String>,
    pub started_by: StartedBy,
    pub initcwnd: Option<u32>,
    pub rto_min_us: Option<u64>,
    pub nginx: Option<String>,
    pub backends: Vec<Backend>,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            address: Ipv4Addr::new(10, 0, 0, 1),
            modules: Vec::new(),
            rules: None,
            sysctl_files: Vec::new(),
            sysctls: Vec::new(),
            limits: None,
            started_by: StartedBy::Lab,
            initcwnd: None,
            rto_min_us: None,
            nginx: None,
            backends: Vec::new(),
        }
    }
}

/// A number of the outcome that this scenario asks for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    pub name: String,
    pub of: Of,
    /// Only of this phase; else of the whole run.
    pub phase: Option<String>,
    /// Only of these clients; else of all. Means nothing for readings.
    pub clients: Option<String>,
    /// What is expected of it, by whose calculation.
    pub expected: Vec<(String, u64)>,
    /// Only answers that were asked for after a pause of so long.
    pub after_pause_us: Option<u64>,
    /// How far two builds of the machine may be apart, and at least so much; both 0: exact.
    pub within_ppm: ByVariant<u32>,
    pub least: ByVariant<u64>,
}

/// One value for all variants, or one for each that is named: nothing in the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByVariant<T> {
    All(T),
    Of(BTreeMap<String, T>),
}

impl<T> Default for ByVariant<T> {
    fn default() -> Self {
        ByVariant::Of(BTreeMap::new())
    }
}

impl<T: Copy + Default> ByVariant<T> {
    pub fn of(&self, variant: &str) -> T {
        match self {
            ByVariant::All(value) => *value,
            ByVariant::Of(values) => values.get(variant).copied().unwrap_or_default(),
        }
    }
}

impl Measure {
    /// How far another build's number may be from this one.
    pub fn within(&self, value: u64, variant: &str) -> u64 {
        let share = value * u64::from(self.within_ppm.of(variant)) / 1_000_000;
        self.least.of(variant).max(share)
    }

    /// Whether a round of these clients in this phase counts.
    pub fn is_about(&self, phase: &str, clients: &str) -> bool {
        let wanted = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        wanted(&self.phase, phase) && wanted(&self.clients, clients)
    }
}

/// A reading over time, by seconds since traffic began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub name: String,
    /// The reading's name.
    pub of: String,
    pub every_s: u64,
    /// How far two builds of the machine may be apart.
    pub least: u64,
}

/// What a measure is of: a probe's reading by name (`tcp.time_wait`, `TcpExt.ListenDrops`), or a time of visitors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The highest reading.
    Most(String),
    Least(String),
    Last(String),
    /// The last reading less the first.
    Rise(String),
    /// From the first reading above zero until it is zero again.
    Lasts(String),
    /// A counter's rise in per cent of the rises of all of its group: `cpu.idle_ms` of all `cpu.`.
    Share(String),
    /// From SYN to an established connection, of those who got one.
    Connect(Among),
    /// From SYN to the last byte of the last answer, of those who were served.
    Visit(Among),
    /// From birth to expiry of a conntrack entry.
    EntryLife(Rank),
    /// From the start of the phase, or of the traffic, to the first reading of at least so much.
    Reaches(String, u64),
    /// The highest rate of these clients at which nobody was refused, in visitors in 1000 s.
    Sustains(String),
    /// Visitors who fared so.
    Fared(Fared),
    /// Lines of the kernel's log that contain this.
    Lines(String),
    /// Lines of nginx's error log that have these words in them.
    NginxSays(String),
    /// Of answers that are told by flights.
    Answers(OfAnswers),
}

/// How visitors fared: a field of [`tunelab_protocol::Visits`], or a local error by errno's name, or a status by its
/// number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fared {
    Visits(String),
    Error(String),
}

/// What can be read off how answers came; see [`tunelab_protocol::Answer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfAnswers {
    /// From the request to the last byte.
    Took(Rank),
    /// In how many flights: each is a round trip.
    RoundTrips(Rank),
    /// Bytes in the flight of this number, of the answer where they were fewest.
    FlightBytes(u32),
    /// The same, in segments.
    FlightSegments(u32),
    /// Retransmission timeout of the server's socket as the request was sent.
    ServerRto(Rank),
    /// The congestion window that answers were sent with, in segments.
    ServerWindow(Rank),
    /// The shortest pause after which an answer was sent with a smaller window than the server had before; none if there
    /// was none.
    PauseFalls,
    /// The longest pause shorter than that.
    PauseHolds,
}

impl OfAnswers {
    fn is_time(self) -> bool {
        matches!(self, OfAnswers::Took(_) | OfAnswers::ServerRto(_) | OfAnswers::PauseHolds | OfAnswers::PauseFalls)
    }
}

impl Of {
    /// In milliseconds; the others are counts.
    pub fn is_time(&self) -> bool {
        match self {
            Of::Lasts(_) | Of::Reaches(..) | Of::Connect(_) | Of::Visit(_) | Of::EntryLife(_) => true,
            // A reading says its unit itself.
            Of::Most(name) | Of::Least(name) | Of::Last(name) => name.ends_with("_ms"),
            Of::Answers(of) => of.is_time(),
            _ => false,
        }
    }

    /// What lies between the shortest and the longest is in the record only where it is asked for.
    pub fn needs_each_time(&self) -> bool {
        matches!(self, Of::Connect(Among::Median) | Of::Visit(Among::Median))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    Shortest,
    Longest,
}

/// Which of the times of a round's visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    Ranks(Rank),
    /// Of an even number the longer of the two in the middle: one that somebody had.
    Median,
}

/// A statement about the scenario, which the run bears out or not.
#[derive(Debug, Clone)]
pub struct Claim {
    pub id: String,
    pub says: String,
    /// Variants in which all of `assert` must be true.
    pub variants: Vec<String>,
    /// Variants in which at least one of `assert` must be false, or nothing is settled. There is one, or
    /// `uncontrolled_because`.
    pub control: Vec<String>,
    /// Why no variant could turn it.
    pub uncontrolled_because: Option<String>,
    /// Why it is so: the reason in the kernel's source.
    pub because: Option<String>,
    /// What must be true in each of `variants` for the claim to be about this kernel at all.
    pub applies_to: Vec<Expression>,
    /// What must be true in each of `variants` and of `control`, or the run says nothing about the claim: for one, that
    /// clients came at all.
    pub requires: Vec<Expression>,
    pub assert: Vec<Expression>,
}

/// `ways.gateway.longest_life_s >= 5 d`: a path into a variant's outcome compared with a value or another path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    pub text: String,
    pub left: String,
    pub compare: Compare,
    pub right: Operand,
    /// Where it stands in the scenario's file.
    pub span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    /// An array has the element, or a text the part.
    Contains,
    /// The opposite of `contains`.
    Lacks,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// Times are in seconds here, as in the outcome's `_s`.
    Number(i64),
    Text(String),
    Path(String),
}

impl Scenario {
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|v| v.name == name)
    }

    pub fn variant_names(&self) -> Vec<&str> {
        self.variants.iter().map(|v| v.name.as_str()).collect()
    }
}
