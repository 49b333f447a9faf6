//! Recipes: correct ones, and every way to be wrong.

use std::fs;
use tunelab::{
    error::{Error, Exit},
    image::{Init, Proof, Recipe, Source},
};

fn parse(text: &str) -> Result<Recipe, Error> {
    Recipe::parse("test", "images/test.toml", text)
}

/// A folder of recipes with two keyrings, like `images/`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("keys")).unwrap();
        fs::write(folder.path().join("keys/vendor.gpg"), b"\x99keys").unwrap();
        fs::write(folder.path().join("keys/armored.gpg"), "-----BEGIN PGP PUBLIC KEY BLOCK-----").unwrap();
        Folder(folder)
    }

    fn parse(&self, text: &str) -> Result<Recipe, Error> {
        Recipe::parse("test", &self.0.path().join("test.toml").display().to_string(), text)
    }

    /// All errors about this text, without the folder's name.
    fn problems(&self, text: &str) -> String {
        let error = self.parse(text).unwrap_err();
        assert_eq!(error.exit(), Exit::Input);
        format!("{error:?}").replace(&self.0.path().display().to_string(), "images")
    }
}

const GOOD: &str = r#"
summary = "a test"
[packages]
suite = "bookworm"
install = ["linux-image-cloud-amd64"]
"#;

const ARCHIVE: &str = r#"
summary = "an old suite"
cannot = ["one thing", "another"]
[packages]
suite = "precise"
pockets = ["precise-updates", "precise-security"]
components = ["main", "universe"]
mirrors = ["http://old.example/ubuntu", "https://older.example/ubuntu"]
keyring = "vendor.gpg"
expired = true
install = ["linux-virtual"]
"#;

const DISK: &str = r#"
summary = "a disk"
[disk]
urls = ["https://one.example/releases/disk.img", "http://two.example/disk.img"]
sums = { file = "SHA256SUMS", signature = "SHA256SUMS.gpg", keyring = "vendor.gpg" }
"#;

#[test]
fn a_suite_of_an_archive_is_read_whole() {
    let recipe = Folder::new().parse(ARCHIVE).unwrap();
    assert_eq!(recipe.cannot, ["one thing", "another"]);
    assert_eq!(recipe.init, Init::Agent);
    let Source::Packages(packages) = recipe.source else { panic!("{:?}", recipe.source) };
    assert_eq!(packages.pockets, ["precise-updates", "precise-security"]);
    assert_eq!(packages.components, ["main", "universe"]);
    assert_eq!(packages.mirrors.len(), 2);
    assert!(packages.expired);
    assert_eq!(packages.keyring.unwrap().name, "vendor.gpg");
}

#[test]
fn a_disk_image_is_read_whole_and_boots_its_own_init() {
    let folder = Folder::new();
    let recipe = folder.parse(DISK).unwrap();
    assert_eq!(recipe.init, Init::Distribution);
    let Source::Disk { disk, add: None } = recipe.source else { panic!("{:?}", recipe.source) };
    assert_eq!(disk.urls.len(), 2);
    let Proof::Sums(sums) = disk.proof else { panic!("{:?}", disk.proof) };
    assert_eq!((&*sums.file, &*sums.signature), ("SHA256SUMS", "SHA256SUMS.gpg"));

    let sha256 = "Ab".repeat(32);
    let pinned = format!("{}sha256 = \"{sha256}\"\n{}", &DISK[..DISK.find("sums").unwrap()], packages());
    let Source::Disk { disk, add: Some(add) } = folder.parse(&pinned).unwrap().source else { panic!("no packages") };
    assert_eq!(disk.proof, Proof::Sha256("ab".repeat(32)));
    assert_eq!(add.install, ["linux-image-cloud-amd64"]);
}

fn packages() -> &'static str {
    &GOOD[GOOD.find("[packages]").unwrap()..]
}

