//! Downloads, from servers as bad as real ones are.

use crate::server::{Reply, Request, Server};
use sha2::{Digest, Sha256, Sha512};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tunelab::{
    cache::Cache,
    error::{Error, Exit},
    image::{self, Attempts, Disk, Fetched, Proof, Recipe, Source},
    lab::{
        self,
        prune::{Policy, Pruned},
    },
    report::Lines,
    story::{Story, Teller},
};

/// Asks again soon, but gives up no sooner than a busy host needs.
const HURRIED: Attempts = Attempts { tries: 3, first_wait: Duration::from_millis(1), stall: Duration::from_secs(20) };

/// The file to download: large enough to come in several pieces.
fn content() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

struct Bench {
    folder: tempfile::TempDir,
    cache: Cache,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        Bench { folder, cache }
    }

    /// The story that a download tells.
    async fn story(&self, urls: &[&str]) -> Vec<Story> {
        let urls = urls.iter().map(|&url| url.to_owned()).collect();
        let disk = Disk { urls, proof: Proof::Sha256(sha256(&content())) };
        let (teller, mut told) = Teller::new();
        let _ = image::fetch(&disk, &self.cache, HURRIED, &teller).await;
        drop(teller);
        let mut story = Vec::new();
        while let Some(piece) = told.recv().await {
            story.push(piece);
        }
        story
    }

    /// Fetches these URLs with the content's checksum pinned.
    async fn fetch(&self, urls: &[&str]) -> Result<Fetched, Error> {
        self.fetch_with(HURRIED, urls).await
    }

    async fn fetch_with(&self, attempts: Attempts, urls: &[&str]) -> Result<Fetched, Error> {
        let urls = urls.iter().map(|&url| url.to_owned()).collect();
        let disk = Disk { urls, proof: Proof::Sha256(sha256(&content())) };
        image::fetch(&disk, &self.cache, attempts, &Teller::silent()).await
    }

    fn part(&self) -> PathBuf {
        let part = self.cache.downloads().join(format!("{}.part", sha256(&content())));
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        part
    }

    /// The names in the folder of downloads, without locks and claims.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cache.downloads()).unwrap().flatten();
        let names = entries.map(|e| e.file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with('.')).collect()
    }
}

/// Serves the content, each request in its own way.
fn serve(answers: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |request| answers(count.fetch_add(1, Ordering::Relaxed), request))
}

fn froms(server: &Server) -> Vec<Option<u64>> {
    server.seen().iter().map(|request| request.from).collect()
}

#[tokio::test]
async fn a_file_is_downloaded_once_and_taken_from_the_cache_afterwards() {
    let (bench, server) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request)));
    let url = format!("{}/disk.img", server.url);
    let path = bench.fetch(&[&url]).await.unwrap().path;
    assert_eq!(fs::read(&path).unwrap(), content());
    assert_eq!(bench.fetch(&[&url]).await.unwrap().path, path);
    assert_eq!(froms(&server), [None]);

    fs::write(&path, "damaged").unwrap();
    bench.fetch(&[&url]).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), content());
}

#[tokio::test]
async fn sha512_will_do_as_well() {
    let (bench, server) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request)));
    let proof = Proof::Sha512(hex::encode(Sha512::digest(content())));
    let disk = Disk { urls: vec![format!("{}/disk.img", server.url)], proof };
    let path = image::fetch(&disk, &bench.cache, HURRIED, &Teller::silent()).await.unwrap().path;
    assert_eq!(fs::read(path).unwrap(), content());
}

#[tokio::test]
async fn a_broken_connection_is_resumed_where_it_broke() {
    let bench = Bench::new();
    let server = serve(|n, request| match n {
        0 => Reply::ranged(&content(), request).cut(100_000),
        1 => Reply::ranged(&content(), request).cut(50_000),
        _ => Reply::ranged(&content(), request),
    });
    bench.fetch(&[&format!("{}/disk.img", server.url)]).await.unwrap();
    assert_eq!(froms(&server), [None, Some(100_000), Some(150_000)]);
}

#[tokio::test]
async fn what_an_interrupted_download_left_is_used() {
    let (bench, server) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request)));
    fs::write(bench.part(), &content()[..200_000]).unwrap();
    bench.fetch(&[&format!("{}/disk.img", server.url)]).await.unwrap();
    assert_eq!(froms(&server), [Some(200_000)]);
    assert_eq!(bench.left(), [sha256(&content())]);
}

