//! Kernels in the cache, whole or not there: `<cache>/kernels/<release>-<key>/`, made beside it and renamed.

use super::{Given, Kernel, Modules, tree};
use crate::{
    cache::{Cache, Claim},
    error::{Context, Error, Result},
    image::{FileFact, checksum, initrd, modules, verified},
    read,
    story::Teller,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    sync::Arc,
};

/// Raised when the form of the cached files changes for the same input.
const VERSION: u32 = 1;
const IMAGE: &str = "kernel";
const MODULES: &str = "modules.cpio";
const TREE: &str = "modules.img";
/// This file is written last.
const FACTS: &str = "kernel.json";

#[derive(Serialize, Deserialize)]
struct Facts {
    release: String,
    sha256: String,
    modules_sha256: Option<String>,
    files: BTreeMap<String, FileFact>,
}

/// Returns the kernel from the cache, and puts it there first if it is not whole. A dropped future leaves nothing that
/// counts.
pub async fn ensure(given: &Given, cache: &Cache, teller: &Teller) -> Result<Kernel> {
    let (given, cache, teller) = (given.clone(), cache.clone(), teller.clone());
    let work = tokio::task::spawn_blocking(move || ensure_now(&given, &cache, &teller));
    work.await.host(|| "preparing a kernel was interrupted".into())?
}

fn ensure_now(given: &Given, cache: &Cache, teller: &Teller) -> Result<Kernel> {
    let sha256 = hex::encode(Sha256::digest(&**given.image));
    let modules_sha256 = given.modules.as_ref().map(Modules::sha256).transpose()?;
    let wanted = Facts { release: given.release.clone(), sha256, modules_sha256, files: BTreeMap::new() };
    let key = checksum::of_bytes(&[
        &VERSION.to_le_bytes(),
        wanted.sha256.as_bytes(),
        wanted.modules_sha256.as_deref().unwrap_or_default().as_bytes(),
    ]);
    let name = format!("{}-{}", given.release, &key[..12]);
    let dir = cache.kernels().join(&name);
    let lock = cache.kernels().join(format!(".{name}.lock"));
    let _lock = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .host(|| format!("failed to lock `{}`", lock.display()))?;
    let claim = Arc::new(Claim::take(&dir)?);
    match find(&dir, &claim) {
        Ok(kernel) => return Ok(kernel),
        Err(why) if dir.symlink_metadata().is_ok() => {
            teller.notice(format!("kernel {} in the cache is damaged ({why}): preparing it again", given.release));
        }
        Err(_) => {}
    }
    let step = teller.step(format!("preparing kernel {}", given.release));
    let room = cache.kernels().join(format!(".making-{name}"));
    clear(&room)?;
    let made = fs::create_dir(&room).host(|| format!("failed to create `{}`", room.display()));
    let made = made.and_then(|()| make(given, wanted, &room));
    if let Err(e) = made {
        let _ = fs::remove_dir_all(&room);
        return Err(e);
    }
    clear(&dir)?;
    fs::rename(&room, &dir).host(|| format!("failed to put a kernel at `{}`", dir.display()))?;
    step.done();
    find(&dir, &claim).map_err(|why| Error::host(format!("`{}` is damaged as it was written: {why}", dir.display())))
}

/// Removes whatever is there: a folder, or something in its place.
fn clear(path: &Path) -> Result<()> {
    let gone = match path.symlink_metadata() {
        Ok(seen) if seen.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return Ok(()),
    };
    gone.host(|| format!("failed to remove `{}`", path.display()))
}

/// Returns the difference between what was put in this folder and what is there, or `None`. Reads every byte.
pub fn damage(dir: &Path) -> Option<String> {
    match facts(dir) {
        Ok(facts) => verified::damage(&facts.files, dir),
        Err(why) => Some(why),
    }
}

fn facts(dir: &Path) -> std::result::Result<Facts, String> {
    let read = read::bytes(&dir.join(FACTS), "the facts", read::WRITTEN).ok();
    let facts = read.and_then(|text| serde_json::from_slice(&text).ok());
    facts.ok_or_else(|| format!("it has no `{FACTS}` that can be read"))
}

/// Returns the kernel if it is there and whole; else why not.
fn find(dir: &Path, claim: &Arc<Claim>) -> std::result::Result<Kernel, String> {
    let facts = facts(dir)?;
    // The facts may describe other files than those that are looked for here.
    if let Some(name) = [IMAGE, MODULES].into_iter().find(|name| !facts.files.contains_key(*name)) {
        return Err(format!("its `{FACTS}` does not name `{name}`"));
    }
    if let Some(damage) = verified::damage_since(&facts.files, dir) {
        return Err(damage);
    }
    Ok(Kernel {
        release: facts.release,
        sha256: facts.sha256,
        modules_sha256: facts.modules_sha256,
        image: dir.join(IMAGE),
        modules: dir.join(MODULES),
        tree: facts.files.contains_key(TREE).then(|| dir.join(TREE)),
        _claim: claim.clone(),
    })
}

fn make(given: &Given, mut facts: Facts, room: &Path) -> Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        fs::write(room.join(name), bytes).host(|| format!("failed to write to `{}`", room.display()))
    };
    write(IMAGE, &given.image)?;
    let base = room.join("tree");
    let modules = base.join("lib/modules").join(&given.release);
    fs::create_dir_all(&modules).host(|| format!("failed to create a folder in `{}`", room.display()))?;
    let mut names = vec![IMAGE, MODULES];
    let mut order = Vec::new();
    if let Some(source) = &given.modules
        && source.unpack(&modules)?
    {
        same_release(given, source, &modules)?;
        tree::index(&base, &given.release)?;
        order = modules::closure(&modules)?;
        tree::disk(&base.join("lib/modules"), &room.join(TREE))?;
        names.push(TREE);
    }
    write(MODULES, &initrd::modules(&order))?;
    fs::remove_dir_all(&base).host(|| format!("failed to remove `{}`", base.display()))?;
    for name in names {
        facts.files.insert(name.to_owned(), FileFact::of(&room.join(name))?);
    }
    write(FACTS, &serde_json::to_vec_pretty(&facts).expect("plain data"))
}

/// Refuses modules that were built for another kernel: a kernel wants its release to the letter.
fn same_release(given: &Given, source: &Modules, modules: &Path) -> Result<()> {
    match tree::release(modules)? {
        Some(other) if other != given.release => Err(Error::input(format!(
            "the modules in `{}` are of Linux {other}, the kernel `{}` is {}",
            source.path().display(),
            given.file.display(),
            given.release
        ))
        .hint("give the modules of the same build")),
        _ => Ok(()),
    }
}

impl crate::image::Image {
    /// This image's userspace under another kernel.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Arc<Kernel>) -> Self {
        let modules = kernel.modules_sha256.as_deref().unwrap_or_default();
        self.key = checksum::of_bytes(&[self.key.as_bytes(), kernel.sha256.as_bytes(), modules.as_bytes()]);
        self.kernel = kernel.image.clone();
        self.modules = kernel.modules.clone();
        self.foreign = Some(kernel);
        self
    }

    /// The release, as `uname -r` says it.
    pub fn release(&self) -> &str {
        self.foreign.as_ref().map_or(&self.manifest.kernel_release, |kernel| &kernel.release)
    }

    /// SHA-256 in hex of the kernel.
    pub fn kernel_sha256(&self) -> &str {
        match &self.foreign {
            Some(kernel) => &kernel.sha256,
            None => &self.manifest.files[crate::image::files::KERNEL].sha256,
        }
    }
}