#[test]
fn every_problem_of_a_disk_is_told_at_once_with_its_place() {
    let text = r#"summary = "x"
init = "agent"
[disk]
urls = ["ftp://a.example/x.img", "https://a.example/", "htps://b.example/x.img", "https:// /x.img", 3]
sha256 = "12"
sha512 = 5
sums = { file = "a/b", signatur = "s", keyring = "vendors.gpg" }
"#;
    insta::assert_snapshot!(Folder::new().problems(text), @r#"
    `images/test.toml` has problems
    images/test.toml:2:8: a disk image is booted by its own init
    hint: leave `init` out
    images/test.toml:4:9: `ftp://a.example/x.img` is no URL that can be used here
    hint: it begins with `http://` or `https://`
    images/test.toml:4:34: `https://a.example/` names no file
    images/test.toml:4:56: `htps://b.example/x.img` is no URL that can be used here
    hint: did you mean `https`?
    images/test.toml:4:82: `https:// /x.img` is no URL
    images/test.toml:4:101: `urls` holds what is not a string
    images/test.toml:5:10: `sha256` must be 64 hexadecimal digits
    images/test.toml:6:10: `sha512` must be a string
    images/test.toml:6:10: both `sha256` and `sha512`: one of them is enough
    images/test.toml:7:8: `signature` is missing
    hint: for example `signature = "SHA256SUMS.gpg"`
    images/test.toml:7:17: `a/b` is no name of a file
    hint: it is beside the disk image
    images/test.toml:7:24: unknown key `signatur`
    hint: did you mean `signature`?
    images/test.toml:7:50: no keyring `vendors.gpg` in `images/keys`
    hint: did you mean `vendor.gpg`?
    "#);
}

#[test]
fn every_problem_of_an_archive_is_told_at_once_with_its_place() {
    let text = r#"summary = "x"
cannot = "fly"
init = "distribution"
[packages]
suite = "precise"
pockets = ["precise updates"]
components = ["--main"]
mirrors = ["old.example/ubuntu", "http://old.example/[trusted=yes]"]
keyring = "armored.gpg"
expired = "yes"
install = []
"#;
    insta::assert_snapshot!(Folder::new().problems(text), @"
    `images/test.toml` has problems
    images/test.toml:2:10: `cannot` must be an array of lines, at least one
    images/test.toml:3:8: only a disk image has an init of its own
    hint: leave `init` out, or add `[disk]`
    images/test.toml:6:12: `precise updates` is no name of a suite
    hint: such as `bookworm`
    images/test.toml:7:15: `--main` is no name of a component
    images/test.toml:8:12: `old.example/ubuntu` is no URL that can be used here
    hint: it begins with `http://` or `https://` or `file://`
    images/test.toml:8:34: `http://old.example/[trusted=yes]` is no URL
    images/test.toml:9:11: `images/keys/armored.gpg` is armored, which gpgv does not read
    hint: `gpg --dearmor` makes the binary form of it
    images/test.toml:10:11: `expired` must be `true` or `false`
    images/test.toml:11:11: `install` must be an array of package names, at least one
    ");
}

#[test]
fn a_recipe_that_nothing_proves_is_refused() {
    let folder = Folder::new();
    let unproven = DISK.lines().filter(|line| !line.starts_with("sums")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(folder.problems(&unproven), @r#"
    `images/test.toml` has a problem
    images/test.toml:3:1: nothing proves that this disk image is the right one
    hint: add `sha256 = "..."` as its publisher gives it, or `sums = { file = "SHA256SUMS", signature = "SHA256SUMS.gpg", keyring = "NAME.gpg" }`
    "#);
    let unsigned = ARCHIVE.lines().filter(|line| !line.starts_with("keyring")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(folder.problems(&unsigned), @r#"
    `images/test.toml` has a problem
    images/test.toml:8:11: `mirrors` without a `keyring` would be trusted blindly
    hint: name the file in `keys/` with the keys that may sign this suite: `keyring = "NAME.gpg"`
    "#);
    let nowhere = ARCHIVE.lines().filter(|line| !line.starts_with("mirrors")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(folder.problems(&nowhere), @"
    `images/test.toml` has problems
    images/test.toml:6:11: `pockets` without `mirrors` says not where they are
    hint: where no mirror is named, mmdebstrap adds a Debian suite's updates by itself
    images/test.toml:8:11: `keyring` without `mirrors` vouches for nothing
    hint: mmdebstrap knows the keys of the suites whose mirrors it knows
    ");
    insta::assert_snapshot!(folder.problems("summary = 'neither'"), @r#"
    `images/test.toml` has a problem
    images/test.toml:1:1: `packages` is missing
    hint: for example `packages = { suite = "bookworm", install = ["linux-image-cloud-amd64"] }`
    "#);
    insta::assert_snapshot!(folder.problems(&ARCHIVE.replace("vendor.gpg", "../vendor.gpg")), @"
    `images/test.toml` has a problem
    images/test.toml:9:11: no keyring `../vendor.gpg` in `images/keys`
    hint: did you mean `vendor.gpg`?
    ");
}

#[test]
fn the_key_is_what_is_built_not_how_it_is_used() {
    let key = |text: &str| parse(text).unwrap().key();
    assert_eq!(key(GOOD), key(&GOOD.replace("a test", "another")));
    assert_eq!(key(GOOD), key(&format!("kernel = '6.1'\n{GOOD}")));
    assert_eq!(key(GOOD), key(&format!("{GOOD}[machine]\nmemory = \"2 GiB\"")));
    assert_ne!(key(GOOD), key(&GOOD.replace("bookworm", "trixie")));
    assert_ne!(key(GOOD), key(&GOOD.replace("cloud-", "")));
}

#[test]
fn an_expected_kernel_is_how_its_release_begins() {
    let expects =
        |kernel: &str, release: &str| parse(&format!("kernel = '{kernel}'\n{GOOD}")).unwrap().expects(release);
    assert!(expects("3.5", "3.5.0-54-generic") && expects("7", "7.2.12+deb14-cloud-amd64"));
    assert!(expects("6.1.0-56", "6.1.0-56-cloud-amd64") && parse(GOOD).unwrap().expects("6.1.0"));
    assert!(!expects("3.5", "3.50.1") && !expects("6.1", "6.12.3") && !expects("3.5", "3.2.0-126-generic"));
}

#[test]
fn the_key_is_who_signed_it_not_which_mirror_had_it() {
    let folder = Folder::new();
    let key = |text: &str| folder.parse(text).unwrap().key();
    let before = key(ARCHIVE);
    assert_eq!(before, key(&ARCHIVE.replace("old.example", "new.example")));
    for (from, to) in [
        ("\"precise-updates\", ", ""),
        ("\"main\", ", ""),
        ("expired = true", "expired = false"),
        ("suite = \"precise\"", "suite = \"quantal\""),
    ] {
        assert_ne!(before, key(&ARCHIVE.replace(from, to)), "{from}");
    }
    let signed = key(DISK);
    assert_ne!(signed, key(&DISK.replace("/releases/", "/daily/")), "the URL says which of the maker's images");
    let pinned =
        |host: &str| key(&format!("summary = 's'\n[disk]\nurls = ['http://{host}/d']\nsha512 = '{}'", "0".repeat(128)));
    assert_eq!(pinned("one.example"), pinned("two.example"), "the checksum says which");
    fs::write(folder.0.path().join("keys/vendor.gpg"), b"\x99others").unwrap();
    assert_ne!(before, key(ARCHIVE));
    assert_ne!(signed, key(DISK));
}

#[test]
fn every_problem_of_a_recipe_is_told_at_once_with_its_place() {
    let text = r#"summery = "x"
kernel = "v6.1"
init = "systemd"
[packages]
suite = "book worm"
instal = ["kmod"]
[machine]
memory = "lots"
cpus = 0
"#;
    insta::assert_snapshot!(format!("{:?}", parse(text).unwrap_err()), @r#"
    `images/test.toml` has problems
    images/test.toml:1:1: `summary` is missing
    hint: for example `summary = "Debian 12 (bookworm)"`
    images/test.toml:1:1: unknown key `summery`
    hint: did you mean `summary`?
    images/test.toml:2:10: `v6.1` is no version of a kernel
    hint: how its release begins: `6`, `6.1` or `6.1.0-56`
    images/test.toml:3:8: unknown init `systemd`: it is `agent` or `distribution`
    images/test.toml:4:1: `install` is missing
    hint: for example `install = ["linux-image-cloud-amd64"]`
    images/test.toml:5:9: `book worm` is no name of a suite
    hint: such as `bookworm`
    images/test.toml:6:1: unknown key `instal`
    hint: did you mean `install`?
    images/test.toml:8:10: `lots` is no size of memory
    hint: such as `512 MiB` or `1 GiB`
    images/test.toml:9:8: a machine has from 1 to 64 CPUs
    "#);
}

#[test]
fn a_package_is_named_plainly_and_a_machine_has_room() {
    let text = r#"summary = "x"
[packages]
suite = "bookworm"
install = ["kmod-", "procps+", "g++", "kmod=30+", "libstdc++6"]
[machine]
memory = "127 MiB"
"#;
    insta::assert_snapshot!(format!("{:?}", parse(text).unwrap_err()), @"
    `images/test.toml` has problems
    images/test.toml:4:12: apt takes `kmod-` for removing `kmod`
    hint: `install` is all that is installed: write `kmod`, or leave it out
    images/test.toml:4:21: apt takes `procps+` for installing `procps`
    hint: `install` is all that is installed: write `procps`, or leave it out
    images/test.toml:6:10: a machine needs at least `128 MiB` of memory
    ");
    assert_eq!(parse(&format!("{GOOD}[machine]\nmemory = '128 MiB'")).unwrap().machine.memory_mib, 128);
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_place() {
    let error = parse("summary = \n[packages]\nsuite = 'a'\ninstall = []").unwrap_err();
    assert_eq!(error.exit(), Exit::Input);
    assert!(format!("{error:?}").contains("images/test.toml:1:"), "{error:?}");
}

#[test]
fn an_unknown_image_is_told_with_the_nearest() {
    let error = crate::made::images().find("debain-12").unwrap_err();
    assert_eq!(error.exit(), Exit::Input);
    assert!(error.hint_text().unwrap().starts_with("did you mean `debian-12`?"), "{error:?}");
}
