//! The store of images, and their building.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tunelab::{
    cache::Cache,
    error::{Error, Exit},
    image::{self, FileFact, Found, Image, Manifest, Recipe},
    lab::{Stack, WarmRecipe},
    scenario::Machine,
    story::{Story, Teller},
    vm::Accel,
};

fn parse(text: &str) -> Result<Recipe, Error> {
    Recipe::parse("test", "images/test.toml", text)
}

const GOOD: &str = r#"
summary = "a test"
[packages]
suite = "bookworm"
install = ["linux-image-cloud-amd64"]
"#;

/// An image of three small files, put into the store as a build would.
fn stored(cache: &Cache, recipe: &Recipe) -> PathBuf {
    let dir = cache.images().join(format!("{}-{}", recipe.name, &recipe.key()[..12]));
    fs::create_dir(&dir).unwrap();
    let mut files = BTreeMap::new();
    for name in ["kernel", "modules.cpio", "root.img"] {
        fs::write(dir.join(name), name.repeat(1000)).unwrap();
        files.insert(name.to_owned(), FileFact::of(&dir.join(name)).unwrap());
    }
    let (image, key) = (recipe.name.clone(), recipe.key());
    let manifest = Manifest {
        image,
        key,
        kernel_release: "6.1.0".into(),
        built_at: 0,
        builder: "a test".into(),
        files,
        packages: vec![],
        disk: None,
    };
    manifest.write(&dir).unwrap();
    dir
}

fn damage(recipe: &Recipe, cache: &Cache) -> String {
    match image::open(recipe, cache) {
        Found::Damaged(why) => why,
        other => panic!("expected damage, found {other:?}"),
    }
}

#[test]
fn whatever_happens_to_a_file_of_an_image_is_found() {
    let (folder, recipe) = (tempfile::tempdir().unwrap(), parse(GOOD).unwrap());
    let cache = Cache::at(folder.path().into()).unwrap();
    assert!(matches!(image::open(&recipe, &cache), Found::Absent));
    let dir = stored(&cache, &recipe);
    assert!(matches!(image::open(&recipe, &cache), Found::Whole(_)));

    let root = dir.join("root.img");
    let whole = fs::read(&root).unwrap();
    let mut tampered = whole.clone();
    tampered[4000] ^= 1;
    fs::write(&root, &tampered).unwrap();
    assert_eq!(damage(&recipe, &cache), "the checksum of `root.img` differs");
    fs::write(&root, &whole[..4000]).unwrap();
    assert_eq!(damage(&recipe, &cache), "`root.img` has 4000 bytes instead of 8000");
    fs::remove_file(&root).unwrap();
    assert!(damage(&recipe, &cache).starts_with("`root.img` cannot be read"));
    fs::write(dir.join("manifest.json"), "{").unwrap();
    assert!(damage(&recipe, &cache).contains("is no manifest"));
}

/// Opens it until it is marked as found whole for good, which is not before its files are old enough.
fn stamped(recipe: &Recipe, cache: &Cache) -> PathBuf {
    let stamp = recipe.dir(cache).join(".verified");
    while !stamp.exists() {
        assert!(matches!(image::open(recipe, cache), Found::Whole(_)));
        std::thread::sleep(Duration::from_millis(20));
    }
    stamp
}

