//! The cache: what is used stays, what nothing asks for goes, and beyond a limit what was used least recently.

use crate::made;
use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tunelab::{
    cache::{Cache, Claim, last_used},
    image::Recipe,
    lab::prune::{Policy, Pruned, prune},
};

const MIB: u64 = 1 << 20;

fn cache() -> (TempDir, Cache) {
    made::carry_agent();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("cache")).unwrap();
    (folder, cache)
}

fn recipe(name: &str) -> Recipe {
    let text = format!("summary = 's'\n[packages]\nsuite = '{name}'\ninstall = ['kmod']");
    Recipe::parse(name, &format!("images/{name}.toml"), &text).unwrap()
}

/// Makes a folder of one MiB that was used this many hours ago.
fn entry(path: &Path, hours: u64) -> PathBuf {
    fs::create_dir_all(path).unwrap();
    fs::write(path.join("bytes"), vec![1; MIB as usize]).unwrap();
    used(path, hours);
    path.to_owned()
}

/// Makes it look as if it had been claimed then.
fn used(path: &Path, hours: u64) {
    drop(Claim::take(path).unwrap());
    let marker = path.with_file_name(format!(".{}.used", path.file_name().unwrap().to_str().unwrap()));
    let then = SystemTime::now() - Duration::from_secs(hours * 3600);
    File::options().append(true).open(marker).unwrap().set_modified(then).unwrap();
    assert_eq!(last_used(path), then);
}

/// Fills the cache with one of each kind, the recipe's image the oldest.
fn filled(cache: &Cache, recipe: &Recipe) -> [PathBuf; 4] {
    let download = cache.downloads().join("disk.img");
    fs::write(&download, vec![1; MIB as usize]).unwrap();
    used(&download, 3);
    [
        entry(&recipe.dir(cache), 4),
        download,
        entry(&cache.states().join("0123456789abcdef"), 2),
        entry(&cache.runs().join("small-abcdefgh"), 1),
    ]
}

fn policy(recipes: &[Recipe]) -> Policy<'_> {
    Policy { recipes, outdated: false, limit_bytes: None, used_before: None }
}

fn names(pruned: &Pruned) -> Vec<&str> {
    pruned.gone.iter().map(|item| item.path.file_name().unwrap().to_str().unwrap()).collect()
}

#[tokio::test]
async fn without_a_limit_only_what_nobody_asks_for_goes() {
    let ((_folder, cache), wanted) = (cache(), recipe("bookworm"));
    let [image, download, state, record] = filled(&cache, &wanted);
    let other = entry(&recipe("trixie").dir(&cache), 0);
    let killed = entry(&cache.runs().join("small-killed00"), 0);
    fs::write(killed.join("in-use"), "").unwrap();
    let recipes = [wanted];
    assert!(prune(&cache, policy(&recipes)).await.unwrap().gone.is_empty());
    let pruned = prune(&cache, Policy { outdated: true, ..policy(&recipes) }).await.unwrap();
    assert!(image.exists() && download.exists() && record.exists());
    assert!(!other.exists(), "no recipe asks for it");
    assert!(!killed.exists(), "a killed run left it");
    assert!(!state.exists(), "it does not say which image and agent it is of");
    assert_eq!(pruned.gone.len(), 3);
    assert!(pruned.freed_bytes() >= 3 * MIB && pruned.left_bytes >= 3 * MIB, "{pruned:?}");
}

#[tokio::test]
async fn a_saved_machine_is_of_its_image_and_agent() {
    let ((_folder, cache), wanted) = (cache(), recipe("bookworm"));
    let agent = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(made::AGENT));
    let state = |name: &str, image: &str, agent: &str| {
        let dir = entry(&cache.states().join(name), 0);
        let facts = serde_json::json!({ "kernel": "6.1", "image": image, "agent": agent });
        fs::write(dir.join("warm.json"), facts.to_string()).unwrap();
    };
    state("0of-both", &wanted.key(), &agent);
    state("1of-another-agent", &wanted.key(), "00");
    state("2of-another-image", "00", &agent);
    let mut pruned = prune(&cache, Policy { outdated: true, ..policy(&[wanted]) }).await.unwrap();
    pruned.gone.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(names(&pruned), ["1of-another-agent", "2of-another-image"]);
}

