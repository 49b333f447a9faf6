//! Builds an image in a room of its own: mmdebstrap in a namespace, then modules, times and manifest.

use super::{
    FileFact, Manifest, Recipe, Source, disk, ext4,
    files::{KERNEL, MODULES, PACKAGES, ROOT},
    initrd,
    install::{Job, Place, install},
    kernel,
    manifest::{self, Facts},
    mmdebstrap, modules,
};
use crate::{
    cache::Cache,
    error::{Context, Error, Result},
    host::resources,
    story::Teller,
};
use std::{
    fs::Permissions,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Free disk that a build needs when the root is put together in memory, in bytes: root disk, kernel, modules.
const DISK_BYTES: u64 = 600 << 20;
/// A distribution's disk unpacked, holes not counted, in bytes.
const UNPACKED_BYTES: u64 = 3 << 30;
/// The root as a tree and the downloaded packages, in bytes.
const WORK_BYTES: u64 = 900 << 20;
/// Memory that must be available, in bytes, for the tree to be put together in memory: it takes 4 s off 23.
const MEMORY_FOR_TMPFS_BYTES: u64 = 3 << 30;

/// Fills `room` with a whole image. If it fails or is dropped, `room` holds no image: the manifest is missing.
pub async fn build(recipe: &Recipe, key: &str, room: &Path, log: &Path, cache: &Cache, teller: &Teller) -> Result<()> {
    let tmpfs = resources::memory_available_bytes() >= MEMORY_FOR_TMPFS_BYTES;
    let needed = match recipe.source {
        Source::Disk { .. } => UNPACKED_BYTES,
        Source::Packages(_) if tmpfs => DISK_BYTES,
        Source::Packages(_) => DISK_BYTES + WORK_BYTES,
    };
    resources::require_free(room, needed)?;
    let step = teller.step(format!("building image `{}`", recipe.name));
    std::fs::create_dir(room.join("scratch")).host(|| format!("failed to create a folder in `{}`", room.display()))?;
    let place = Place { room, log, uuid: &uuid(key), tmpfs };
    let packages = match &recipe.source {
        Source::Packages(packages) => packages,
        Source::Disk { disk, add } => {
            let facts = disk::build(recipe, disk, add.as_ref(), &place, cache, teller, &step).await?;
            step.progress(Some(0.99), "checksums");
            let (recipe, key, room) = (recipe.clone(), key.to_owned(), room.to_owned());
            let seal = tokio::task::spawn_blocking(move || seal(&recipe, &key, &room, facts));
            seal.await.host(|| "the builder panicked".into())??;
            step.done();
            return Ok(());
        }
    };
    install(recipe, packages, &Job::Root, &place, teller, &step.part(0.0, 0.99)).await?;
    step.progress(Some(0.99), "checksums");
    let (recipe, key, room) = (recipe.clone(), key.to_owned(), room.to_owned());
    let finish = tokio::task::spawn_blocking(move || finish(&recipe, &key, &room));
    finish.await.host(|| "the builder panicked".into())??;
    step.done();
    Ok(())
}

/// Turns what the last hook left into the image's files, and writes the manifest last of all.
fn finish(recipe: &Recipe, key: &str, room: &Path) -> Result<()> {
    let at = |name: &str| room.join(name);
    let read = |name: &str| std::fs::read_to_string(at(name)).host(|| format!("the build left no `{name}`"));
    let (release, packages) = (read("release")?.trim().to_owned(), manifest::packages(&read("packages.tsv")?));
    let image = std::fs::read(at(KERNEL)).host(|| format!("the build left no `{KERNEL}`"))?;
    kernel::check(Path::new(&format!("/boot/vmlinuz-{release}")), &image, &release)?;
    let archive = initrd::modules(&modules::closure(&at("modules"))?);
    std::fs::write(at(MODULES), archive).host(|| format!("failed to write `{}`", at(MODULES).display()))?;
    ext4::forget_times(&at(ROOT), mmdebstrap::SOURCE_DATE_EPOCH)
        .host(|| format!("failed to edit `{}`", at(ROOT).display()))?;
    for leftover in ["modules", "scratch"] {
        std::fs::remove_dir_all(at(leftover)).host(|| format!("failed to remove `{}`", at(leftover).display()))?;
    }
    for leftover in ["release", "packages.tsv", mmdebstrap::KEYRING] {
        match std::fs::remove_file(at(leftover)) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(Error::host(format!("failed to remove `{}`", at(leftover).display())).cause(e));
            }
            _ => {}
        }
    }
    seal(recipe, key, room, Facts { release, packages, disk: None })
}