#[tokio::test]
async fn what_is_left_of_something_else_is_thrown_away_once() {
    let (bench, server) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request)));
    fs::write(bench.part(), [0; 1000]).unwrap();
    bench.fetch(&[&format!("{}/disk.img", server.url)]).await.unwrap();
    fs::write(bench.part(), [0; 400_000]).unwrap();
    fs::remove_file(bench.cache.downloads().join(sha256(&content()))).unwrap();
    bench.fetch(&[&format!("{}/disk.img", server.url)]).await.unwrap();
    assert_eq!(froms(&server), [Some(1000), None, Some(400_000), None]);
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_sends_it_all_again() {
    let (bench, server) = (Bench::new(), serve(|_, _| Reply::of(&content())));
    fs::write(bench.part(), &content()[..10]).unwrap();
    bench.fetch(&[&format!("{}/disk.img", server.url)]).await.unwrap();
    assert_eq!(froms(&server), [Some(10)]);
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_and_one_that_stays_so_is_left() {
    let bench = Bench::new();
    let busy = serve(|n, request| if n < 2 { Reply::status(503) } else { Reply::ranged(&content(), request) });
    bench.fetch(&[&format!("{}/disk.img", busy.url)]).await.unwrap();

    let bench = Bench::new();
    let down = serve(|_, _| Reply::status(500));
    let error = bench.fetch(&[&format!("{}/disk.img", down.url)]).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Host);
    assert!(error.message().ends_with("the server says 500"), "{error:?}");
    assert_eq!(down.seen().len(), HURRIED.tries as usize);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let bench = Bench::new();
    let silent = Server::start(|_| {
        std::thread::sleep(Duration::from_secs(60));
        Reply::status(500)
    });
    let since = std::time::Instant::now();
    let impatient = Attempts { stall: Duration::from_millis(300), ..HURRIED };
    let error = bench.fetch_with(impatient, &[&format!("{}/disk.img", silent.url)]).await.unwrap_err();
    assert!(error.message().contains("timeout"), "{error:?}");
    assert!(since.elapsed() < Duration::from_secs(10));
}

fn notice(piece: &Story) -> Option<&str> {
    match piece {
        Story::Notice(line) => Some(line),
        _ => None,
    }
}

#[tokio::test]
async fn mirrors_are_tried_in_order_and_each_failure_is_told() {
    let bench = Bench::new();
    let (gone, wrong) = (serve(|_, _| Reply::status(404)), serve(|_, _| Reply::of(b"something else")));
    let good = serve(|_, request| Reply::ranged(&content(), request));
    let urls: Vec<_> = [&Server::dead(), &gone.url, &wrong.url, &good.url].map(|u| format!("{u}/disk.img")).into();
    let story = bench.story(&urls.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(bench.left(), [sha256(&content())]);
    let mut notices: Vec<_> = story.iter().filter_map(notice).collect();
    notices.retain(|line| !line.contains("trying again"));
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert!(notices[1].ends_with("the server says 404; trying the next"), "{}", notices[1]);
    assert!(notices[2].contains("its checksum is not"), "{}", notices[2]);
    assert_eq!(gone.seen().len(), 1, "what is not there will not come by asking again");

    let bench = Bench::new();
    let error = bench.fetch(&[&urls[1], &urls[2]]).await.unwrap_err();
    assert!(error.message().contains("404") && error.message().contains("checksum"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_checksum_removes_what_was_downloaded_and_nothing_else() {
    let (bench, server) = (Bench::new(), serve(|_, _| Reply::of(b"something else")));
    let good = bench.cache.downloads().join("good");
    fs::create_dir_all(bench.cache.downloads()).unwrap();
    fs::write(&good, "good").unwrap();
    let error = bench.fetch(&[&format!("{}/disk.img", server.url)]).await.unwrap_err();
    assert!(error.message().contains("its checksum is not"), "{error:?}");
    assert_eq!(bench.left(), ["good"]);
}

/// Bytes as long as the content, but different.
fn lie() -> Vec<u8> {
    content().iter().map(|byte| byte ^ 1).collect()
}

/// Serves the content up to `at`, and nothing at all when it is asked again.
fn breaks_off(at: usize) -> Server {
    serve(move |n, request| match n {
        0 => Reply::ranged(&content(), request).cut(at),
        _ => Reply::status(404),
    })
}

#[tokio::test]
async fn a_mirror_that_lies_costs_nothing_of_what_another_one_sent() {
    let liars = [serve(|_, request| Reply::ranged(&lie(), request)), serve(|_, _| Reply::of(&lie()))];
    for liar in &liars {
        let (bench, broken) = (Bench::new(), breaks_off(270_000));
        let good = serve(|_, request| Reply::ranged(&content(), request));
        let urls = [&broken, liar, &good].map(|server| format!("{}/disk.img", server.url));
        bench.fetch(&[&urls[0], &urls[1], &urls[2]]).await.unwrap();
        assert_eq!(froms(&good), [Some(270_000)]);
        assert_eq!(bench.left(), [sha256(&content())]);

        let (bench, broken) = (Bench::new(), breaks_off(270_000));
        let error = bench.fetch(&[&format!("{}/disk.img", broken.url), &urls[1]]).await.unwrap_err();
        assert!(error.message().contains("its checksum is not"), "{error:?}");
        assert!(fs::read(bench.part()).unwrap() == content()[..270_000], "with it begun anew, too");
        assert_eq!(bench.left().len(), 1, "{:?}", bench.left());
    }
    assert_eq!(froms(&liars[0]), [Some(270_000), Some(270_000), None]);
}

#[tokio::test]
async fn a_wrong_beginning_keeps_nobody_from_a_good_mirror() {
    let (bench, good) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request)));
    let liar = serve(|n, request| match n {
        0 => Reply::ranged(&lie(), request).cut(200_000),
        _ => Reply::status(404),
    });
    let urls = [&Server::dead(), &liar.url, &good.url].map(|url| format!("{url}/disk.img"));
    bench.fetch(&[&urls[0], &urls[1], &urls[2]]).await.unwrap();
    assert_eq!(froms(&good), [Some(200_000), None]);
    assert_eq!(bench.left(), [sha256(&content())]);
}

#[tokio::test]
async fn of_what_was_begun_twice_and_interrupted_the_longer_is_used() {
    for (part, aside) in [(100_000, 200_000), (200_000, 100_000)] {
        let (bench, server) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request)));
        fs::write(bench.part(), &content()[..part]).unwrap();
        fs::write(bench.part().with_extension("aside"), &content()[..aside]).unwrap();
        bench.fetch(&[&format!("{}/disk.img", server.url)]).await.unwrap();
        assert_eq!(froms(&server), [Some(200_000)]);
        assert_eq!(bench.left(), [sha256(&content())]);
    }
}