#[test]
fn what_did_not_change_since_it_was_read_is_read_again_only_to_verify_it() {
    let (folder, recipe) = (tempfile::tempdir().unwrap(), parse(GOOD).unwrap());
    let cache = Cache::at(folder.path().into()).unwrap();
    let root = stored(&cache, &recipe).join("root.img");
    let (whole, stamp) = (fs::read(&root).unwrap(), stamped(&recipe, &cache));

    // The file is written to and gets back the times that it had: those of the inode itself cannot be set.
    let modified = fs::metadata(&root).unwrap().modified().unwrap();
    let mut tampered = whole.clone();
    tampered[4000] ^= 1;
    fs::write(&root, &tampered).unwrap();
    fs::File::options().append(true).open(&root).unwrap().set_modified(modified).unwrap();
    assert_eq!(damage(&recipe, &cache), "the checksum of `root.img` differs");
    assert!(!stamp.exists());

    // A disk that rots changes no times: the stamp is made to say that the file looked so all the time.
    fs::write(&root, &whole).unwrap();
    let stamp = stamped(&recipe, &cache);
    let mut looks: serde_json::Value = serde_json::from_slice(&fs::read(&stamp).unwrap()).unwrap();
    fs::write(&root, &tampered).unwrap();
    let (now, look) = (fs::metadata(&root).unwrap(), &mut looks["root.img"]);
    look["modified_ns"] = (now.mtime() * 1_000_000_000 + now.mtime_nsec()).into();
    look["changed_ns"] = (now.ctime() * 1_000_000_000 + now.ctime_nsec()).into();
    fs::write(&stamp, looks.to_string()).unwrap();
    assert!(matches!(image::open(&recipe, &cache), Found::Whole(_)));
    let Found::Damaged(why) = image::verify(&recipe, &cache) else { panic!("it reads every byte") };
    assert_eq!(why, "the checksum of `root.img` differs");
    assert_eq!(damage(&recipe, &cache), why, "and what it found is not forgotten");
}

/// The images, files and machines of which a warm machine is made.
struct Warmth {
    folder: tempfile::TempDir,
    cache: Cache,
    image: Image,
    files: BTreeMap<String, PathBuf>,
    shape: Machine,
}

const CLOCK: Accel = Accel::VirtualClock { shift: 1 };

impl Warmth {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        let image = whole(&cache, GOOD);
        let files = BTreeMap::from([("nginx.conf".to_owned(), file(folder.path(), "one"))]);
        let shape = Machine { memory_bytes: 1 << 30, cpus: 1, cmdline: vec![], packages: vec![] };
        Warmth { folder, cache, image, files, shape }
    }

    fn stack(&self) -> Stack<'_> {
        Stack { machine: &self.shape, files: Some(&self.files), certificates: None, rehearsals: &[], seed: 1 }
    }
}

fn whole(cache: &Cache, text: &str) -> Image {
    let recipe = parse(text).unwrap();
    stored(cache, &recipe);
    match image::open(&recipe, cache) {
        Found::Whole(image) => *image,
        found => panic!("{found:?}"),
    }
}

fn file(folder: &Path, text: &str) -> PathBuf {
    fs::write(folder.join(text), text).unwrap();
    folder.join(text)
}

fn key(image: &Image, accel: Accel, stack: Stack<'_>) -> String {
    crate::made::carry_agent();
    WarmRecipe { image, accel, stack }.key().unwrap()
}

/// These act before: memory, CPUs, kernel words (a module's parameters are such), the files, the certificates, the
/// programs that are rehearsed, the seed, the clock.
#[test]
fn what_acts_before_a_machine_is_warm_makes_one_of_its_own() {
    let warmth = Warmth::new();
    let (own, stack, shape) = (&warmth.image, warmth.stack(), &warmth.shape);
    let mut keys = BTreeSet::from([key(own, CLOCK, stack)]);
    assert!(!keys.insert(key(own, CLOCK, stack)), "the same again is the same");

    let words = |word: &str| Machine { cmdline: vec![word.to_owned()], ..shape.clone() };
    let larger = Machine { memory_bytes: 2 << 30, ..shape.clone() };
    let wider = Machine { cpus: 2, ..shape.clone() };
    for machine in [larger, wider, words("rhash_entries=16"), words("nf_conntrack.hashsize=4096")] {
        assert!(keys.insert(key(own, CLOCK, Stack { machine: &machine, ..stack })), "{machine:?}");
    }
    let edited = BTreeMap::from([("nginx.conf".to_owned(), file(warmth.folder.path(), "two"))]);
    let renamed = BTreeMap::from([("base.conf".to_owned(), warmth.files["nginx.conf"].clone())]);
    for files in [edited, renamed] {
        assert!(keys.insert(key(own, CLOCK, Stack { files: Some(&files), ..stack })), "{files:?}");
    }
    let made = BTreeSet::from(["server.pem".to_owned()]);
    assert!(keys.insert(key(own, CLOCK, Stack { certificates: Some(&made), ..stack })));
    let rehearsed = [vec!["haproxy".to_owned(), "-v".to_owned()]];
    assert!(keys.insert(key(own, CLOCK, Stack { rehearsals: &rehearsed, ..stack })));
    assert!(keys.insert(key(own, CLOCK, Stack { seed: 2, ..stack })));
    assert!(keys.insert(key(own, Accel::WallTcg, stack)));
}

