//! The command line: one file per subcommand, exit codes, and errors as people see them.

mod check;
mod claims;
mod completions;
pub mod docs;
mod doctor;
mod experiments;
mod image;
mod interrupt;
mod judge;
mod limit;
mod list;
mod machine;
mod man;
mod matrix;
mod new;
mod report;
mod say;
mod scenario;
mod shell;
mod sources;

pub use judge::judge;

use interrupt::Interrupt;

use crate::{
    cache::Cache,
    error::{Error, Exit, Result},
    host::InstallPolicy,
    outcome::snapshot,
    report::{Style, aside, diagnostic, follow},
    story::Teller,
};
use clap::{Parser, Subcommand};
use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
    time::Duration,
};

const AFTER: &str = "\
Examples:
  tunelab scenario conntrack-leak                     all variants, six virtual days each
  tunelab scenario conntrack-leak --variant article   one of them
  tunelab scenario conntrack-leak --accept            take the outcome as the snapshot
  tunelab scenario ./incidents/web3                   one of yours, by its path
  tunelab list                                        what there is
  tunelab new ./web3                                  a scenario to begin with
  tunelab check ./web3                                what is wrong with it, and what will happen
  tunelab claims                                      what the article claims, and what runs made of it
  tunelab report records/*                            what came of runs, from their records
  tunelab shell debian-12                             look around in a guest
  tunelab doctor --fix                                install what this host lacks

Exit codes:
  0    all as expected
  1    an outcome or a claim differs from its snapshot
  2    wrong input: a flag, a scenario, a recipe, a file that its program in the guest refuses
  3    this host cannot run it: something is missing, full or forbidden
  4    the guest broke: panic, hang, lost
  130  interrupted";

/// Makes production network incidents happen again, on real kernels, in virtual time.
#[derive(Debug, Parser)]
#[command(name = "tunelab", version, after_help = AFTER, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Install nothing on this host, even if something is missing
    #[arg(long, global = true)]
    no_install: bool,
}

impl Cli {
    fn policy(&self) -> InstallPolicy {
        if self.no_install { InstallPolicy::Never } else { InstallPolicy::Auto }
    }
}

/// To add one: its file with `Args` and `run`, a line here, a line in [`run`].
#[derive(Debug, Subcommand)]
enum Command {
    Scenario(scenario::Args),
    List(list::Args),
    Check(check::Args),
    New(new::Args),
    Matrix(matrix::Args),
    Claims(claims::Args),
    Report(report::Args),
    Docs(docs::Args),
    Shell(shell::Args),
    Image(image::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// How a command ended that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    AsExpected,
    /// The message was shown; the exit code says it again.
    Ended(Exit),
    /// The program in the guest ended with this exit code, which becomes ours.
    Code(u8),
}

async fn run(cli: Cli) -> Result<Outcome> {
    let policy = cli.policy();
    match cli.command {
        Command::Scenario(args) => scenario::run(&args, policy).await,
        Command::List(args) => list::run(&args),
        Command::Check(args) => check::run(&args),
        Command::New(args) => new::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Claims(args) => claims::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Shell(args) => shell::run(args, policy).await,
        Command::Image(args) => {
            let cache = Cache::open()?;
            working(false, async |teller| image::run(args, &cache, policy, teller).await).await?;
            Ok(Outcome::AsExpected)
        }
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Doctor(args) => {
            let cache = Cache::open()?;
            working(false, async |teller| doctor::run(args, &cache, teller).await).await?;
            Ok(Outcome::AsExpected)
        }
    }
}

pub fn main() -> ExitCode {
    // clap exits with 2 by itself when the words are wrong, with 0 for --help.
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&Error::host("failed to start threads").cause(e)),
    };
    let ended = runtime.block_on(async {
        let ended = run(cli).await;
        interrupt::until_all_are_gone().await;
        ended
    });
    // Blocking calls of a run that was given up must not hold the exit.
    runtime.shutdown_background();
    match ended {
        Ok(Outcome::AsExpected) => ExitCode::SUCCESS,
        Ok(Outcome::Ended(exit)) => ExitCode::from(exit as u8),
        Ok(Outcome::Code(code)) => ExitCode::from(code),
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    if error.exit() != Exit::Interrupted {
        aside(diagnostic::render(error, stderr().is_terminal()).trim_end_matches('\n'));
    }
    ExitCode::from(error.exit() as u8)
}

/// Shows what `work` tells, and gives it up when the user insists: everything it holds ends with its future.
async fn working<T>(quiet: bool, work: impl AsyncFnOnce(&Teller) -> Result<T>) -> Result<T> {
    let mut interrupt = Interrupt::watch();
    showing(quiet, async |teller| {
        tokio::select! {
            done = work(teller) => done,
            () = interrupt.asked_once() => Err(Error::interrupted()),
        }
    })
    .await
}

/// Shows on standard error what `work` tells, while it works. For every command that may take long.
async fn showing<T>(quiet: bool, work: impl AsyncFnOnce(&Teller) -> T) -> T {
    let (teller, story) = Teller::new();
    let reader = tokio::spawn(follow(story, style(quiet)));
    let result = work(&teller).await;
    drop(teller);
    // The last of the story comes before what is printed next; a teller that is still held elsewhere must not hold us.
    let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
    result
}

fn style(quiet: bool) -> Style {
    match stderr().is_terminal() && !snapshot::is_ci() {
        _ if quiet => Style::Silent,
        true => Style::Bars,
        false => Style::Lines,
    }
}

/// Wants one of the known words; the error suggests the nearest.
fn known(word: &str, known: &[&str], otherwise: impl FnOnce() -> String) -> Result<()> {
    if known.contains(&word) {
        return Ok(());
    }
    Err(Error::input(otherwise()).hint(crate::scenario::suggestion(word, known)))
}