#[tokio::test]
async fn beyond_the_limit_what_was_used_least_recently_goes_first() {
    let ((_folder, cache), wanted) = (cache(), recipe("bookworm"));
    let [image, download, ..] = filled(&cache, &wanted);
    let kept = entry(&cache.runs().join("small-newest00"), 0);
    // The saved machine that no command can ask for goes before any that a command may ask for.
    let order = ["0123456789abcdef".into(), name(&image), name(&download), "small-abcdefgh".into()];
    let recipes = [wanted];
    for gone in order {
        let held = prune(&cache, policy(&recipes)).await.unwrap().left_bytes;
        let limit_bytes = Some(held - 1);
        let pruned = prune(&cache, Policy { limit_bytes, ..policy(&recipes) }).await.unwrap();
        assert_eq!(names(&pruned), [gone]);
        assert_eq!(pruned.left_bytes, held - pruned.freed_bytes());
    }
    assert!(kept.exists());
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_in_use_or_was_used_since_stays_whatever_the_limit() {
    let ((_folder, cache), wanted) = (cache(), recipe("bookworm"));
    let [image, download, state, record] = filled(&cache, &wanted);
    let recipes = [wanted];
    let nothing = Policy { limit_bytes: Some(0), outdated: true, ..policy(&recipes) };

    let ages_ago = SystemTime::now() - Duration::from_secs(9 * 3600);
    let pruned = prune(&cache, Policy { used_before: Some(ages_ago), ..nothing }).await.unwrap();
    assert!(pruned.gone.is_empty(), "{pruned:?}");

    let claims = [&image, &state, &download].map(|path| Claim::take(path).unwrap());
    let in_use = File::create(record.join("in-use")).unwrap();
    in_use.lock().unwrap();
    let pruned = prune(&cache, nothing).await.unwrap();
    assert!(pruned.gone.is_empty() && pruned.left_bytes >= 4 * MIB, "{pruned:?}");

    drop((claims, in_use));
    let pruned = prune(&cache, nothing).await.unwrap();
    assert_eq!((pruned.gone.len(), pruned.left_bytes), (4, 0));
}

#[test]
fn a_claim_waits_for_a_removal_and_then_finds_nothing() {
    let (_folder, cache) = cache();
    let image = entry(&recipe("bookworm").dir(&cache), 0);
    let sole = Claim::sole(&image).unwrap();
    let waiting = std::thread::spawn({
        let image = image.clone();
        move || Claim::take(&image).map(|_claim| image.exists()).unwrap()
    });
    fs::remove_dir_all(&image).unwrap();
    drop(sole);
    assert!(!waiting.join().unwrap());
    let _claim = Claim::take(&image).unwrap();
    assert!(Claim::sole(&image).is_none(), "one who uses it is enough");
}

#[tokio::test]
async fn sizes_are_those_on_the_disk() {
    let (_folder, cache) = cache();
    let dir = entry(&recipe("bookworm").dir(&cache), 0);
    // A root disk has holes: 1 GiB long, and nothing in it.
    File::create(dir.join("root.img")).unwrap().set_len(1 << 30).unwrap();
    let held = prune(&cache, policy(&[])).await.unwrap().left_bytes;
    assert!((MIB..2 * MIB).contains(&held), "{held}");
    assert_eq!(fs::metadata(dir.join("root.img")).unwrap().size(), 1 << 30);
}

fn tunelab(cache: &Cache, args: &[&str], limit: &str) -> std::process::Output {
    let mut command = made::tunelab_in(&made::repository());
    command.env("TUNELAB_CACHE", cache.root()).env("TUNELAB_CACHE_LIMIT", limit).args(args).output().unwrap()
}

#[test]
fn prune_says_what_went_and_what_is_left() {
    let (_folder, cache) = cache();
    entry(&recipe("nobody").dir(&cache), 1);
    let record = entry(&cache.runs().join("small-abcdefgh"), 2);
    let output = tunelab(&cache, &["image", "prune"], "");
    let said = String::from_utf8(output.stdout).unwrap().replace(cache.root().to_str().unwrap(), "CACHE");
    let said = said.replace(&name(&recipe("nobody").dir(&cache)), "NOBODY");
    assert_eq!(said, "removed image CACHE/images/NOBODY (1 MiB)\nfreed 1 MiB, 1 MiB left in CACHE\n");

    let output = tunelab(&cache, &["image", "prune", "--limit", "5MiB"], "1 KiB");
    assert_eq!(output.status.code(), Some(0));
    tunelab(&cache, &["image", "prune"], "none");
    assert!(record.exists(), "what is said outweighs the environment, and none is none");
    tunelab(&cache, &["image", "prune"], "1 KiB");
    assert!(!record.exists());
}

#[test]
fn images_are_listed_for_people_and_for_scripts() {
    let (_folder, cache) = cache();
    let list = |format: &str| {
        let output = tunelab(&cache, &["image", "list", "--format", format], "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let human = list("human");
    assert!(human.lines().all(|line| line.chars().count() <= 100), "{human}");
    let debian = human.lines().find(|line| line.trim_start().starts_with("debian-12 ")).unwrap();
    let parts = ["Debian 12", " 6.1 ", "no "];
    assert!(parts.iter().all(|part| debian.contains(part)), "{human}");
    assert_eq!(human.matches("its sshd takes random").count(), 1, "said once, of several images: {human}");
    assert!(human.ends_with(" built, 0 B; the cache holds 0 B in all, its limit is 20.0 GiB\n"), "{human}");

    let json: Vec<serde_json::Value> = serde_json::from_str(&list("json")).unwrap();
    let debian = json.iter().find(|image| image["name"] == "debian-12").unwrap();
    assert_eq!(debian["obtained_from"], "packages of bookworm");
    assert_eq!((&debian["built"], &debian["kernel"]), (&false.into(), &serde_json::Value::Null));
}

#[test]
fn a_limit_that_is_none_is_refused_before_anything_is_done() {
    let (_folder, cache) = cache();
    for args in [&["image", "prune"][..], &["scenario", "conntrack-leak"], &["image", "build", "debian-12"]] {
        let output = tunelab(&cache, args, "much");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("TUNELAB_CACHE_LIMIT: `much` is not a size") && said.contains("hint:"), "{said}");
    }
}

#[test]
fn verify_reads_kernels_and_downloads_too() {
    let (folder, cache) = cache();
    let sha256 = |text: &str| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(text));
    let download = |text: &str| fs::write(cache.downloads().join(sha256("disk")), text).unwrap();
    let kernel = cache.kernels().join("6.1.0-0123456789ab");
    fs::create_dir(&kernel).unwrap();
    let facts = serde_json::json!({
        "release": "6.1.0", "sha256": "", "files": { "kernel": { "size_bytes": 6, "sha256": sha256("kernel") } }
    });
    fs::write(kernel.join("kernel.json"), facts.to_string()).unwrap();
    fs::write(cache.downloads().join(format!("{}.part", sha256("other"))), "oth").unwrap();
    let verify = || {
        let output = tunelab(&cache, &["image", "verify"], "");
        let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), texts.map(|text| text.replace(folder.path().to_str().unwrap(), "")))
    };
    download("disk");
    fs::write(kernel.join("kernel"), "kernel").unwrap();
    let (code, [said, _]) = verify();
    assert_eq!((code, said.matches(": whole").count()), (Some(0), 2), "{said}");
    download("kisd");
    fs::write(kernel.join("kernel"), "lernek").unwrap();
    let (code, [said, error]) = verify();
    assert_eq!(code, Some(3));
    assert!(said.contains("6.1.0-0123456789ab: the checksum of `kernel` differs"), "{said}");
    assert!(said.contains(&format!("{}: its checksum is not its name", sha256("disk"))), "{said}");
    assert!(error.contains("damaged in the cache: 1 kernel, 1 download"), "{error}");
}

#[test]
fn verify_finds_a_damaged_saved_machine() {
    let (_folder, cache) = cache();
    let dir = cache.states().join("0123456789abcdef");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("state.qcow2"), "state").unwrap();
    let manifest = |sha256: &str| {
        let shape = serde_json::json!({ "accel": "wall-tcg", "memory_mb": 1024, "cpus": 1 });
        let manifest = serde_json::json!({ "qemu": "7.2", "shape": shape, "size_bytes": 5, "sha256": sha256 });
        fs::write(dir.join("state.json"), manifest.to_string()).unwrap();
        let output = tunelab(&cache, &["image", "verify"], "");
        let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), texts)
    };
    let (code, [said, _]) = manifest(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest("state")));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("0123456789abcdef: whole"), "{said}");
    let (code, [said, error]) = manifest("00");
    assert_eq!(code, Some(3));
    assert!(said.contains("is damaged: its checksum is another"), "{said}");
    assert!(error.contains("damaged in the cache: 1 saved machine"), "{error}");
}