#[tokio::test]
async fn another_image_and_another_kernel_make_another_warm_machine() {
    let warmth = Warmth::new();
    let (own, stack) = (&warmth.image, warmth.stack());
    let other = whole(&warmth.cache, &GOOD.replace("bookworm", "trixie"));
    let bzimage = warmth.folder.path().join("bzImage");
    fs::write(&bzimage, crate::kernel::modern("3.5.0")).unwrap();
    let given = image::GivenKernel::open(&bzimage, None).unwrap();
    let kernel = image::kernel::ensure(&given, &warmth.cache, &Teller::silent()).await.unwrap();
    let given = own.clone().with_kernel(kernel.into());
    let keys = [own, &other, &given].map(|image| key(image, CLOCK, stack));
    assert_eq!(BTreeSet::from(keys).len(), 3);
}

#[tokio::test]
async fn what_an_interrupted_build_left_is_swept_and_what_is_being_built_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().into()).unwrap();
    let (dead, alive) = (cache.images().join(".building-dead"), cache.images().join(".building-alive"));
    fs::create_dir_all(dead.join("work")).unwrap();
    fs::create_dir(&alive).unwrap();
    let lock = fs::File::create(cache.images().join(".alive.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(image::sweep(&cache).await.unwrap(), std::slice::from_ref(&dead));
    assert!(alive.exists() && !dead.exists());
}

/// No build of it ends: nothing answers. A damaged image is reported, and stays until something better is there.
#[tokio::test]
async fn what_is_damaged_stays_until_it_is_built_again() {
    let text = format!(
        "summary = 'x'\n[disk]\nurls = ['http://127.0.0.1:9/disk.qcow2']\nsha256 = '{}'\n",
        "0123456789abcdef".repeat(4)
    );
    let (folder, recipe) = (tempfile::tempdir().unwrap(), parse(&text).unwrap());
    let cache = Cache::at(folder.path().into()).unwrap();
    let damages: [fn(&Path); 4] = [
        |dir| fs::write(dir.join("manifest.json"), "{").unwrap(),
        |dir| {
            fs::remove_file(dir.join("manifest.json")).unwrap();
            fs::create_dir(dir.join("manifest.json")).unwrap();
        },
        |dir| fs::write(dir.join("kernel"), "short").unwrap(),
        |dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::write(dir, "a file").unwrap();
        },
    ];
    for damage in damages {
        let dir = stored(&cache, &recipe);
        damage(&dir);
        let (teller, mut story) = Teller::new();
        let building = image::ensure(&recipe, &cache, &teller);
        let told = async {
            while let Some(piece) = story.recv().await {
                let Story::Notice(line) = piece else { continue };
                if line.contains("is damaged (") && line.ends_with("building it again") {
                    return;
                }
            }
            panic!("the damage is not told");
        };
        // The build that follows is given up: it takes minutes.
        tokio::select! {
            built = building => panic!("it does not build again: {:?}", built.map(|_| ())),
            told = tokio::time::timeout(Duration::from_secs(60), told) => told.unwrap(),
        }
        assert!(dir.join("root.img").exists() || dir.is_file());
        if dir.is_dir() { fs::remove_dir_all(dir).unwrap() } else { fs::remove_file(dir).unwrap() }
    }
}

