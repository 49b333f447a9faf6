//! The content of the cache: images, kernels, saved machines, records, downloads, catalogues; how large each is and
//! when it was used last.

use super::{room, warm};
use crate::{
    built_in,
    cache::{Cache, Claim, last_used},
    error::{Context, Error, Result},
    image::{self, Recipe},
    vm::SavedState,
};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Image,
    Kernel,
    SavedMachine,
    Record,
    Download,
    Catalogue,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub kind: Kind,
    pub path: PathBuf,
    /// The size on disk.
    pub size_bytes: u64,
    pub used: SystemTime,
    /// No recipe, or no tunelab like this one, asks for it any more, or an interrupted run left it.
    pub outdated: bool,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Image => "image",
            Kind::Kernel => "kernel",
            Kind::SavedMachine => "saved machine",
            Kind::Record => "record",
            Kind::Download => "download",
            Kind::Catalogue => "catalogue",
        }
    }
}

/// Lists everything, by kind and path. `recipes` are those that may ask for it.
pub fn list(cache: &Cache, recipes: &[Recipe]) -> Result<Vec<Item>> {
    let folders: Vec<PathBuf> = recipes.iter().map(|recipe| recipe.dir(cache)).collect();
    let catalogue = built_in::folder(cache);
    let outdated = |kind: Kind, path: &Path| match kind {
        Kind::Image => !folders.iter().any(|wanted| wanted == path),
        Kind::SavedMachine => !warm::is_of(path, recipes),
        Kind::Record => room::is_abandoned(path),
        Kind::Catalogue => path != catalogue,
        // The user who gave it may give it again.
        Kind::Kernel | Kind::Download => false,
    };
    let rooms = [
        (Kind::Image, cache.images()),
        (Kind::Kernel, cache.kernels()),
        (Kind::SavedMachine, cache.states()),
        (Kind::Record, cache.runs()),
        (Kind::Download, cache.downloads()),
        (Kind::Catalogue, cache.catalogue()),
    ];
    let mut items = Vec::new();
    for (kind, room) in rooms {
        for path in entries(kind, &room)? {
            let (size_bytes, used) = (size_on_disk(&path), last_used(&claimed(kind, &path)));
            items.push(Item { kind, outdated: outdated(kind, &path), size_bytes, used, path });
        }
    }
    items.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    Ok(items)
}

/// Returns what is wrong with an entry. Reads every byte.
type Damage = fn(&Path) -> Option<String>;

/// An entry of the cache that was read to its last byte.
#[derive(Debug)]
pub struct Checked {
    pub kind: Kind,
    pub path: PathBuf,
    /// The error, if something is wrong with it.
    pub damage: Option<String>,
}

/// Checks all entries that claim to be whole and are neither image nor record. Reads every byte.
pub async fn check(cache: &Cache) -> Result<Vec<Checked>> {
    let kinds: [(Kind, PathBuf, Damage); 3] = [
        (Kind::Kernel, cache.kernels(), image::kernel::damage),
        (Kind::SavedMachine, cache.states(), state_damage),
        (Kind::Download, cache.downloads(), image::download_damage),
    ];
    let checking = tokio::task::spawn_blocking(move || {
        let mut checked = Vec::new();
        for (kind, room, damage) in kinds {
            let mut paths = entries(kind, &room)?;
            paths.retain(|path| is_whole(kind, path));
            paths.sort();
            checked.extend(paths.into_iter().map(|path| Checked { kind, damage: damage(&path), path }));
        }
        Ok(checked)
    });
    checking.await.host(|| "checking the cache panicked".into())?
}

fn state_damage(dir: &Path) -> Option<String> {
    SavedState::open(dir).and_then(|state| state.check()).err().map(|e| Error::from(e).to_string())
}

/// Whether the entry says that it is whole: one that is still being saved or downloaded has nothing to be compared
/// with.
fn is_whole(kind: Kind, path: &Path) -> bool {
    match kind {
        Kind::SavedMachine => SavedState::is_in(path),
        _ => claimed(kind, path) == path,
    }
}

/// The path that users of an entry claim: for a download that is not whole yet, the whole one.
fn claimed(kind: Kind, path: &Path) -> PathBuf {
    match path.extension() {
        Some(part) if kind == Kind::Download && (part == "part" || part == "aside") => path.with_extension(""),
        _ => path.to_owned(),
    }
}

/// Lists folders, or for downloads files. A name that begins with a dot is a lock or not whole.
fn entries(kind: Kind, room: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(room).host(|| format!("failed to read `{}`", room.display()))?;
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let whole = |path: &PathBuf| !hidden(path) && path.is_dir() != (kind == Kind::Download);
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(whole).collect())
}

fn size_on_disk(path: &Path) -> u64 {
    let blocks = |path: &Path| fs::symlink_metadata(path).map_or(0, |m| m.blocks() * 512);
    let inside = fs::read_dir(path).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
        true => size_on_disk(&entry.path()),
        false => blocks(&entry.path()),
    };
    blocks(path) + inside.map(of).sum::<u64>()
}

impl Item {
    /// Removes it unless a process uses it; returns whether it is gone.
    pub async fn remove(&self) -> Result<bool> {
        let failed = || format!("failed to remove `{}`", self.path.display());
        match self.kind {
            Kind::Image | Kind::Kernel | Kind::SavedMachine | Kind::Download | Kind::Catalogue => {
                let Some(_sole) = Claim::sole(&claimed(self.kind, &self.path)) else { return Ok(false) };
                image::remove(&self.path).await?;
            }
            Kind::Record if room::is_in_use(&self.path) => return Ok(false),
            Kind::Record => fs::remove_dir_all(&self.path).host(failed)?,
        }
        Ok(true)
    }
}
