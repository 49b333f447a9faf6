//! The recipes of this repository, as data: images that cannot be built where Ubuntu's hosts are out of reach are at
//! least what they are meant to be.

use std::{
    path::{Path, PathBuf},
    process::Command,
};
use tunelab::image::{Disk, Init, Packages, Proof, Recipe, Source};

fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images")
}

fn recipe(name: &str) -> Recipe {
    crate::made::images().find(name).unwrap()
}

fn packages(name: &str) -> Packages {
    match recipe(name).source {
        Source::Packages(packages) => packages,
        Source::Disk { add, .. } => add.unwrap(),
    }
}

fn disk(name: &str) -> Disk {
    match recipe(name).source {
        Source::Disk { disk, .. } => disk,
        Source::Packages(_) => panic!("`{name}` is made of packages"),
    }
}

#[test]
fn all_are_right_and_each_that_is_promised_is_there() {
    let recipes = crate::made::images().list().unwrap();
    let names: Vec<_> = recipes.iter().map(|r| r.name.as_str()).collect();
    let promised = [
        "debian-11",
        "debian-12",
        "debian-12-cloud",
        "debian-13",
        "debian-testing",
        "ubuntu-12.04",
        "ubuntu-12.04-cloud",
        "ubuntu-12.04-hwe",
        "ubuntu-12.10-cloud",
        "ubuntu-24.04-cloud",
    ];
    assert_eq!(names, promised);
    for recipe in &recipes {
        let from_disk = matches!(recipe.source, Source::Disk { .. });
        assert_eq!(recipe.init, if from_disk { Init::Distribution } else { Init::Agent }, "{}", recipe.name);
        assert!(recipe.kernel.is_some(), "{} says not which kernel it is for", recipe.name);
        assert_eq!((recipe.machine.memory_mib, recipe.machine.cpus), (1024, 1), "{}", recipe.name);
    }
}

#[test]
fn precise_is_made_of_its_frozen_archive() {
    for (name, kernel) in
        [("ubuntu-12.04", "linux-image-generic"), ("ubuntu-12.04-hwe", "linux-image-3.5.0-54-generic")]
    {
        let packages = packages(name);
        assert_eq!(packages.suite, "precise");
        assert_eq!(packages.pockets, ["precise-updates", "precise-security"]);
        // nginx and conntrack are in universe.
        assert_eq!(packages.components, ["main", "universe"]);
        assert_eq!(packages.mirrors[0], "http://old-releases.ubuntu.com/ubuntu");
        assert_eq!(packages.keyring.unwrap().name, "ubuntu-archive-old.gpg");
        assert!(packages.weak_signature, "its Release file has no other signature than of 2004's key");
        let tools = [
            "nginx-light",
            "nodejs",
            "iptables",
            "iproute",
            "conntrack",
            "procps",
            "module-init-tools",
            "openssh-server",
        ];
        assert_eq!(packages.install, [&[kernel][..], &tools].concat());
    }
}

/// "Adding an image that differs in a suite name is one file of under 20 lines."
#[test]
fn debians_differ_in_their_suite_and_are_short() {
    let text = |name: &str| std::fs::read_to_string(images().join(format!("{name}.toml"))).unwrap();
    let of_the_suite = ["summary", "kernel", "cannot", "suite", "expired", "#"];
    let rest = |name: &str| -> Vec<String> {
        text(name).lines().filter(|l| !of_the_suite.iter().any(|own| l.starts_with(own))).map(str::to_owned).collect()
    };
    for name in ["debian-12", "debian-13", "debian-testing"] {
        assert!(text(name).lines().count() < 20, "{name}");
        assert_eq!(rest(name), rest("debian-12"), "{name}");
    }
}

#[test]
fn disk_images_are_dated_and_proven() {
    let cases = [
        ("ubuntu-12.04-cloud", "/precise/release-20170502/ubuntu-12.04-server-cloudimg-amd64-disk1.img", "precise"),
        ("ubuntu-12.10-cloud", "/quantal/release-20140409/ubuntu-12.10-server-cloudimg-amd64-disk1.img", "quantal"),
        ("ubuntu-24.04-cloud", "/noble/release-20260911/ubuntu-24.04-server-cloudimg-amd64.img", "noble"),
        ("debian-12-cloud", "/bookworm/20260909-2596/debian-12-genericcloud-amd64-20260909-2596.qcow2", "bookworm"),
    ];
    for (name, file, suite) in cases {
        let disk = disk(name);
        for url in &disk.urls {
            assert!(url.ends_with(file), "{url}");
            assert!(!url.contains("current") && !url.contains("latest"), "{url} moves");
        }
        assert_eq!(packages(name).suite, suite);
        match disk.proof {
            Proof::Sha256(hex) => assert_eq!(hex.len(), 64, "{name}"),
            Proof::Sha512(hex) => assert_eq!(hex.len(), 128, "{name}"),
            Proof::Sums(sums) => {
                assert_eq!((&*sums.file, &*sums.signature), ("SHA256SUMS", "SHA256SUMS.gpg"), "{name}");
                assert_eq!(sums.keyring.name, "ubuntu-cloudimage.gpg", "{name}");
            }
        }
    }
}

#[test]
fn noble_is_signed_as_today() {
    let packages = packages("ubuntu-24.04-cloud");
    assert_eq!(packages.keyring.unwrap().name, "ubuntu-archive.gpg");
    assert!(!packages.weak_signature && !packages.expired);
}

#[test]
fn keyrings_hold_the_keys_that_their_readme_names_and_no_others() {
    let readme = std::fs::read_to_string(images().join("keys/README.md")).unwrap();
    let mut files = 0;
    for keyring in std::fs::read_dir(images().join("keys")).unwrap().flatten().map(|e| e.path()) {
        if keyring.extension().is_none_or(|e| e != "gpg") {
            continue;
        }
        files += 1;
        let name = keyring.file_name().unwrap().to_str().unwrap();
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}`"))).expect(name);
        let mut found = fingerprints(&keyring);
        let mut named: Vec<_> =
            row.split('`').map(|part| part.replace(' ', "")).filter(|p| is_fingerprint(p)).collect();
        found.sort();
        named.sort();
        assert_eq!(found, named, "{name}");
    }
    assert_eq!(files, 3);
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// The fingerprints of the primary keys.
fn fingerprints(keyring: &Path) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let out = Command::new("gpg")
        .args(["--batch", "--with-colons", "--show-keys", "--homedir"])
        .arg(home.path())
        .arg(keyring)
        .output()
        .expect("`gpg` (package `gnupg`) reads the keyrings");
    let text = String::from_utf8(out.stdout).unwrap();
    let mut primary = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split(':').collect();
        match fields[0] {
            "fpr" if primary => found.push(fields[9].to_owned()),
            kind => primary = kind == "pub",
        }
    }
    found
}
