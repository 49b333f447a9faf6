//! A test's own cache and repository, and the proof at its end that nothing of it survived.

use crate::shared::{self, Shared};
use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::mpsc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::sync::watch;
use tunelab::{
    cache::Cache,
    error::Result,
    host::InstallPolicy,
    image::{GivenKernel, Recipes},
    lab::{self, Clock, Request, RunResult},
    plan::RunSpec,
    scenario::{self, Scenario},
    story::{RunName, Story, Teller},
};

pub const IMAGE: &str = "debian-12";
/// The deployed files are conntrack-leak's, to the byte, and so is the warm machine; only the plan is another.
pub const SHORT: &str = "short";
pub const ENDLESS: &str = "endless";

const REPOSITORY: &str = "repository";

/// The number of machines at once, over all processes that run these tests here.
const MACHINES: usize = 2;

/// The image or warm machine that a test works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Shared,
    /// A copy, to be damaged.
    Copy,
    None,
}

pub struct Bench {
    home: TempDir,
    pub shared: &'static Shared,
    pub cache: Cache,
    _place: File,
}

/// Runs a test with the image and the warm machine that all share.
pub fn on_bench(test: impl AsyncFnOnce(&Bench)) {
    with(Use::Shared, Use::Shared, test);
}

/// Runs a test where machines may run, and looks at what it left.
pub fn with(images: Use, states: Use, test: impl AsyncFnOnce(&Bench)) {
    let shared = shared::get();
    let mut bench = Bench::open(shared, images, states);
    // The files that it left are needed to find out why it failed.
    bench.home.disable_cleanup(true);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(test(&bench));
    runtime.shutdown_background();
    bench.prove_nothing_survived();
    bench.home.disable_cleanup(false);
}