#[tokio::test]
async fn a_server_that_sends_from_another_place_is_told() {
    let bench = Bench::new();
    let deaf = serve(|_, request| Reply::ranged(&content(), &Request { from: Some(5), ..request.clone() }));
    fs::write(bench.part(), &content()[..10]).unwrap();
    let error = bench.fetch(&[&format!("{}/disk.img", deaf.url)]).await.unwrap_err();
    assert!(error.message().ends_with("it sends from another place than was asked for"), "{error:?}");
    assert_eq!(fs::read(bench.part()).unwrap(), content()[..10]);
}

#[tokio::test]
async fn a_log_tells_that_it_is_tried_again_and_how_it_ended() {
    let said = |story: Vec<Story>| -> Vec<String> {
        let mut lines = Lines::default();
        story.iter().flat_map(|piece| lines.hear(piece)).collect()
    };
    let (bench, busy) = (Bench::new(), serve(|_, _| Reply::status(503)));
    let lines = said(bench.story(&[&format!("{}/disk.img", busy.url)]).await);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[1].ends_with("the server says 503; trying again in 0.001 s"), "{lines:?}");
    assert!(lines[2].ends_with("the server says 503; trying again in 0.002 s"), "{lines:?}");
    assert!(lines[3].contains("/disk.img`: gave up after "), "{lines:?}");

    let good = serve(|_, request| Reply::ranged(&content(), request));
    let lines = said(bench.story(&[&format!("{}/disk.img", good.url)]).await);
    assert!(lines.last().unwrap().contains("/disk.img`: done in "), "{lines:?}");
}

#[tokio::test]
async fn a_truncated_file_is_never_taken_for_whole() {
    let (bench, server) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request).cut(10)));
    let url = format!("{}/disk.img", server.url);
    // Ten bytes a time is progress: the download goes on, and is ended from outside.
    let ended = tokio::time::timeout(Duration::from_millis(300), bench.fetch(&[&url])).await;
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(bench.left(), [format!("{}.part", sha256(&content()))]);
}

#[tokio::test]
async fn two_downloads_of_one_file_are_one_download() {
    let (bench, server) = (Bench::new(), serve(|_, request| Reply::ranged(&content(), request)));
    let url = format!("{}/disk.img", server.url);
    let urls = [&*url];
    let (one, two) = tokio::join!(bench.fetch(&urls), bench.fetch(&urls));
    assert_eq!(one.unwrap().path, two.unwrap().path);
    assert_eq!(server.seen().len(), 1);
}

