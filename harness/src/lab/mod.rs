//! One run end to end: image, warm machine, restore, record. The order of teardown is here.

pub mod agent;
mod distribution;
pub mod kept;
mod login;
pub mod mistake;
mod one;
mod open;
pub mod out;
pub mod proof;
pub mod prune;
mod retry;
mod room;
mod slow;
pub mod stock;
mod warm;

use crate::{
    cache::Cache,
    error::{Context, Error, Result},
    host::{self, InstallPolicy, kvm},
    image::{self, Found, GivenKernel, Image, Kernel, Recipe, Recipes},
    outcome::Record,
    plan::RunSpec,
    story::{RunName, Teller},
    vm::{Accel, bounds},
};
pub use open::{OpenMachine, Wanted, open, own_shape};
pub use room::Room;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::{Mutex, Semaphore, watch};
pub use warm::{Recipe as WarmRecipe, Stack, Warm, boot_and_deploy, ensure as warm};

/// Nanoseconds of virtual time per instruction, as a power of two. At 0 or 1 the guest is a believable machine.
pub const SHIFT: u8 = 1;

/// Images built at once: while one build waits for the network, another unpacks.
pub const BUILDS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// `-icount`: days in seconds, and the same bytes every time.
    Virtual,
    /// Real time, KVM where it works.
    Wall,
}

/// The runs, and how to run them.
#[derive(Debug, Clone)]
pub struct Request {
    pub runs: Vec<RunSpec>,
    /// The recipes that runs name.
    pub images: Recipes,
    /// A kernel in place of each image's own.
    pub kernel: Option<GivenKernel>,
    pub clock: Clock,
    /// The most machines at once.
    pub jobs: usize,
    /// Leaves the run's folder as it is: plan, console, QEMU's own log.
    pub keep: bool,
    /// Whether packages missing on this host may be installed.
    pub install: InstallPolicy,
    /// The folder to which records are copied, also those of failed runs.
    pub out: Option<PathBuf>,
    /// Becomes true when the user wants it to end: clean up and return `Error::interrupted()`.
    pub cancel: watch::Receiver<bool>,
}

#[derive(Debug, Clone)]
pub struct RunResult {
    pub run: Arc<RunName>,
    /// The kernel's release, as `uname -r` says it.
    pub kernel: String,
    /// The kernel's SHA-256 in hex.
    pub kernel_sha256: String,
    /// SHA-256 in hex of the modules that a foreign kernel came with.
    pub modules_sha256: Option<String>,
    pub clock: Clock,
    pub virtual_seconds: f64,
    pub wall_seconds: f64,
    /// Errors of boots of its warm machine, before one that went well.
    pub boot_retries: Vec<String>,
    /// Where the record is kept.
    pub path: PathBuf,
    /// Why the record is not where it was asked for.
    pub not_copied: Option<String>,
    pub record: Record,
}

/// Returns results in the order of `request.runs`. The outer error: nothing could run at all.
pub async fn run_all(request: Request, cache: &Cache, teller: &Teller) -> Result<Vec<Result<RunResult>>> {
    let mut cancel = request.cancel.clone();
    tokio::select! {
        // A machine that is dropped is killed; nothing of it outlives this future.
        _ = cancel.wait_for(|cancelled| *cancelled) => Err(Error::interrupted()),
        results = Lab::open(request, cache, teller) => results?.run_all().await,
    }
}

/// The parts that all runs of one request share.
struct Lab<'a> {
    request: Request,
    cache: &'a Cache,
    teller: &'a Teller,
    accel: Accel,
    /// By name, and by the packages that scenarios add.
    images: BTreeMap<(String, Vec<String>), Image>,
    /// Warm machines by key; locked while one is being made, so that the others wait for it.
    warm: Mutex<BTreeMap<String, Warm>>,
}

impl<'a> Lab<'a> {
    async fn open(request: Request, cache: &'a Cache, teller: &'a Teller) -> Result<Self> {
        request.out.as_deref().map_or(Ok(()), out::ready)?;
        request.runs.iter().try_for_each(|run| possible(&run.machine, request.clock))?;
        host::require(host::RUN, request.install, teller).await?;
        room::sweep(cache, teller)?;
        let kernel = ready_kernel(request.kernel.as_ref(), request.install, cache, teller).await?;
        let wanted: BTreeSet<(String, Vec<String>)> = request.runs.iter().map(image_of).collect();
        let recipe = |(name, packages): &(String, Vec<String>)| request.images.find(name)?.with_packages(packages);
        let recipes = wanted.iter().map(recipe).collect::<Result<Vec<_>>>()?;
        let mut images = BTreeMap::new();
        for (wanted, image) in
            wanted.into_iter().zip(ready_images(&recipes, BUILDS, request.install, cache, teller).await?)
        {
            images.insert(wanted, under(image?, kernel.as_ref()));
        }
        let linux = images.values().next().map(|image| image.kernel.as_path());
        let accel = accel(request.clock, linux, cache, teller).await;
        Ok(Lab { request, cache, teller, accel, images, warm: Mutex::default() })
    }

