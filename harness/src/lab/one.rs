//! Makes one run: restores, hands over the plan, follows the record to its end, and proves the machine's end.

use super::{
    Lab, RunResult, kept, mistake, out,
    room::{Room, given_up, where_to_look},
    slow, warm,
};
use crate::{
    error::{Error, Result},
    guest::Events,
    outcome::Record,
    plan::RunSpec,
    story::Story,
    vm::{Machine, RestoreError},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tunelab_protocol::{Event, Stamped};

/// The limit without a word of the guest, as the host lets QEMU run. An hour of virtual time takes a fraction of a
/// second, a busy one a few.
const SILENCE: Duration = Duration::from_secs(60);

pub async fn run(lab: &Lab<'_>, spec: &RunSpec) -> Result<RunResult> {
    let since = Instant::now();
    let out = lab.request.out.as_deref().map(|out| out::folder(out, &spec.run));
    let result = attempt(lab, spec, out.as_deref()).await;
    if let (Some(out), Err(error)) = (&out, &result) {
        out::explain(out, error);
    }
    let (run, wall) = (spec.run.clone(), since.elapsed());
    let error = result.as_ref().err().map(Error::to_string);
    lab.teller.tell(Story::RunEnded { run, wall, error });
    result
}

async fn attempt(lab: &Lab<'_>, spec: &RunSpec, out: Option<&Path>) -> Result<RunResult> {
    let recipe = warm::Recipe { image: &lab.images[&super::image_of(spec)], accel: lab.accel, stack: spec.into() };
    let (warm, machine, room) = restore(lab, spec, &recipe).await?;
    let room = room.with_rescue(out.map(Path::to_owned));
    lab.teller.tell(Story::RunStarted { run: spec.run.clone(), total_virtual: spec.virtual_time() });
    let since = Instant::now();
    let ended = follow(lab, spec, &machine).await;
    let wall_seconds = since.elapsed().as_secs_f64();
    let modules_sha256 = recipe.image.foreign.as_ref().and_then(|kernel| kernel.modules_sha256.clone());
    let known = kept::Circumstances {
        kernel: &warm.kernel,
        kernel_sha256: recipe.image.kernel_sha256(),
        modules_sha256: modules_sha256.as_deref(),
        clock: lab.request.clock,
        wall_seconds,
        boot_retries: &warm.boot_retries,
    };
    let described = kept::write(room.path(), spec, &known);
    // The machine ends first, then its folder: QEMU holds the record open until it is gone.
    let gone = slow::ended(machine, lab.teller).await;
    let (path, not_copied) = out::keep(room.close(lab.request.keep || ended.is_err()), out);
    not_copied.iter().for_each(|why| lab.teller.notice(why));
    ended.map_err(|e| where_to_look(e, &path))?;
    if let Err(error) = described {
        lab.teller.notice(format!("{}: it cannot be read again: {}", spec.run, error.message()));
    }
    // A machine that is not gone is only noted: the run came to its end all the same.
    if let Err(left) = gone {
        lab.teller.notice(format!("{}: {left}", spec.run));
    }
    let events = path.join(kept::EVENTS);
    let record =
        Record::load(&events).map_err(|e| where_to_look(mistake::at_the_end_of(&events, spec).unwrap_or(e), &path))?;
    Ok(RunResult {
        run: spec.run.clone(),
        kernel: warm.kernel,
        kernel_sha256: recipe.image.kernel_sha256().to_owned(),
        modules_sha256,
        clock: lab.request.clock,
        virtual_seconds: record.lasted().as_secs_f64(),
        wall_seconds,
        boot_retries: warm.boot_retries,
        path,
        not_copied,
        record,
    })
}

/// Restores the warm machine, which is made first or again where there is none that works.
async fn restore(lab: &Lab<'_>, spec: &RunSpec, recipe: &warm::Recipe<'_>) -> Result<(warm::Warm, Machine, Room)> {
    let key = recipe.key()?;
    let mut known = lab.warm.lock().await;
    let mut warm = match known.get(&key) {
        Some(warm) => warm.clone(),
        None => warm::ensure(recipe, lab.cache, lab.teller).await?,
    };
    let plan = serde_json::to_vec(&spec.plan).expect("plans are plain data");
    let room = Room::open(lab.cache, &spec.run.scenario_in_files())?;
    let mut restored = Machine::restore(&warm.spec, &warm.state, &plan, room.path()).await;
    if let Err(RestoreError::Unusable(why)) = &restored {
        warm = warm::remake(recipe, &warm.state, why, lab.cache, lab.teller).await?;
        restored = Machine::restore(&warm.spec, &warm.state, &plan, room.path()).await;
    }
    known.insert(key, warm.clone());
    match restored {
        Ok(machine) => Ok((warm, machine, room)),
        Err(e) => Err(given_up(room, e.into())),
    }
}

/// Continues the machine and tells its events until it says that it is done, or has failed.
async fn follow(lab: &Lab<'_>, spec: &RunSpec, machine: &Machine) -> Result<()> {
    let mut events = Events::of(machine).await?;
    machine.limit_silence(lab.accel.is_virtual().then_some(SILENCE));
    machine.cont().await?;
    let quiet = format!("{} has said nothing", spec.run);
    let listen = async {
        loop {
            let event = slow::told(lab.teller, machine.pulse(), &quiet, events.next()).await?;
            let ended = matches!(event.event, Event::Done | Event::Failed { .. });
            let event = Stamped { event: event.event.whole(spec.plan.scale), ..event };
            lab.teller.tell(Story::RunEvent { run: spec.run.clone(), event });
            if ended {
                return Ok(());
            }
        }
    };
    machine.while_alive(listen).await
}