/// Prunes everything that can go, as `image prune --all` does.
async fn prune(cache: &Cache) -> Pruned {
    let policy = Policy { recipes: &[], outdated: true, limit_bytes: Some(0), used_before: None };
    lab::prune::prune(cache, policy).await.unwrap()
}

#[tokio::test]
async fn a_prune_leaves_what_is_being_downloaded_or_used_and_takes_it_afterwards() {
    let bench = Bench::new();
    let broken = Arc::new(AtomicBool::new(true));
    let server = serve({
        let broken = broken.clone();
        move |_, request| match broken.load(Ordering::Relaxed) {
            true => Reply::ranged(&content(), request).cut(1000),
            false => Reply::ranged(&content(), request),
        }
    });
    let url = format!("{}/disk.img", server.url);
    let watched = async {
        while !bench.part().exists() {
            tokio::task::yield_now().await;
        }
        let pruned = prune(&bench.cache).await;
        assert!(pruned.gone.is_empty() && bench.part().exists(), "{pruned:?}");
        broken.store(false, Ordering::Relaxed);
    };
    let urls = [&*url];
    let (fetched, ()) = tokio::join!(bench.fetch(&urls), watched);
    let fetched = fetched.unwrap();
    assert!(prune(&bench.cache).await.gone.is_empty() && fetched.path.exists(), "it is yet to be unpacked");
    let held = lab::stock::list(&bench.cache, &[]).unwrap();
    assert_eq!(held.iter().map(|item| &item.path).collect::<Vec<_>>(), [&fetched.path], "locks are no downloads");

    let path = fetched.path.clone();
    drop(fetched);
    for left in [bench.part(), bench.part().with_extension("aside")] {
        fs::write(left, "left").unwrap();
    }
    assert_eq!(prune(&bench.cache).await.gone.len(), 3);
    assert!(!path.exists() && bench.left().is_empty());
}

/// A publisher's folder: the image, its SHA256SUMS and a signature, and the keyring in `keys/` beside the recipe.
struct Publisher {
    bench: Bench,
    folder: PathBuf,
}

impl Publisher {
    fn new() -> Self {
        let bench = Bench::new();
        let folder = bench.folder.path().join("releases");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("disk.img"), content()).unwrap();
        fs::write(folder.join("SHA256SUMS"), format!("{} *disk.img\n", sha256(&content()))).unwrap();
        let keys = bench.folder.path().join("keys");
        fs::create_dir(&keys).unwrap();
        let publisher = Publisher { bench, folder };
        for name in ["vendor", "other"] {
            publisher.gpg(&["--quick-generate-key", &format!("{name}@example.org"), "ed25519", "sign", "never"]);
            publisher.export(name, name);
        }
        publisher.sign("vendor");
        publisher
    }

    /// GnuPG with a home of its own; it comes in Debian's package `gnupg`.
    fn gpg(&self, args: &[&str]) {
        let home = self.bench.folder.path().join("gnupg");
        fs::create_dir_all(&home).unwrap();
        fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let out = Command::new("gpg")
            .args(["--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", "--homedir"])
            .arg(home)
            .args(args)
            .output()
            .expect("`gpg` (package `gnupg`) makes the keys of this test");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    fn export(&self, name: &str, keyring: &str) {
        let keyring = self.bench.folder.path().join(format!("keys/{keyring}.gpg")).display().to_string();
        self.gpg(&["--output", &keyring, "--export", &format!("{name}@example.org")]);
    }

    fn sign(&self, name: &str) {
        self.sign_with(name, &[]);
    }

    fn sign_with(&self, name: &str, options: &[&str]) {
        let [sums, signature] = ["SHA256SUMS", "SHA256SUMS.gpg"].map(|f| self.folder.join(f).display().to_string());
        let user = format!("{name}@example.org");
        let sign = ["--local-user", &user, "--output", &signature, "--detach-sign", &sums];
        self.gpg(&[options, &sign].concat());
    }

    /// Revokes the only key of this name, by the certificate that GnuPG makes with each key; a colon keeps the
    /// certificate from being used by mistake.
    fn revoke(&self, name: &str) {
        let home = self.bench.folder.path().join("gnupg");
        let listed =
            Command::new("gpg").arg("--homedir").arg(&home).args(["--batch", "--with-colons", "-k", name]).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        let fingerprint = listed.lines().find(|line| line.starts_with("fpr:")).unwrap().split(':').nth(9).unwrap();
        let certificate = fs::read_to_string(home.join(format!("openpgp-revocs.d/{fingerprint}.rev"))).unwrap();
        let ready = home.join("revoke");
        fs::write(&ready, certificate.replace(":-----BEGIN", "-----BEGIN")).unwrap();
        self.gpg(&["--import", &ready.display().to_string()]);
    }

    async fn fetch(&self, urls: &[String]) -> Result<Fetched, Error> {
        let text = format!(
            "summary = 's'\n[disk]\nurls = {urls:?}\n\
             sums = {{ file = 'SHA256SUMS', signature = 'SHA256SUMS.gpg', keyring = 'vendor.gpg' }}"
        );
        let file = self.bench.folder.path().join("test.toml");
        let Source::Disk { disk, .. } = Recipe::parse("test", &file.display().to_string(), &text)?.source else {
            panic!("no disk")
        };
        image::fetch(&disk, &self.bench.cache, HURRIED, &Teller::silent()).await
    }

    fn url(&self) -> String {
        format!("{}/disk.img", Server::folder(self.folder.clone()).url)
    }
}

