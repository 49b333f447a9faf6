//! The base of all these tests: a host that can run them, the image, and one warm machine, in the user's own cache.

use crate::bench::{IMAGE, SHORT, recipes_in, spec, write_repository};
use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::OnceLock,
};
use tokio::sync::mpsc::UnboundedReceiver;
use tunelab::{
    cache::Cache,
    error::Result,
    host::{self, InstallPolicy, kvm},
    image::Image,
    lab::{self, SHIFT, WarmRecipe},
    report::Lines,
    scenario,
    story::{Story, Teller},
    vm::Accel,
};

pub struct Shared {
    pub image: Image,
    /// The warm machine's folder.
    pub state: PathBuf,
    /// The user's own cache.
    pub root: PathBuf,
}

/// The first test makes it, the others wait for it. A host that lacks something fails each of them with the reason.
pub fn get() -> &'static Shared {
    static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();
    match SHARED.get_or_init(|| make().map_err(|e| format!("{e:?}"))) {
        Ok(shared) => shared,
        Err(why) => panic!("no machine can run here: {why}"),
    }
}

fn make() -> Result<Shared> {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let (teller, story) = Teller::new();
    let reader = runtime.spawn(show(story));
    let shared = runtime.block_on(prepare(&teller));
    drop(teller);
    let _ = runtime.block_on(reader);
    shared
}

/// Shows the progress: this takes a while, and may install packages.
async fn show(mut story: UnboundedReceiver<Story>) {
    let mut lines = Lines::default();
    while let Some(piece) = story.recv().await {
        lines.hear(&piece).into_iter().for_each(tell);
    }
}

/// Writes a line, not by `print`, which the test runner keeps to itself until a test fails.
pub fn tell(line: String) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prepares as the command line does before its first run.
async fn prepare(teller: &Teller) -> Result<Shared> {
    lab::agent::carry(include_bytes!(env!("TUNELAB_AGENT")));
    let cache = Cache::open()?;
    host::require(host::RUN, InstallPolicy::Auto, teller).await?;
    let recipe = recipes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("images")).find(IMAGE)?;
    let image = lab::ready_image(&recipe, InstallPolicy::Auto, &cache, teller).await?;
    let home = tempfile::tempdir().expect("a temporary folder");
    write_repository(home.path());
    let run = spec(&scenario::load(&home.path().join("scenarios").join(SHORT))?, "article");
    let recipe = WarmRecipe { image: &image, accel: Accel::VirtualClock { shift: SHIFT }, stack: (&run).into() };
    lab::warm(&recipe, &cache, teller).await?;
    let state = cache.states().join(recipe.key()?);
    // A KVM that is of no use takes 30 s to be found so, once for all benches.
    kvm::proven(&cache, Some(&image.kernel)).await;
    Ok(Shared { state, image, root: cache.root().to_owned() })
}
