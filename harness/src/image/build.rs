//! Builds an image in a room of its own: mmdebstrap in a namespace, then modules, times and manifest.

use super::{
    FileFact, Manifest, Recipe, Source, ext4, initrd, manifest, mmdebstrap, modules,
    progress::Progress,
    store::{KERNEL, MODULES, ROOT},
};
use crate::{
    error::{Context, Error, Result},
    host::{namespace, resources},
    story::{StepGuard, Teller},
};
use std::{
    collections::VecDeque,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Free disk a build needs where the root is put together in memory, in bytes: root disk, kernel, modules.
const DISK_BYTES: u64 = 600 << 20;
/// The root as a tree and the downloaded packages, in bytes.
const WORK_BYTES: u64 = 900 << 20;
/// Memory that must be available, in bytes, for the tree to be put together in memory: it takes 4 s off 23.
const MEMORY_FOR_TMPFS_BYTES: u64 = 3 << 30;

/// Lines of output that an error carries.
const LAST_LINES: usize = 12;

/// Fills `room` with a whole image. If it fails or is dropped, what is in `room` is no image: the manifest is missing.
pub async fn build(recipe: &Recipe, key: &str, room: &Path, log: &Path, teller: &Teller) -> Result<()> {
    let tmpfs = resources::memory_available_bytes() >= MEMORY_FOR_TMPFS_BYTES;
    resources::require_free(room, if tmpfs { DISK_BYTES } else { DISK_BYTES + WORK_BYTES })?;
    let step = teller.step(format!("building image `{}`", recipe.name));
    std::fs::create_dir(room.join("scratch")).host(|| format!("failed to create a folder in `{}`", room.display()))?;
    install(recipe, key, room, log, tmpfs, &step).await?;
    step.progress(Some(0.99), "checksums");
    let (recipe, key, room) = (recipe.clone(), key.to_owned(), room.to_owned());
    tokio::task::spawn_blocking(move || finish(&recipe, &key, &room)).await.host(|| "the builder panicked".into())?
}

/// Runs mmdebstrap to its end, telling how far it is.
async fn install(recipe: &Recipe, key: &str, room: &Path, log: &Path, tmpfs: bool, step: &StepGuard) -> Result<()> {
    let Source::Packages(packages) = &recipe.source;
    let environment = mmdebstrap::environment(room, &uuid(key), tmpfs);
    let mut child = namespace::spawn(&mmdebstrap::argv(packages), |command| {
        command.envs(environment).current_dir(room);
    })
    .await?;
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).split(b'\n');
    let (mut progress, mut last, mut whole) = (Progress::default(), VecDeque::new(), Vec::new());
    while let Some(line) = lines.next_segment().await.host(|| "failed to read from mmdebstrap".into())? {
        whole.extend_from_slice(&line);
        whole.push(b'\n');
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Some((fraction, detail)) = progress.read(&line) {
            step.progress(Some(fraction), detail);
        }
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    }
    let status = child.wait().await.host(|| "failed to wait for mmdebstrap".into())?;
    if status.success() {
        return Ok(());
    }
    // On a full disk there is no log either; the error below says so.
    let _ = std::fs::write(log, &whole);
    Err(failure(recipe, &String::from_utf8_lossy(&whole), last.make_contiguous(), log))
}

/// What went wrong, from what was printed.
fn failure(recipe: &Recipe, output: &str, last: &[String], log: &Path) -> Error {
    let says = |words: &[&str]| words.iter().any(|w| output.contains(w));
    let hint = if says(&["No space left on device"]) {
        "the disk under the cache is full; make room, or put the cache elsewhere with `TUNELAB_CACHE`".to_owned()
    } else if says(&["Unable to locate package", "has no installation candidate"]) {
        format!("`images/{}.toml` names a package that its suite does not have", recipe.name)
    } else if says(&[
        "Temporary failure resolving",
        "Could not resolve",
        "Could not connect",
        "Failed to fetch",
        "Unable to connect",
    ]) {
        "a package mirror could not be reached; check the network and try again".to_owned()
    } else {
        format!("everything it printed is in `{}`", log.display())
    };
    let tail = last.iter().map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n");
    Error::host(format!("failed to build image `{}`: mmdebstrap ended with\n{tail}", recipe.name)).hint(hint)
}

/// Turns what the last hook left into the image's files and writes the manifest, last of all.
fn finish(recipe: &Recipe, key: &str, room: &Path) -> Result<()> {
    let at = |name: &str| room.join(name);
    let read = |name: &str| std::fs::read_to_string(at(name)).host(|| format!("the build left no `{name}`"));
    let (release, packages) = (read("release")?.trim().to_owned(), manifest::packages(&read("packages.tsv")?));
    let archive = initrd::modules(&modules::closure(&at("modules"))?);
    std::fs::write(at(MODULES), archive).host(|| format!("failed to write `{}`", at(MODULES).display()))?;
    ext4::forget_times(&at(ROOT), mmdebstrap::SOURCE_DATE_EPOCH)
        .host(|| format!("failed to edit `{}`", at(ROOT).display()))?;
    for leftover in ["modules", "scratch"] {
        std::fs::remove_dir_all(at(leftover)).host(|| format!("failed to remove `{}`", at(leftover).display()))?;
    }
    for leftover in ["release", "packages.tsv"] {
        std::fs::remove_file(at(leftover)).host(|| format!("failed to remove `{}`", at(leftover).display()))?;
    }
    let mut files = std::collections::BTreeMap::new();
    for name in [KERNEL, MODULES, ROOT] {
        let path = at(name);
        // Read-only: every run writes to a throw-away overlay.
        std::fs::set_permissions(&path, Permissions::from_mode(0o444))
            .host(|| format!("failed to protect `{}`", path.display()))?;
        files.insert(name.to_owned(), FileFact::of(&path)?);
    }
    let built_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let builder = concat!("tunelab ", env!("CARGO_PKG_VERSION")).to_owned();
    let manifest = Manifest {
        image: recipe.name.clone(),
        key: key.into(),
        kernel_release: release,
        built_at,
        builder,
        files,
        packages,
    };
    manifest.write(room)
}

/// The file system's UUID and hash seed, from the key: the same image has the same.
fn uuid(key: &str) -> String {
    // Version 4, variant 8, as RFC 9562 wants them.
    format!("{}-{}-4{}-8{}-{}", &key[..8], &key[8..12], &key[13..16], &key[17..20], &key[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    fn recipe() -> Recipe {
        let text = "summary = 's'\npackages = { suite = 'bookworm', install = ['kmod'] }";
        Recipe::parse("small", "images/small.toml", text).unwrap()
    }

    #[test]
    fn what_mmdebstrap_printed_becomes_a_reason() {
        let hint = |output: &str| {
            let error = failure(&recipe(), output, &[output.to_owned()], Path::new("log"));
            assert_eq!(error.exit(), Exit::Host);
            assert!(error.message().contains(output));
            error.hint_text().unwrap().to_owned()
        };
        assert!(hint("dpkg: error: No space left on device").contains("full"));
        assert!(hint("E: Unable to locate package ngnix").contains("images/small.toml"));
        assert!(hint("W: Temporary failure resolving 'mirror'").contains("network"));
        assert!(hint("something else").contains("`log`"));
    }

    #[test]
    fn uuids_come_from_keys() {
        assert_eq!(uuid(&"0123456789abcdef".repeat(4)), "01234567-89ab-4def-8123-456789abcdef");
    }
}
