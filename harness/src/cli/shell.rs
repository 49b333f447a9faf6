//! `tunelab shell`: a way into a machine, for looking around by hand.

use super::{
    Outcome,
    interrupt::{Interrupt, until_all_are_gone},
    known,
    machine::MachineArgs,
    scenario::ClockName,
    showing,
    sources::{ImagesArg, say_notes},
};
use crate::{
    cache::Cache,
    error::{Error, Exit, Result},
    guest::{Terminal, command_line},
    host::InstallPolicy,
    image::{GivenKernel, Recipe, Recipes},
    lab,
    plan::RunSpec,
    project::Found,
    report::aside,
    story::RunName,
};
use tunelab_protocol::guest;

const AFTER: &str = "\
Examples:
  tunelab shell debian-12                            the image alone
  tunelab shell debian-12 --scenario conntrack-leak  with its rules, services and clients
  tunelab shell debian-12 -- uname -r                one command
  tunelab shell debian-12 -- 'lsmod | head'          one word is a line for the guest's shell
  tunelab shell debian-12 < script.sh                a script, without a terminal
  tunelab shell debian-12 --kernel bzImage           under a kernel of your own

The exit code is the command's or the shell's own; 2, 3 and 4 may also be tunelab's, which then says why.
The machine is gone when the shell ends, with everything that was changed in it.";

/// A root shell in a machine, alone or with a scenario's stack running in it
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// See `tunelab image list`
    image: String,
    /// Deploy this scenario and let it run: rules, sysctls, services, clients
    #[arg(long, value_name = "NAME|PATH")]
    scenario: Option<String>,
    /// The scenario's variant [default: its first]
    #[arg(long, value_name = "VARIANT", requires = "scenario")]
    variant: Option<String>,
    /// `wall`: real time; `virtual`: as fast as instructions are counted, and far slower to type in
    #[arg(long, value_enum, default_value_t = ClockName::Wall)]
    clock: ClockName,
    #[command(flatten)]
    images: ImagesArg,
    #[command(flatten)]
    machine: MachineArgs,
    /// Run this instead of a shell
    #[arg(last = true)]
    command: Vec<String>,
}

/// Ends with the exit code of the guest's shell.
pub async fn run(args: Args, policy: InstallPolicy) -> Result<Outcome> {
    let project = args.images.project()?;
    let found = project.named(args.scenario.as_slice())?;
    let images = project.images_for(&found)?;
    let image = find_image(&args.image, &images)?;
    project.introduce_images(&images, &[&args.image]);
    say_notes(&project);
    let kernel = args.machine.kernel()?;
    let run = found.first().map(|found| spec(found, &args, kernel.as_ref())).transpose()?;
    let mut machine = lab::own_shape(&image);
    args.machine.reshape(&mut machine);
    let wanted = lab::Wanted {
        image: &image,
        kernel: kernel.as_ref(),
        machine: run.as_ref().map_or(&machine, |run| &run.machine),
        run: run.as_ref(),
        clock: args.clock.into(),
    };
    let cache = Cache::open()?;
    let terminal = Terminal::new((!args.command.is_empty()).then(|| command_line(&args.command)));
    let mut interrupt = Interrupt::watch();
    let opened = showing(false, async |teller| {
        tokio::select! {
            opened = lab::open(&wanted, policy, &cache, teller) => opened,
            () = interrupt.asked_once() => Err(Error::interrupted()),
        }
    });
    let open = opened.await?;
    // From here on the terminal is the guest's: all messages have been shown.
    if terminal.is_interactive() {
        greet(run.as_ref());
    }
    let ended = tokio::select! {
        ended = open.machine.while_alive(terminal.join(&open.ssh)) => ended,
        () = interrupt.asked_once() => Err(Error::interrupted()),
    };
    let broke = ended.as_ref().is_err_and(|e| e.exit() == Exit::Guest);
    let (closed, ()) = tokio::join!(open.close(broke), until_all_are_gone());
    closed?;
    ended.map(Outcome::Code)
}

fn find_image(name: &str, images: &Recipes) -> Result<Recipe> {
    known(name, &images.names(), || format!("there is no image `{name}`"))?;
    images.find(name)
}

fn spec(found: &Found, args: &Args, kernel: Option<&GivenKernel>) -> Result<RunSpec> {
    let Found { scenario, label: name, .. } = found;
    let variant = args.variant.as_deref().unwrap_or(&scenario.variants[0].name);
    known(variant, &scenario.variant_names(), || format!("`{name}` has no variant `{variant}`"))?;
    let variant = scenario.variants.iter().find(|v| v.name == variant).expect("known above");
    let run = RunName {
        scenario: name.to_owned(),
        image: args.image.clone(),
        kernel: kernel.map(|kernel| kernel.release.clone()),
        variant: variant.name.clone(),
        seed: 1,
        repeat: 1,
    };
    let mut spec = RunSpec::new(scenario, variant, run);
    args.machine.apply(&mut spec);
    Ok(spec)
}

/// Tells a person at the prompt what they cannot guess.
fn greet(run: Option<&RunSpec>) {
    aside("the root disk is read-only; /run, /tmp and /var/log are writable, and gone when this shell ends");
    if let Some(RunSpec { run, .. }) = run {
        aside(format!("{}/{} is running; its events: tail -f {}/events.jsonl", run.scenario, run.variant, guest::HOME));
    }
}
