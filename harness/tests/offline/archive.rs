//! Images from old archives, with packages of today: own mirrors of which the first is dead, an own keyring with a key
//! as weak as Ubuntu's of 2004, a Release file without InRelease that expired long ago, pockets.

use crate::{builds::owned_by_this_user, server::Server};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tunelab::{
    cache::Cache,
    error::{Error, Exit},
    host::namespace,
    image::{self, Image, Recipe},
    story::{Story, Teller},
};

const SUITE: &str = "bookworm";
const INSTALL: [&str; 8] =
    ["linux-image-cloud-amd64", "nginx-light", "iptables", "iproute2", "conntrack", "procps", "kmod", "openssh-server"];

const CONTROL: &str = "Package: old-init\nVersion: 1.5\nArchitecture: amd64\nEssential: yes\n\
    Maintainer: Nobody <nobody@example.org>\nDescription: an init of 2012\n";

const INITCTL: &str = "#!/bin/sh\necho no upstart to connect to\nexit 1\n";

struct Archive {
    folder: tempfile::TempDir,
}

impl Archive {
    /// `dists/` and `pool/` as Ubuntu had them in 2012, with every package that the recipe needs.
    async fn new() -> Self {
        let archive = Archive { folder: tempfile::tempdir().unwrap() };
        for folder in ["images/keys", "archive/pool", "gnupg"] {
            fs::create_dir_all(archive.at(folder)).unwrap();
        }
        fs::set_permissions(archive.at("gnupg"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        archive.download().await;
        archive.make_upstart();
        for name in ["old", "other"] {
            archive.key(name);
        }
        // Packages are in the suite itself, in another component of it, and in a pocket.
        archive.index(SUITE, "main", |name| !name.starts_with("nginx") && name != "conntrack");
        archive.index(SUITE, "universe", |name| name.starts_with("nginx"));
        archive.index("bookworm-updates", "main", |name| name == "conntrack");
        archive.index("bookworm-updates", "universe", |_| false);
        for suite in [SUITE, "bookworm-updates"] {
            archive.release(suite);
        }
        archive
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Downloads packages by apt, from the mirror that mmdebstrap knows, as any user.
    async fn download(&self) {
        let hook = format!(
            "APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-get --yes --download-only install '?essential' {} && \
             cp \"$1\"/var/cache/apt/archives/*.deb '{}'",
            INSTALL.join(" "),
            self.at("archive/pool").display()
        );
        let argv = [
            "mmdebstrap",
            "--mode=root",
            "--variant=custom",
            "--format=null",
            "--skip=check/qemu,cleanup,chroot/mount/sys",
            &format!("--customize-hook={hook}"),
            SUITE,
            "/dev/null",
        ];
        let temporary = self.at("tmp");
        fs::create_dir(&temporary).unwrap();
        let child = namespace::spawn(&argv, |command| {
            command.env("TMPDIR", temporary);
        });
        let out = child.await.unwrap().wait_with_output().await.unwrap();
        assert!(out.status.success(), "the packages of {SUITE} cannot be downloaded; mmdebstrap said why above");
    }

    /// Makes a package from the days of upstart: its set-up does what fails in a root that is not booted.
    fn make_upstart(&self) {
        let tree = self.at("upstart");
        for (file, mode, text) in [
            ("DEBIAN/control", 0o644, CONTROL),
            (
                "DEBIAN/postinst",
                0o755,
                "#!/bin/sh\nset -e\ninitctl start job\nMAKEDEV generic\nupdate-initramfs -c -k 3.2\n",
            ),
            ("etc/init/job.conf", 0o644, "task\n"),
            ("sbin/initctl", 0o755, INITCTL),
            ("sbin/MAKEDEV", 0o755, "#!/bin/sh\nexit 1\n"),
        ] {
            let path = tree.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
        let deb = self.at("archive/pool/old-init_1.5_amd64.deb");
        let built = Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(tree).arg(deb).output();
        success(&built.unwrap());
    }

    /// Makes a key like Ubuntu's of 2004: 1024 bits of DSA, and SHA-1 to sign with.
    fn key(&self, name: &str) {
        let user = format!("{name}@example.org");
        self.gpg(&["--quick-generate-key", &user, "dsa1024", "sign", "never"]);
        let keyring = self.at(&format!("images/keys/{name}.gpg")).display().to_string();
        self.gpg(&["--output", &keyring, "--export", &user]);
    }

    fn gpg(&self, args: &[&str]) {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", "--homedir"]);
        let out = command.arg(self.at("gnupg")).args(args).output();
        success(&out.expect("`gpg` (package `gnupg`) makes the keys of this test"));
    }

    /// Writes `Packages` of one component: the part of the pool that it holds.
    fn index(&self, suite: &str, component: &str, holds: impl Fn(&str) -> bool) {
        let mut packages = String::new();
        for deb in fs::read_dir(self.at("archive/pool")).unwrap().flatten() {
            let (file, path) = (deb.file_name().into_string().unwrap(), deb.path());
            if !holds(file.split('_').next().unwrap()) {
                continue;
            }
            let control = success(&Command::new("dpkg-deb").arg("--field").arg(&path).output().unwrap());
            let bytes = fs::read(&path).unwrap();
            let sha256 = hex::encode(Sha256::digest(&bytes));
            packages += &format!("{control}Filename: pool/{file}\nSize: {}\nSHA256: {sha256}\n\n", bytes.len());
        }
        let folder = self.at(&format!("archive/dists/{suite}/{component}/binary-amd64"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("Packages"), packages).unwrap();
    }

    /// Writes `Release` and `Release.gpg`: no InRelease, no by-hash, and long past.
    fn release(&self, suite: &str) {
        let folder = self.at(&format!("archive/dists/{suite}"));
        let mut release = format!(
            "Origin: Old\nLabel: Old\nSuite: {suite}\nVersion: 12.04\nCodename: {SUITE}\n\
             Date: Thu, 26 Apr 2012 16:58:37 UTC\nValid-Until: Thu, 03 May 2012 16:58:37 UTC\n\
             Architectures: amd64\nComponents: main universe\nSHA256:\n"
        );
        for component in ["main", "universe"] {
            let file = format!("{component}/binary-amd64/Packages");
            let bytes = fs::read(folder.join(&file)).unwrap();
            release += &format!(" {} {} {file}\n", hex::encode(Sha256::digest(&bytes)), bytes.len());
        }
        fs::write(folder.join("Release"), release).unwrap();
        let [text, signature] = ["Release", "Release.gpg"].map(|name| folder.join(name).display().to_string());
        let user = ["--local-user", "old@example.org", "--digest-algo", "SHA1", "--armor", "--output", &signature];
        self.gpg(&[&user[..], &["--detach-sign", &text]].concat());
    }

    fn recipe(&self, mirrors: &[String], keyring: &str, more: &str) -> Recipe {
        let text = format!(
            "summary = 'old'\n[packages]\nsuite = '{SUITE}'\npockets = ['bookworm-updates']\n\
             components = ['main', 'universe']\nmirrors = {mirrors:?}\nkeyring = '{keyring}.gpg'\n{more}\n\
             install = {INSTALL:?}\n"
        );
        Recipe::parse("old", &self.at("images/old.toml").display().to_string(), &text).unwrap()
    }

    async fn build(&self, recipe: &Recipe) -> (Result<Image, Error>, Vec<String>) {
        self.build_in("cache", recipe).await
    }

    async fn build_in(&self, cache: &str, recipe: &Recipe) -> (Result<Image, Error>, Vec<String>) {
        let cache = Cache::at(self.at(cache)).unwrap();
        let (teller, mut story) = Teller::new();
        let built = image::ensure(recipe, &cache, &teller).await;
        drop(teller);
        let mut notices = Vec::new();
        while let Some(piece) = story.recv().await {
            if let Story::Notice(line) = piece {
                notices.push(line);
            }
        }
        (built, notices)
    }

    async fn refused(&self, recipe: &Recipe) -> String {
        let error = self.build(recipe).await.0.unwrap_err();
        assert_eq!(error.exit(), Exit::Host);
        assert!(image::list(&Cache::at(self.at("cache")).unwrap()).unwrap().is_empty());
        format!("{error:?}")
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.at("gnupg")).args(["--kill", "all"]).output();
    }
}

fn success(out: &Output) -> String {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout.clone()).unwrap()
}

/// Reads a file from the root disk.
fn inside(root: &Path, path: &str) -> String {
    let debugfs = Command::new("/usr/sbin/debugfs").args(["-R", &format!("cat {path}")]).arg(root).output();
    success(&debugfs.unwrap())
}

const LENIENT: &str = "expired = true\nweak_signature = true";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds an image from packages twice: two minutes and 70 MB of them"]
async fn an_old_archive_is_used_as_far_as_its_recipe_allows_and_no_further() {
    let archive = Archive::new().await;
    let server = Server::folder(archive.at("archive"));
    let good = [server.url.clone()];

    let strict = archive.refused(&archive.recipe(&good, "old", "")).await;
    assert!(strict.contains("weak_signature = true"), "{strict}");
    let expired = archive.refused(&archive.recipe(&good, "old", "weak_signature = true")).await;
    assert!(expired.contains("`expired = true`"), "{expired}");
    let foreign = archive.refused(&archive.recipe(&good, "other", LENIENT)).await;
    assert!(foreign.contains("no key of `images/keys/other.gpg`"), "{foreign}");
    let nowhere = archive.refused(&archive.recipe(&[Server::dead(), Server::dead()], "old", LENIENT)).await;
    assert!(nowhere.contains("could not be reached"), "{nowhere}");
    // A mirror that cannot be trusted is not passed over, even where the next one could be.
    let other = Server::folder(archive.at("forged"));
    fs::create_dir_all(archive.at("forged/dists")).unwrap();
    let copied = Command::new("cp").arg("-r").arg(archive.at("archive/dists")).arg(archive.at("forged")).status();
    assert!(copied.unwrap().success());
    let release = archive.at("forged/dists/bookworm/Release");
    fs::write(&release, fs::read_to_string(&release).unwrap().replace("Label: Old", "Label: New")).unwrap();
    let forged = archive.refused(&archive.recipe(&[other.url, server.url.clone()], "old", LENIENT)).await;
    assert!(forged.contains("no key of"), "{forged}");

    let recipe = archive.recipe(&[Server::dead(), server.url.clone()], "old", LENIENT);
    let (image, notices) = archive.build(&recipe).await;
    let image = image.unwrap();
    assert!(notices[0].contains("cannot be used") && notices[0].contains(&server.url), "{notices:?}");
    for name in INSTALL {
        assert!(image.manifest.packages.iter().any(|p| p.name == name), "{name} is not installed");
    }
    assert_eq!(inside(&image.root, "/usr/sbin/initctl"), INITCTL, "what stood in for it is gone");
    assert!(inside(&image.root, "/usr/sbin/update-initramfs").starts_with("#!/bin/sh"));
    assert_eq!(inside(&image.root, "/etc/apt/sources.list"), "", "which mirror was used is no part of the image");
    let left = fs::read_dir(&image.dir).unwrap().flatten().map(|e| e.file_name().into_string().unwrap());
    let left: Vec<_> = left.filter(|name| !name.starts_with('.')).collect();
    assert_eq!(left.len(), 4, "{left:?}");

    let again = archive.build_in("another", &recipe).await.0.unwrap();
    assert_eq!(image.manifest.packages, again.manifest.packages);
    assert_eq!(image.manifest.files, again.manifest.files, "the same archive is the same image, to the byte");
    for cache in ["cache", "another"] {
        owned_by_this_user(&archive.at(cache));
    }
}
