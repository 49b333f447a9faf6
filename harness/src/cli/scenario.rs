//! `tunelab scenario`: turns what was typed into runs, gives them to the lab, and prints the verdicts.

use super::{
    Outcome,
    interrupt::Interrupt,
    judge, known,
    limit::Limit,
    machine::MachineArgs,
    say::say,
    showing,
    sources::{ImagesArg, say_notes},
};
use crate::{
    cache::Cache,
    error::{Error, Exit, Result},
    host::InstallPolicy,
    image::{GivenKernel, Recipes},
    lab::{self, Clock, Request, RunResult},
    outcome::snapshot::Mode,
    plan::RunSpec,
    project::{Found, Project},
    report::{self, Verdict},
    scenario::{OwnFiles, load_at, units::Scale},
    story::RunName,
};
use std::{
    io::{IsTerminal, stdout},
    path::PathBuf,
    str::FromStr,
};

const AFTER: &str = "\
Examples:
  tunelab scenario conntrack-leak                                 all variants
  tunelab scenario conntrack-leak --variant default,article       two of them
  tunelab scenario conntrack-leak --accept                        take the outcome as the snapshot
  tunelab scenario conntrack-leak --repeat 5                      are the runs the same to the byte?
  tunelab scenario conntrack-leak --seed 1..10                    do ten machines, each booted anew, come to the same?
  tunelab scenario conntrack-leak --format json --out records/    for scripts, with the records
  tunelab scenario conntrack-leak --kernel arch/x86/boot/bzImage  on a kernel of your own, as in a bisect
  tunelab scenario conntrack-leak --kernel boot/vmlinuz-X --modules lib/modules/X
  tunelab scenario conntrack-leak --sysctl /etc/sysctl.d/90-mine.conf    what do my settings change?
  tunelab scenario conntrack-leak --memory 2GiB --module nf_conntrack=hashsize=4096
  tunelab scenario ./incidents/web3 --accept                      one of yours, by its path

A NAME is looked for in `scenarios/` of the nearest folder here or above that has one in it, then among those that come
with tunelab. A scenario that is named by its path keeps its snapshots beside it, in `snapshots/IMAGE.snap`; recipes of
images in its `images/` count before others of their names.

A snapshot is of an image's own kernel and of the scenario's own machine. With `--kernel`, `--memory`, `--cpus`,
`--cmdline` or `--module` nothing is compared: the outcome and the claims are shown, and the exit code is 0 unless
something broke. In a bisect, look at the outcome: `--format json` has it.

Exit codes: 0 as expected, 1 something differs, 2 wrong input (a file of yours that its program in the guest refuses,
too), 3 the host cannot, 4 the guest broke.";

/// Run scenarios: every variant, on a real kernel, compared with the stored snapshot
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Names, see `tunelab list`; or paths, with a `/`, of folders with a `scenario.toml`
    #[arg(required = true, value_name = "NAME|PATH")]
    names: Vec<String>,
    /// Images to run on [default: the scenario's first]
    #[arg(long, value_name = "IMAGE", value_delimiter = ',')]
    image: Vec<String>,
    /// Variants to run [default: all]; beside `yours`, where you bring files
    #[arg(long, value_name = "VARIANT", value_delimiter = ',')]
    variant: Vec<String>,
    /// `virtual`: days in seconds, the same bytes every time; `wall`: real time
    #[arg(long, value_enum, default_value_t = ClockName::Virtual)]
    clock: ClockName,
    /// The part of the incident to run, such as `1/100`; `1` is all of it; variants with a scale of their own keep it [default: the scenario's]
    #[arg(long, value_name = "1/N", conflicts_with = "accept")]
    scale: Option<Scale>,
    /// Seeds of the kernel's random numbers and the clients' choices: `7`, `1,2,3` or `1..10`, a machine booted anew for each
    #[arg(long, value_name = "N", default_value = "1", value_delimiter = ',')]
    seed: Vec<Seeds>,
    /// Machines at once; each keeps one CPU busy [default: this host's CPUs, at most 4]
    #[arg(long, value_name = "N", default_value_t = default_jobs(), hide_default_value = true, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Run everything so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Take the outcome as the snapshot; nothing of a scenario is taken if one of its runs failed
    #[arg(long, conflicts_with_all = ["kernel", "memory", "cpus", "cmdline", "module", "sysctl", "rules", "nginx", "limits"])]
    accept: bool,
    /// On standard output; `json` is a document per run, a line each; progress goes to standard error
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Copy the records to this folder, those of failed and interrupted runs too
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep what passed the server's interfaces, with virtual time stamps: `capture.pcap` beside each record
    #[arg(long, conflicts_with = "accept")]
    pcap: bool,
    /// Keep all of each run's folder, the plan and QEMU's own log too
    #[arg(long)]
    keep: bool,
    /// No progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    images: ImagesArg,
    #[command(flatten)]
    own: OwnArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