#[tokio::test]
async fn a_second_builder_says_that_it_waits_and_takes_the_first_ones_image() {
    let (folder, recipe) = (tempfile::tempdir().unwrap(), parse(GOOD).unwrap());
    let cache = Cache::at(folder.path().into()).unwrap();
    let lock = fs::File::create(cache.images().join(format!(".test-{}.lock", &recipe.key()[..12]))).unwrap();
    lock.lock().unwrap();
    let (teller, mut story) = Teller::new();
    let waiting = tokio::spawn({
        let (recipe, cache) = (recipe.clone(), cache.clone());
        async move { image::ensure(&recipe, &cache, &teller).await }
    });
    let Some(Story::Notice(line)) = story.recv().await else { panic!("nothing was said") };
    assert!(line.contains("being built by another tunelab"), "{line}");
    stored(&cache, &recipe);
    drop(lock);
    assert_eq!(waiting.await.unwrap().unwrap().manifest.builder, "a test");
}

const FULL: &str = "TUNELAB_TEST_FULL_DISK";

/// Uses a disk of 64 MiB, in a mount namespace that any user may have.
#[test]
fn a_full_disk_is_told_and_nothing_is_left_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=64m tunelab \"$0\" && exec \"$@\"";
    let out = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "image::on_the_full_disk", "--ignored", "--nocapture"])
        .env(FULL, folder.path())
        .output()
        .unwrap();
    let said = |stream| String::from_utf8_lossy(stream).into_owned();
    assert!(out.status.success(), "{}{}", said(&out.stdout), said(&out.stderr));
}

#[tokio::test]
#[ignore = "runs inside of `a_full_disk_is_told_and_nothing_is_left_on_it`"]
async fn on_the_full_disk() {
    let Some(disk) = std::env::var_os(FULL) else { return };
    let cache = Cache::at(disk.into()).unwrap();
    let error = image::ensure(&parse(GOOD).unwrap(), &cache, &Teller::silent()).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Host);
    assert!(error.message().contains("MiB free"), "{error:?}");
    assert!(error.hint_text().unwrap().contains("TUNELAB_CACHE"));
    let left: Vec<_> = fs::read_dir(cache.images()).unwrap().flatten().filter(|e| e.path().is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Counts the processes with an environment that names the folder, other than this one.
fn working_in(folder: &Path) -> usize {
    let name = folder.as_os_str().as_encoded_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten().filter(|p| {
        let environment = fs::read(p.path().join("environ")).unwrap_or_default();
        environment.windows(name.len()).any(|w| w == name)
    });
    processes.count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds an image twice: a minute and 100 MB of packages"]
async fn debian_12_builds_survives_interruption_and_tampering_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().into()).unwrap();
    let recipe = crate::made::images().find("debian-12").unwrap();

    // It is interrupted while packages are being unpacked: nothing goes on, nothing looks whole.
    let silent = Teller::silent();
    let interrupted = tokio::time::timeout(Duration::from_secs(8), image::ensure(&recipe, &cache, &silent)).await;
    assert!(interrupted.is_err(), "a build takes longer than that");
    let deadline = Instant::now() + Duration::from_secs(2);
    while working_in(folder.path()) > 0 {
        assert!(Instant::now() < deadline, "something of the build is still running");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(matches!(image::open(&recipe, &cache), Found::Absent));

    let first = image::ensure(&recipe, &cache, &Teller::silent()).await.unwrap();
    assert!(first.manifest.packages.iter().any(|p| p.name == "nginx-light"));
    let start = Instant::now();
    assert!(matches!(image::open(&recipe, &cache), Found::Whole(_)));
    eprintln!("opened and checked in {:?}", start.elapsed());

    // For root the mode of a file is no protection; another user has to lift it first.
    fs::set_permissions(&first.root, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let disk = fs::File::options().write(true).open(&first.root).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&disk, b"!", 100 << 20).unwrap();
    let (teller, mut story) = Teller::new();
    let second = image::ensure(&recipe, &cache, &teller).await.unwrap();
    let Some(Story::Notice(line)) = story.recv().await else { panic!("nothing was said") };
    assert!(line.contains("the checksum of `root.img` differs") && line.contains("building it again"), "{line}");
    assert_eq!(first.manifest.files, second.manifest.files);
}