impl Drop for Publisher {
    /// gpg leaves an agent, which ends a while after its home is gone.
    fn drop(&mut self) {
        let home = self.bench.folder.path().join("gnupg");
        let _ = Command::new("gpgconf").arg("--homedir").arg(home).args(["--kill", "all"]).output();
    }
}

#[tokio::test]
async fn a_signed_list_of_checksums_proves_an_image() {
    let publisher = Publisher::new();
    let gone = serve(|_, _| Reply::status(404));
    let urls = [format!("{}/disk.img", Server::dead()), format!("{}/disk.img", gone.url), publisher.url()];
    assert_eq!(fs::read(publisher.fetch(&urls).await.unwrap().path).unwrap(), content());
}

#[tokio::test]
async fn a_list_that_is_not_signed_as_it_should_be_proves_nothing() {
    let publisher = Publisher::new();
    let url = [publisher.url()];
    let said = async || {
        let error = publisher.fetch(&url).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Host);
        format!("{error:?}")
    };
    publisher.sign("other");
    assert!(said().await.contains("which is not in the keyring"), "{}", said().await);
    publisher.sign("vendor");
    let sums = publisher.folder.join("SHA256SUMS");
    let signed = fs::read(&sums).unwrap();
    fs::write(&sums, format!("{} *disk.img\n", "0".repeat(64))).unwrap();
    assert!(said().await.contains("signed is something else"), "{}", said().await);
    fs::write(&sums, signed).unwrap();
    fs::write(publisher.folder.join("SHA256SUMS.gpg"), "nonsense").unwrap();
    assert!(said().await.contains("it is no signature"), "{}", said().await);
    fs::remove_file(publisher.folder.join("SHA256SUMS.gpg")).unwrap();
    assert!(said().await.contains("SHA256SUMS.gpg` is not there"), "{}", said().await);
    assert!(!Path::new(&publisher.bench.cache.downloads()).join(sha256(&content())).exists());
}

/// gpgv exits with 0 for both.
#[tokio::test]
async fn a_key_that_expired_or_was_revoked_vouches_for_nothing() {
    let publisher = Publisher::new();
    let url = [publisher.url()];
    publisher.fetch(&url).await.unwrap();
    publisher.revoke("vendor@example.org");
    publisher.export("vendor", "vendor");
    let error = publisher.fetch(&url).await.unwrap_err();
    assert!(error.message().ends_with("is revoked"), "{error:?}");

    let then = "--faked-system-time=20200101T000000";
    publisher.gpg(&[then, "--quick-generate-key", "short@example.org", "ed25519", "sign", "2d"]);
    publisher.export("short", "vendor");
    publisher.sign_with("short", &[then]);
    let error = publisher.fetch(&url).await.unwrap_err();
    assert!(error.message().ends_with("is expired"), "{error:?}");
}

#[tokio::test]
async fn a_signed_list_that_does_not_name_the_image_is_told() {
    let publisher = Publisher::new();
    fs::write(publisher.folder.join("SHA256SUMS"), format!("{} *other.img\n", sha256(&content()))).unwrap();
    publisher.sign("vendor");
    let error = publisher.fetch(&[publisher.url()]).await.unwrap_err();
    assert!(error.message().contains("does not name `disk.img`"), "{error:?}");
}