    async fn run_all(&self) -> Result<Vec<Result<RunResult>>> {
        let places = Semaphore::new(self.request.jobs.max(1));
        let runs = self.request.runs.iter().map(async |spec| {
            let _place = places.acquire().await.expect("never closed");
            one::run(self, spec).await
        });
        Ok(futures_util::future::join_all(runs).await)
    }
}

/// Returns the name of a run's image, and the packages that the run adds to it.
fn image_of(run: &RunSpec) -> (String, Vec<String>) {
    (run.run.image.clone(), run.machine.packages.clone())
}

/// Returns the image, built if need be. Only then is this host checked for what building takes.
pub async fn ready_image(recipe: &Recipe, install: InstallPolicy, cache: &Cache, teller: &Teller) -> Result<Image> {
    let (wanted, store) = (recipe.clone(), cache.clone());
    let found = tokio::task::spawn_blocking(move || image::open(&wanted, &store)).await;
    if let Found::Whole(image) = found.host(|| "looking at an image was interrupted".into())? {
        return Ok(*image);
    }
    host::require(host::BUILD, install, teller).await?;
    image::ensure(recipe, cache, teller).await
}

/// The same as [`ready_image`] for several images, `builds` at once, in the order of the recipes. The outer error:
/// nothing could be built.
pub async fn ready_images(
    recipes: &[Recipe],
    builds: usize,
    install: InstallPolicy,
    cache: &Cache,
    teller: &Teller,
) -> Result<Vec<Result<Image>>> {
    let (wanted, store) = (recipes.to_vec(), cache.clone());
    let open = move || wanted.iter().map(|recipe| image::open(recipe, &store)).collect::<Vec<_>>();
    let found = tokio::task::spawn_blocking(open).await.host(|| "looking at images was interrupted".into())?;
    if found.iter().any(|found| !matches!(found, Found::Whole(_))) {
        host::require(host::BUILD, install, teller).await?;
    }
    let places = Semaphore::new(builds.max(1));
    let ready = recipes.iter().zip(found).map(async |(recipe, found)| match found {
        Found::Whole(image) => Ok(*image),
        _ => {
            let _place = places.acquire().await.expect("never closed");
            image::ensure(recipe, cache, teller).await
        }
    });
    Ok(futures_util::future::join_all(ready).await)
}

/// Puts the user's kernel, if there is one, in the cache.
pub async fn ready_kernel(
    given: Option<&GivenKernel>,
    install: InstallPolicy,
    cache: &Cache,
    teller: &Teller,
) -> Result<Option<Arc<Kernel>>> {
    let Some(given) = given else { return Ok(None) };
    if given.has_modules() {
        host::require(host::MODULES, install, teller).await?;
    }
    image::kernel::ensure(given, cache, teller).await.map(|kernel| Some(Arc::new(kernel)))
}

fn under(image: Image, kernel: Option<&Arc<Kernel>>) -> Image {
    kernel.map_or(image.clone(), |kernel| image.with_kernel(kernel.clone()))
}

/// Refuses an impossible machine: the virtual clock counts the instructions of one CPU.
fn possible(machine: &crate::scenario::Machine, clock: Clock) -> Result<()> {
    if clock == Clock::Virtual && machine.cpus > 1 {
        return Err(Error::input(format!("the virtual clock has one CPU, not {}", machine.cpus)).hint(
            "it counts instructions, and CPUs that take turns would be no measurement; `--clock wall` has any number",
        ));
    }
    // Each word is checked where it is said; only here is the total known.
    bounds::check_cmdline(&machine.cmdline).map_err(Error::input)
}

/// Chooses KVM only for wall-clock machines, and only where a guest has really run under it.
async fn accel(clock: Clock, linux: Option<&Path>, cache: &Cache, teller: &Teller) -> Accel {
    if clock == Clock::Virtual {
        return Accel::VirtualClock { shift: SHIFT };
    }
    let state = kvm::proven(cache, linux).await;
    if state.usable() {
        return Accel::WallKvm;
    }
    teller.notice(format!("{state}: QEMU translates the guest's instructions (TCG)"));
    Accel::WallTcg
}