impl Bench {
    fn open(shared: &'static Shared, images: Use, states: Use) -> Self {
        let home = TempDir::with_prefix_in("bench-", env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = home.path().join("cache");
        fs::create_dir(&root).unwrap();
        provide(images, &shared.image.dir, &root.join("images"));
        provide(states, &shared.state, &root.join("states"));
        // The finding about KVM holds for all.
        let _ = fs::copy(shared.root.join("kvm.json"), root.join("kvm.json"));
        write_repository(&home.path().join(REPOSITORY));
        Bench { cache: Cache::at(root).unwrap(), home, shared, _place: place() }
    }

    /// Waits until no other test has a machine; no test starts one as long as the result is kept.
    pub fn alone(&self) -> Vec<File> {
        (1..MACHINES).map(|_| place()).collect()
    }

    /// A folder like this repository, with the short scenarios.
    pub fn repository(&self) -> PathBuf {
        self.home.path().join(REPOSITORY)
    }

    pub fn recipes(&self) -> Recipes {
        recipes_in(&self.repository().join("images"))
    }

    pub fn scenario(&self, name: &str) -> Scenario {
        scenario::load(&self.repository().join("scenarios").join(name)).unwrap()
    }

    /// The warm machine's folder, for tests that have copied it.
    pub fn state(&self) -> PathBuf {
        self.cache.states().join(self.shared.state.file_name().unwrap())
    }

    /// Runs the short scenario; also returns the notices.
    pub async fn short(&self) -> (Result<RunResult>, Vec<String>) {
        let spec = spec(&self.scenario(SHORT), "article");
        let (results, notices) = run(vec![spec], &self.cache).await;
        (results.and_then(|mut results| results.remove(0)), notices)
    }

    fn prove_nothing_survived(&self) {
        // A killed process is not gone: the kernel takes a moment to free a gigabyte. Two seconds is what is promised.
        crate::command::within(std::time::Duration::from_secs(2), || processes(self.home.path()).is_empty());
        let left = processes(self.home.path());
        assert!(left.is_empty(), "these survived the test: {left:#?}");
        let in_use: Vec<_> = self.runs().into_iter().filter(|run| run.join("in-use").exists()).collect();
        assert!(in_use.is_empty(), "these look as if somebody used them: {in_use:#?}");
    }

    pub fn runs(&self) -> Vec<PathBuf> {
        fs::read_dir(self.cache.runs()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    pub fn processes(&self) -> Vec<(i32, String)> {
        processes(self.home.path())
    }

    /// Listens, from now on, for a panic on the console of a machine of this bench.
    pub fn panics(&self) -> Panic {
        Panic(self.hears("Kernel panic"))
    }

    /// Listens, from now on, for these words on the console of a machine of this bench.
    pub fn hears(&self, words: &'static str) -> Heard {
        let (tell, told) = mpsc::channel();
        let runs = self.cache.runs();
        // This thread ends when the bench is taken down.
        std::thread::spawn(move || {
            while let Ok(runs) = fs::read_dir(&runs) {
                let consoles = runs.filter_map(|run| fs::read(run.ok()?.path().join("console.log")).ok());
                if consoles.into_iter().any(|console| String::from_utf8_lossy(&console).contains(words)) {
                    let _ = tell.send(Instant::now());
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Heard(told)
    }
}

/// Words that are listened for.
pub struct Heard(mpsc::Receiver<Instant>);

impl Heard {
    /// The time when the words were said; by now they must have been.
    pub fn when(self) -> Instant {
        self.0.recv_timeout(Duration::from_secs(1)).expect("the console says so")
    }
}

/// A panic that is listened for.
pub struct Panic(Heard);

impl Panic {
    /// Asserts that the user knows of it by now. What is promised is 10 s.
    pub fn was_told(self) {
        let panicked = self.0.when();
        let took = panicked.elapsed();
        assert!(took < Duration::from_secs(10), "it was told {took:?} after the panic");
    }
}

/// The recipes of one folder.
pub fn recipes_in(folder: &Path) -> Recipes {
    Recipes::of(vec![folder.to_owned()]).unwrap()
}

/// The number and command line of each running process that names something below `home`.
fn processes(home: &Path) -> Vec<(i32, String)> {
    let home = home.to_str().unwrap();
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&words).replace('\0', " ")))
    });
    all.filter(|(_, words)| words.contains(home)).collect()
}

/// Waits until there is a place for one more test with machines; the kernel frees the place.
fn place() -> File {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let places: Vec<_> = (0..MACHINES).map(|n| File::create(folder.join(format!("place-{n}"))).unwrap()).collect();
    loop {
        for place in &places {
            if place.try_lock().is_ok() {
                return place.try_clone().unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Puts at `room` what the user's cache has in `from`.
fn provide(how: Use, from: &Path, room: &Path) {
    match how {
        Use::Shared => symlink(from.parent().unwrap(), room).unwrap(),
        Use::None => fs::create_dir(room).unwrap(),
        Use::Copy => {
            let to = room.join(from.file_name().unwrap());
            fs::create_dir_all(&to).unwrap();
            for file in fs::read_dir(from).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
}

/// Writes conntrack-leak's first phase, for half an hour and for ever; its clients come 50 ms apart.
pub fn write_repository(to: &Path) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR"));
    let leak = ours.join("scenarios/conntrack-leak");
    for (name, rounds, every) in [(SHORT, 3, "10 min"), (ENDLESS, 60_000, "1 h")] {
        let folder = to.join("scenarios").join(name);
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(&leak).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        let mut text: toml::Table = fs::read_to_string(leak.join(scenario::FILE)).unwrap().parse().unwrap();
        text.remove("claim");
        text.remove("scale");
        let of_a_phase = |metric: &toml::Value| metric.get("where").is_some_and(|about| about.get("phase").is_some());
        text["metric"].as_table_mut().unwrap().retain(|_, metric| !of_a_phase(metric));
        let phases = text["phase"].as_array_mut().unwrap();
        phases.truncate(1);
        let phase = phases[0].as_table_mut().unwrap();
        phase.insert("rounds".into(), rounds.into());
        phase.insert("every".into(), every.into());
        for (number, (_, visitors)) in phase["clients"].as_table_mut().unwrap().iter_mut().enumerate() {
            let arrival = toml::Table::from_iter([
                ("count".to_owned(), 1.into()),
                ("after".to_owned(), format!("{} ms", 50 * number).into()),
            ]);
            *visitors = arrival.into();
        }
        fs::write(folder.join(scenario::FILE), text.to_string()).unwrap();
    }
    symlink(ours.join("images"), to.join("images")).unwrap();
}

pub fn spec(scenario: &Scenario, variant: &str) -> RunSpec {
    spec_on(IMAGE, scenario, variant)
}

pub fn spec_on(image: &str, scenario: &Scenario, variant: &str) -> RunSpec {
    let variant = scenario.variants.iter().find(|v| v.name == variant).unwrap();
    let run = RunName {
        scenario: scenario.name.clone(),
        image: image.into(),
        kernel: None,
        variant: variant.name.clone(),
        seed: 1,
        repeat: 1,
    };
    RunSpec::new(scenario, variant, run)
}

/// Runs them as the command line does; also returns the notices.
pub async fn run(runs: Vec<RunSpec>, cache: &Cache) -> (Result<Vec<Result<RunResult>>>, Vec<String>) {
    run_from(&Path::new(env!("CARGO_MANIFEST_DIR")).join("images"), runs, cache).await
}

/// The same with the recipes of another folder.
pub async fn run_from(
    images: &Path,
    runs: Vec<RunSpec>,
    cache: &Cache,
) -> (Result<Vec<Result<RunResult>>>, Vec<String>) {
    run_under(None, images, runs, cache).await
}

/// The same, and with a kernel of the user's own.
pub async fn run_under(
    kernel: Option<GivenKernel>,
    images: &Path,
    runs: Vec<RunSpec>,
    cache: &Cache,
) -> (Result<Vec<Result<RunResult>>>, Vec<String>) {
    let (_never, cancel) = watch::channel(false);
    let request = Request {
        runs,
        images: recipes_in(images),
        kernel,
        clock: Clock::Virtual,
        jobs: 1,
        keep: false,
        install: InstallPolicy::Auto,
        out: None,
        cancel,
    };
    let (teller, mut story) = Teller::new();
    let results = lab::run_all(request, cache, &teller).await;
    let mut notices = Vec::new();
    while let Ok(piece) = story.try_recv() {
        if let Story::Notice(line) = piece {
            notices.push(line);
        }
    }
    (results, notices)
}