/// One more variant, called `yours`: the scenario's first with these files, and what they change
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Your own files, as a variant called `yours`")]
struct OwnArgs {
    /// sysctl.d(5), applied after the scenario's own
    #[arg(long, value_name = "FILE")]
    sysctl: Option<PathBuf>,
    /// iptables-save(8), in place of the scenario's
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// nginx.conf, in place of the scenario's; it has to listen and forward as that one does
    #[arg(long, value_name = "FILE")]
    nginx: Option<PathBuf>,
    /// limits.d (limits.conf(5)), in place of the scenario's
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
}

impl OwnArgs {
    fn files(&self) -> OwnFiles {
        let OwnArgs { sysctl, rules, nginx, limits } = self;
        OwnFiles { sysctl: sysctl.clone(), rules: rules.clone(), nginx: nginx.clone(), limits: limits.clone() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ClockName {
    Virtual,
    Wall,
}

impl From<ClockName> for Clock {
    fn from(name: ClockName) -> Self {
        match name {
            ClockName::Virtual => Clock::Virtual,
            ClockName::Wall => Clock::Wall,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Human,
    Json,
    Junit,
}

/// One seed, or all from the first to the last.
#[derive(Debug, Clone)]
struct Seeds(std::ops::RangeInclusive<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Seeds(first..=last)),
            _ => Err("a seed is a number, or two with `..` between, the lower one first".into()),
        }
    }
}

fn default_jobs() -> u16 {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(4) as u16)
}

pub async fn run(args: &Args, policy: InstallPolicy) -> Result<Outcome> {
    let project = args.images.project()?;
    let scenarios = load(args, &project)?;
    let images = project.images_for(&scenarios)?;
    let kernel = args.machine.kernel()?;
    let specs = specs(args, &images, &scenarios, kernel.as_ref())?;
    say_where(args, &project, &images, &specs);
    let results = execute(args, policy, &images, kernel, specs.clone()).await?;
    let runs = specs.into_iter().zip(results).collect();
    let verdicts = judge(&scenarios, runs, Mode::of_environment(args.accept))?;
    print(args, &verdicts)?;
    for why in not_copied(&verdicts) {
        eprintln!("error: {why}");
    }
    Ok(match exit(&verdicts) {
        None => Outcome::AsExpected,
        Some(exit) => Outcome::Ended(exit),
    })
}

fn load(args: &Args, project: &Project) -> Result<Vec<Found>> {
    let mut found = project.named(&args.names)?;
    if args.accept {
        found.iter().try_for_each(Found::check_writable)?;
    }
    let own = args.own.files();
    own.check()?;
    for scenario in found.iter_mut().map(|found| &mut found.scenario) {
        if args.scale.is_some() {
            *scenario = load_at(&scenario.folder, args.scale)?;
        }
        own.add_to(scenario)?;
    }
    Ok(found)
}

fn say_where(args: &Args, project: &Project, images: &Recipes, specs: &[RunSpec]) {
    let used: std::collections::BTreeSet<&str> = specs.iter().map(|spec| spec.run.image.as_str()).collect();
    project.introduce_images(images, &used.into_iter().collect::<Vec<_>>());
    if !args.quiet {
        say_notes(project);
    }
}

/// The most runs of one command. A range of seeds is quickly written, and each seed boots a machine of its own.
const MOST_RUNS: u128 = 10_000;

/// Counts the runs before any of them is made.
fn check_count(args: &Args, found: &[Found]) -> Result<()> {
    let seeds: u128 = args.seed.iter().map(|seeds| u128::from(seeds.0.end() - seeds.0.start()) + 1).sum();
    let images = args.image.len().max(1) as u128;
    let variants: u128 = found.iter().map(|one| one.scenario.asked(&args.variant).count() as u128).sum();
    let runs = variants.saturating_mul(images).saturating_mul(seeds).saturating_mul(args.repeat.into());
    if runs > MOST_RUNS {
        let message = format!("that would be {runs} runs, and one command does at most {MOST_RUNS}");
        return Err(Error::input(message).hint("fewer seeds (`--seed 1..10`) or a smaller `--repeat` say the same"));
    }
    Ok(())
}

/// Makes a run for each scenario x image x seed x repeat x variant.
fn specs(args: &Args, images: &Recipes, found: &[Found], kernel: Option<&GivenKernel>) -> Result<Vec<RunSpec>> {
    let recipes = images.names();
    let mut specs = Vec::new();
    check_count(args, found)?;
    for one in found {
        let scenario = &one.scenario;
        for variant in &args.variant {
            let none = || format!("`{}` has no variant `{variant}`", scenario.name);
            known(variant, &scenario.variant_names(), none)?;
        }
        let images = if args.image.is_empty() { &scenario.images[..1] } else { &args.image[..] };
        for image in images {
            known(image, &recipes, || format!("there is no image `{image}`"))?;
            for seed in args.seed.iter().flat_map(|seeds| seeds.0.clone()) {
                for repeat in 1..=args.repeat {
                    specs.extend(variants(args, one, image, kernel, (seed, repeat)));
                }
            }
        }
    }
    Ok(specs)
}

fn variants<'a>(
    args: &'a Args,
    found: &'a Found,
    image: &'a str,
    kernel: Option<&'a GivenKernel>,
    (seed, repeat): (u64, u32),
) -> impl Iterator<Item = RunSpec> + 'a {
    let scenario = &found.scenario;
    scenario.asked(&args.variant).map(move |variant| {
        let (scenario_name, variant_name) = (found.label.clone(), variant.name.clone());
        let run = RunName {
            scenario: scenario_name,
            image: image.to_owned(),
            kernel: kernel.map(|kernel| kernel.release.clone()),
            variant: variant_name,
            seed,
            repeat,
        };
        let mut spec = RunSpec::new(scenario, variant, run);
        args.machine.apply(&mut spec);
        if variant.setup.scale != variant.setup.written_scale {
            spec.not_comparable = spec.not_comparable.or(Some("the run has another part of the incident"));
        }
        if args.pcap {
            spec.plan.capture = true;
            spec.not_comparable = spec.not_comparable.or(Some("capturing packets takes the guest's time"));
        }
        spec
    })
}

