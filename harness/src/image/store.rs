//! The store: `<cache>/images/<name>-<key>/`, whole or not there.
//!
//! An image is built in `.building-<name>-<key>/` and renamed when whole. `.<name>-<key>.lock` is held meanwhile, so
//! that its holder may throw away what an interrupted build left.

use super::{
    DiskFacts, FileFact, Kernel, Manifest, Recipe, Source, build, checksum,
    files::{KERNEL, MODULES, PACKAGES, ROOT, remove},
    mmdebstrap, verified,
};
use crate::{
    cache::{Cache, Claim},
    error::{Context, Error, Result},
    story::Teller,
};
use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

const BUILDING: &str = ".building-";

/// Characters of the key in the folder's name.
const SHORT: usize = 12;

/// An image in the store, ready to boot.
#[derive(Debug, Clone)]
pub struct Image {
    pub name: String,
    /// SHA-256 in hex over what it is built from.
    pub key: String,
    pub dir: PathBuf,
    /// A bzImage.
    pub kernel: PathBuf,
    /// The initrd's part with `/modules`.
    pub modules: PathBuf,
    /// The root disk: raw, ext4, read-only; or a distribution's whole disk, raw as well.
    pub root: PathBuf,
    /// The packages to be installed on a distribution's disk.
    pub packages: Option<PathBuf>,
    pub manifest: Manifest,
    pub recipe: Recipe,
    /// A kernel in place of its own; see [`Image::with_kernel`].
    pub foreign: Option<Arc<Kernel>>,
    /// It is not pruned before the last copy of this is gone.
    _claim: Arc<Claim>,
}

/// The result of looking for a recipe's image in the store.
#[derive(Debug)]
pub enum Found {
    Whole(Box<Image>),
    Absent,
    /// It is there, and it is not what was built; the text says why.
    Damaged(String),
}

/// A folder of the store, for lists: its recipe may be gone.
#[derive(Debug, Clone)]
pub struct Stored {
    pub dir: PathBuf,
    pub manifest: Manifest,
    /// The size on disk.
    pub size_bytes: u64,
}

impl Image {
    /// The facts of a distribution's own disk, from which its own init starts.
    pub fn disk(&self) -> Option<&DiskFacts> {
        self.manifest.disk.as_ref()
    }
}

impl Recipe {
    /// SHA-256 in hex over all that decides what is built. The mirror does not decide it, nor its packages of the day.
    pub fn key(&self) -> String {
        let source = serde_json::to_vec(&(self.source.essence(), self.init)).expect("a recipe is plain data");
        let version = mmdebstrap::VERSION.to_le_bytes();
        let mut parts = vec![&b"image"[..], &version, mmdebstrap::PACK.as_bytes(), &source];
        if matches!(&self.source, Source::Packages(packages) if !packages.mirrors.is_empty()) {
            parts.extend(mmdebstrap::ARCHIVE.map(str::as_bytes));
        }
        if matches!(self.source, Source::Disk { .. }) {
            parts.push(mmdebstrap::DOWNLOAD.as_bytes());
        }
        checksum::of_bytes(&parts)
    }

    /// The folder of its image, if it is built.
    pub fn dir(&self, cache: &Cache) -> PathBuf {
        cache.images().join(self.folder())
    }

    fn folder(&self) -> String {
        format!("{}-{}", self.name, &self.key()[..SHORT])
    }
}

/// Looks for the image in the store. Files that changed since every byte of them was checked are checked now, which
/// blocks while they are hashed (0.3 s, for a distribution's disk ten times that).
pub fn open(recipe: &Recipe, cache: &Cache) -> Found {
    look(recipe, cache, verified::damage_since)
}

/// Looks for the image in the store, and checks every byte of it.
pub fn verify(recipe: &Recipe, cache: &Cache) -> Found {
    look(recipe, cache, verified::damage)
}

fn look(recipe: &Recipe, cache: &Cache, damage: fn(&BTreeMap<String, FileFact>, &Path) -> Option<String>) -> Found {
    let dir = recipe.dir(cache);
    let is_there = || dir.symlink_metadata().is_ok();
    if !is_there() {
        return Found::Absent;
    }
    let claim = match Claim::take(&dir) {
        // The image may have been pruned meanwhile.
        Ok(_) if !is_there() => return Found::Absent,
        Ok(claim) => Arc::new(claim),
        Err(error) => return Found::Damaged(error.to_string()),
    };
    if !dir.is_dir() {
        return Found::Damaged(format!("`{}` is no folder", dir.display()));
    }
    let manifest = match Manifest::read(&dir) {
        Ok(manifest) => manifest,
        Err(error) => return Found::Damaged(error.to_string()),
    };
    if let Some(name) = [KERNEL, MODULES, ROOT].into_iter().find(|name| !manifest.files.contains_key(*name)) {
        return Found::Damaged(format!("the manifest does not name `{name}`"));
    }
    match damage(&manifest.files, &dir) {
        Some(damage) => Found::Damaged(damage),
        None => Found::Whole(Box::new(Image {
            name: recipe.name.clone(),
            key: recipe.key(),
            kernel: dir.join(KERNEL),
            modules: dir.join(MODULES),
            root: dir.join(ROOT),
            packages: manifest.files.contains_key(PACKAGES).then(|| dir.join(PACKAGES)),
            dir,
            manifest,
            recipe: recipe.clone(),
            foreign: None,
            _claim: claim,
        })),
    }
}

