//! A machine to look around in: booted, deployed to, and, with a scenario, running its plan.

use super::{
    Clock, accel, mistake, possible, ready_image, ready_kernel,
    retry::twice,
    room::{self, Room, given_up},
    slow, under,
    warm::{Recipe, Stack, boot_and_deploy},
};
use crate::{
    cache::Cache,
    error::{Error, Result},
    guest::Ssh,
    host::{self, InstallPolicy},
    image::{self, GivenKernel},
    plan::RunSpec,
    scenario,
    story::Teller,
    vm::Machine,
};
use std::time::Duration;
use tunelab_protocol::{Stamped, guest};

/// The limit for setting up rules and services, on an emulated CPU.
const SET_UP: Duration = Duration::from_secs(60);

/// A machine with a way in. [`OpenMachine::close`] is the way out.
pub struct OpenMachine {
    pub machine: Machine,
    pub ssh: Ssh,
    room: Room,
}

impl OpenMachine {
    /// Proves the machine dead, then removes its folder; one that broke leaves its console.
    pub async fn close(self, broke: bool) -> Result<()> {
        let gone = self.machine.shutdown().await;
        if broke {
            self.room.close(false);
        }
        gone
    }
}

/// The machine to open.
pub struct Wanted<'a> {
    pub image: &'a image::Recipe,
    /// A kernel in place of the image's own.
    pub kernel: Option<&'a GivenKernel>,
    pub machine: &'a scenario::Machine,
    pub run: Option<&'a RunSpec>,
    pub clock: Clock,
}

/// Boots an image; with a run, also its files, rules, services and clients.
pub async fn open(wanted: &Wanted<'_>, install: InstallPolicy, cache: &Cache, teller: &Teller) -> Result<OpenMachine> {
    let Wanted { machine, run, clock, .. } = *wanted;
    possible(machine, clock)?;
    host::require(host::RUN, install, teller).await?;
    room::sweep(cache, teller)?;
    let kernel = ready_kernel(wanted.kernel, install, cache, teller).await?;
    let recipe = wanted.image.with_packages(&machine.packages)?;
    let image = under(ready_image(&recipe, install, cache, teller).await?, kernel.as_ref());
    let accel = accel(clock, Some(&image.kernel), cache, teller).await;
    let stack = run.map_or(Stack { machine, files: None, certificates: None, rehearsals: &[], seed: 1 }, Stack::from);
    let recipe = Recipe { image: &image, accel, stack };
    let attempt = async |room: &Room| boot_and_deploy(&recipe, room, teller).await;
    let ((machine, ssh), room, _) = twice("shell", &image.name, cache, teller, attempt).await?;
    if let Some(run) = run {
        let step = teller.step("starting rules, services and clients");
        let started = machine.while_alive(live(&ssh, run));
        let started = slow::told(teller, machine.pulse(), "the scenario's stack has been starting", started).await;
        if let Err(e) = started {
            return Err(given_up(room, e));
        }
        step.done();
    }
    Ok(OpenMachine { machine, ssh, room })
}

/// The machine that the image asks for where there is no scenario; the recipe adds the image's own kernel words by
/// itself.
pub fn own_shape(recipe: &image::Recipe) -> scenario::Machine {
    let machine = &recipe.machine;
    scenario::Machine {
        memory_bytes: u64::from(machine.memory_mib) << 20,
        cpus: machine.cpus,
        cmdline: Vec::new(),
        packages: Vec::new(),
    }
}

/// Has the agent execute the plan in the background; returns when its traffic begins, or with what went wrong.
async fn live(ssh: &Ssh, run: &RunSpec) -> Result<()> {
    let (agent, home) = (guest::AGENT, guest::HOME);
    let text = serde_json::to_vec_pretty(&run.plan).expect("plans are plain data");
    ssh.upload(&format!("{home}/plan.json"), 0o644, text, SET_UP).await?;
    let start = format!(
        "cd {home} && {{ {agent} run plan.json > events.jsonl 2> agent.log < /dev/null & }}
         until grep -qs '\"event\":\"ready\"' events.jsonl; do
             kill -0 $! 2>&- || {{ tail -n 1 events.jsonl; cat agent.log >&2; break; }}
             sleep 0.1
         done"
    );
    let failed = |why: Error| Error::guest("the scenario's stack did not start").cause(why);
    let said = ssh.run(start, SET_UP).await.map_err(failed)?;
    if said.stdout.is_empty() && said.stderr.is_empty() {
        return Ok(());
    }
    let last = serde_json::from_slice::<Stamped>(said.stdout.trim_ascii()).ok();
    let why = last.and_then(|last| mistake::of(&last.event, run));
    Err(why.unwrap_or_else(|| failed(Error::guest(String::from_utf8_lossy(&said.stderr).trim()))))
}