/// Protects the image's files and writes the manifest.
pub fn seal(recipe: &Recipe, key: &str, room: &Path, facts: Facts) -> Result<()> {
    expected(recipe, &facts.release)?;
    let mut files = std::collections::BTreeMap::new();
    for name in [KERNEL, MODULES, ROOT, PACKAGES].into_iter().filter(|name| room.join(name).exists()) {
        let path = room.join(name);
        // The files are read-only: every run writes to a throw-away overlay.
        std::fs::set_permissions(&path, Permissions::from_mode(0o444))
            .host(|| format!("failed to protect `{}`", path.display()))?;
        files.insert(name.to_owned(), FileFact::of(&path)?);
    }
    let manifest = Manifest {
        image: recipe.name.clone(),
        key: key.into(),
        kernel_release: facts.release,
        built_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        builder: concat!("tunelab ", env!("CARGO_PKG_VERSION")).to_owned(),
        files,
        packages: facts.packages,
        disk: facts.disk,
    };
    manifest.write(room)
}

fn expected(recipe: &Recipe, release: &str) -> Result<()> {
    if recipe.expects(release) {
        return Ok(());
    }
    let (name, kernel) = (&recipe.name, recipe.kernel.as_deref().unwrap_or_default());
    Err(Error::input(format!("image `{name}` was to have Linux {kernel}, and what was built has {release}"))
        .hint(format!("name the kernel's own package in `images/{name}.toml`, or correct its `kernel = \"{kernel}\"`")))
}

/// Derives the file system's UUID and hash seed from the key, so that the same image has the same.
fn uuid(key: &str) -> String {
    // This is version 4, variant 8, as RFC 9562 wants them.
    format!("{}-{}-4{}-8{}-{}", &key[..8], &key[8..12], &key[13..16], &key[17..20], &key[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::kernel::tests::bzimage;

    #[test]
    fn a_suites_kernel_is_looked_at_like_a_users_own() {
        let recipe = Recipe::parse("a", "a.toml", "summary = 's'\n[packages]\nsuite = 'b'\ninstall = ['c']").unwrap();
        let said = |image: &[u8]| {
            let room = tempfile::tempdir().unwrap();
            for (name, bytes) in [("release", &b"6.1.0\n"[..]), ("packages.tsv", b""), (KERNEL, image)] {
                std::fs::write(room.path().join(name), bytes).unwrap();
            }
            finish(&recipe, &recipe.key(), room.path()).unwrap_err().to_string()
        };
        assert_eq!(said(b"text"), "the kernel `/boot/vmlinuz-6.1.0` is no bzImage");
        assert_eq!(said(&bzimage("6.1.7")), "the kernel `/boot/vmlinuz-6.1.0` calls itself 6.1.7, not 6.1.0");
        assert!(said(&bzimage("6.1.0")).contains("modules.dep"), "what comes next is not there");
    }

    #[test]
    fn a_kernel_of_another_version_is_no_image() {
        let text = "summary = 's'\nkernel = '3.5'\n[packages]\nsuite = 'precise'\ninstall = ['c']";
        let recipe = Recipe::parse("hwe", "hwe.toml", text).unwrap();
        let facts = Facts { release: "3.2.0-126-generic".into(), packages: vec![], disk: None };
        let error = seal(&recipe, &recipe.key(), Path::new("nowhere"), facts).unwrap_err();
        assert_eq!(error.message(), "image `hwe` was to have Linux 3.5, and what was built has 3.2.0-126-generic");
        assert!(error.hint_text().unwrap().contains("`kernel = \"3.5\"`"), "{error:?}");
    }

    #[test]
    fn uuids_come_from_keys() {
        assert_eq!(uuid(&"0123456789abcdef".repeat(4)), "01234567-89ab-4def-8123-456789abcdef");
    }
}