/// Returns the image from the store, and builds it first if it is not there or damaged. Dropping the future ends the
/// build.
pub async fn ensure(recipe: &Recipe, cache: &Cache, teller: &Teller) -> Result<Image> {
    if let Found::Whole(image) = open_async(recipe, cache).await? {
        return Ok(*image);
    }
    let _lock = lock(recipe, cache, teller).await?;
    match open_async(recipe, cache).await? {
        Found::Whole(image) => return Ok(*image),
        Found::Absent => {}
        Found::Damaged(why) => {
            teller.notice(format!("image `{}` in the cache is damaged ({why}): building it again", recipe.name));
        }
    }
    sweep(cache).await?;
    let dir = recipe.dir(cache);
    build_in_room(recipe, cache, &dir, teller).await?;
    match open_async(recipe, cache).await? {
        Found::Whole(image) => Ok(*image),
        Found::Absent => Err(Error::host(format!("`{}` vanished as it was built", dir.display()))),
        Found::Damaged(why) => Err(Error::host(format!("`{}` is damaged as built: {why}", dir.display()))
            .hint("the disk or the memory of this host may be failing")),
    }
}

/// Builds beside `dir` and renames when whole. A damaged image in its place is removed only then: without a network
/// nothing is built, and most of a damaged image may still be of use.
async fn build_in_room(recipe: &Recipe, cache: &Cache, dir: &Path, teller: &Teller) -> Result<()> {
    let room = Room(cache.images().join(format!("{BUILDING}{}", recipe.folder())));
    remove(&room.0).await?;
    std::fs::create_dir(&room.0).host(|| format!("failed to create `{}`", room.0.display()))?;
    let log = cache.images().join(format!("{}.log", recipe.name));
    build::build(recipe, &recipe.key(), &room.0, &log, cache, teller).await?;
    remove(dir).await?;
    std::fs::rename(&room.0, dir).host(|| format!("failed to put the image at `{}`", dir.display()))
}

/// The folder of a build, removed when the build fails or is interrupted. The next build sweeps what cannot be removed
/// (see [`remove`]).
struct Room(PathBuf);

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything whole in the store, by folder name.
pub fn list(cache: &Cache) -> Result<Vec<Stored>> {
    let mut stored: Vec<_> = folders(cache)?
        .into_iter()
        .filter_map(|dir| Some(Stored { manifest: Manifest::read(&dir).ok()?, size_bytes: size_on_disk(&dir), dir }))
        .collect();
    stored.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(stored)
}

async fn open_async(recipe: &Recipe, cache: &Cache) -> Result<Found> {
    let (recipe, cache) = (recipe.clone(), cache.clone());
    tokio::task::spawn_blocking(move || open(&recipe, &cache)).await.host(|| "checking an image panicked".into())
}

fn folders(cache: &Cache) -> Result<Vec<PathBuf>> {
    let images = cache.images();
    let entries = std::fs::read_dir(&images).host(|| format!("failed to read `{}`", images.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.is_dir() && !name(path).starts_with('.')).collect())
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

fn size_on_disk(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|f| Some(std::os::unix::fs::MetadataExt::blocks(&f.metadata().ok()?) * 512)).sum()
}

/// Takes the recipe's lock; the kernel releases it when this process dies.
async fn lock(recipe: &Recipe, cache: &Cache, teller: &Teller) -> Result<File> {
    let file = lock_file(cache, &recipe.folder())?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => {
                return Err(Error::host(format!("failed to lock image `{}`", recipe.name)).cause(e));
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if !std::mem::replace(&mut told, true) {
            teller.notice(format!("image `{}` is being built by another tunelab: waiting for it", recipe.name));
        }
        // The lock is tried again and again, because Ctrl-C could not end a blocking one.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn lock_file(cache: &Cache, folder: &str) -> Result<File> {
    let path = cache.images().join(format!(".{folder}.lock"));
    File::options().create(true).append(true).open(&path).host(|| format!("failed to open `{}`", path.display()))
}

/// Removes rooms of interrupted builds, which no build uses any more.
pub async fn sweep(cache: &Cache) -> Result<Vec<PathBuf>> {
    let images = cache.images();
    let entries = std::fs::read_dir(&images).host(|| format!("failed to read `{}`", images.display()))?;
    let mut gone = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Some(folder) = name(&path).strip_prefix(BUILDING) else { continue };
        let lock = lock_file(cache, folder)?;
        if lock.try_lock().is_ok() {
            remove(&path).await?;
            gone.push(path);
        }
    }
    Ok(gone)
}