/// Runs the lab, shows its story, and listens for Ctrl-C.
async fn execute(
    args: &Args,
    policy: InstallPolicy,
    images: &Recipes,
    kernel: Option<GivenKernel>,
    runs: Vec<RunSpec>,
) -> Result<Vec<Result<RunResult>>> {
    let limit = Limit::of_environment(images.clone())?;
    let cache = Cache::open()?;
    let mut interrupt = Interrupt::watch();
    let request = Request { kernel, ..request(args, policy, images, runs, &interrupt) };
    let results = showing(args.quiet, async |teller| {
        let results = tokio::select! {
            results = lab::run_all(request, &cache, teller) => results,
            // Dropping the lab's future kills its machines.
            () = interrupt.insisted() => return Err(Error::interrupted()),
        };
        if let Some(limit) = limit {
            limit.keep(&cache, teller).await;
        }
        results
    })
    .await;
    if interrupt.was_asked() { Err(Error::interrupted()) } else { results }
}

fn request(args: &Args, policy: InstallPolicy, images: &Recipes, runs: Vec<RunSpec>, interrupt: &Interrupt) -> Request {
    Request {
        runs,
        kernel: None,
        clock: args.clock.into(),
        jobs: args.jobs.into(),
        keep: args.keep,
        install: policy,
        images: images.clone(),
        out: args.out.clone(),
        cancel: interrupt.asked(),
    }
}

fn print(args: &Args, verdicts: &[Verdict]) -> Result<()> {
    let terminal = stdout().is_terminal();
    let text = match args.format {
        Format::Human => {
            let all: String = verdicts.iter().map(|v| report::summary::render(v, terminal)).collect();
            all + &report::summary::render_sameness(&report::sameness(verdicts))
        }
        Format::Json => report::json::render(verdicts),
        Format::Junit => report::junit::render(verdicts)?,
    };
    say(text)
}

/// Returns the results whose records are not where they should be.
fn not_copied(verdicts: &[Verdict]) -> impl Iterator<Item = &str> {
    let ran = verdicts.iter().flat_map(|v| &v.runs).filter_map(|told| told.result.as_ref().ok());
    ran.filter_map(|ran| ran.result.not_copied.as_deref())
}

/// Returns the worst of all: a broken guest says more than a host, a host more than a difference.
fn exit(verdicts: &[Verdict]) -> Option<Exit> {
    let broken = verdicts.iter().flat_map(|v| &v.runs).filter_map(|told| told.result.as_ref().err()).map(Error::exit);
    let as_expected = verdicts.iter().all(|v| v.comparison.as_expected())
        && report::sameness(verdicts).iter().all(|s| s.fingerprints == 1);
    let differs = (!as_expected).then_some(Exit::Differs);
    let not_copied = not_copied(verdicts).next().map(|_| Exit::Host);
    broken.chain(differs).chain(not_copied).max_by_key(|exit| *exit as u8)
}
