//! Brings a file from one of several URLs into `<cache>/downloads/`: resumed where it was left, tried again, proven to
//! be the right one, and only then under its name.
//!
//! ```text
//! <checksum>.part ──whole and proven──► <checksum>        .<checksum>.lock: held by whoever fetches it
//! ```

mod digest;
mod http;
mod lock;
mod signature;
mod sums;

use super::{Disk, Proof};
use crate::{
    cache::{Cache, Claim},
    error::{Context, Error, Result},
    host::resources,
    story::{StepGuard, Teller},
};
use digest::Digest;
use http::{Ended, Get};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often a URL is asked, and how long is waited in between.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// In a row without a single byte gained.
    pub tries: u32,
    /// Doubled after each.
    pub first_wait: Duration,
    /// Without a byte, after which a connection counts as lost.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { tries: 4, first_wait: Duration::from_secs(1), stall: Duration::from_secs(30) }
    }
}

/// A file of the downloads, whole and proven.
#[derive(Debug)]
pub struct Fetched {
    pub path: PathBuf,
    /// Nobody prunes it before this is gone.
    _claim: Claim,
}

/// The disk image, downloaded and proven. Nothing is asked of the network if it is there already. Dropping the future
/// ends the download; what there is of it is used the next time.
pub async fn fetch(disk: &Disk, cache: &Cache, patience: Patience, teller: &Teller) -> Result<Fetched> {
    let downloads = cache.downloads();
    std::fs::create_dir_all(&downloads).host(|| format!("failed to create `{}`", downloads.display()))?;
    let digest = match &disk.proof {
        Proof::Sha256(hex) => Digest::Sha256(hex.clone()),
        Proof::Sha512(hex) => Digest::Sha512(hex.clone()),
        Proof::Sums(sums) => sums::digest(sums, &disk.urls, patience, teller).await?,
    };
    let path = downloads.join(digest.hex());
    let _lock = lock::hold(&downloads.join(format!(".{}.lock", digest.hex())), teller).await?;
    // Of what is not there yet as well: its `.part` is claimed with it.
    let fetched = Fetched { _claim: claim(&path).await?, path };
    if is_whole(&fetched.path, &digest).await? {
        return Ok(fetched);
    }
    let mut download = Download { part: downloads.join(format!("{}.part", digest.hex())), digest, patience, teller };
    let mut failures = Vec::new();
    for url in &disk.urls {
        match download.from(url).await? {
            Ok(()) => {
                std::fs::rename(&download.part, &fetched.path)
                    .host(|| format!("failed to create `{}`", fetched.path.display()))?;
                return Ok(fetched);
            }
            Err(why) => {
                if failures.len() + 1 < disk.urls.len() {
                    teller.notice(format!("`{url}`: {why}; trying the next"));
                }
                failures.push(format!("`{url}`: {why}"));
            }
        }
    }
    Err(Error::host(format!("failed to download {}", failures.join("; "))).hint(HINT))
}

const HINT: &str =
    "check the network and the recipe's `urls`; what was downloaded so far is kept and used the next time";

/// What is wrong with a file of the downloads, which its name is the checksum of; `None`: nothing. Reads every byte.
pub fn damage(path: &Path) -> Option<String> {
    let digest = path.file_name().and_then(|name| Digest::parse(name.to_str()?));
    match digest.map(|digest| digest.is_of(path)) {
        Some(Ok(true)) => None,
        Some(Ok(false)) => Some("its checksum is not its name".into()),
        Some(Err(e)) => Some(format!("it cannot be read: {e}")),
        None => Some("its name is no checksum".into()),
    }
}

async fn claim(path: &Path) -> Result<Claim> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || Claim::take(&path))
        .await
        .host(|| "claiming a download was interrupted".into())?
}

/// There and what it should be. If it is not, it goes.
async fn is_whole(path: &Path, digest: &Digest) -> Result<bool> {
    if !path.exists() {
        return Ok(false);
    }
    let whole = proven(path, digest).await?;
    if !whole {
        std::fs::remove_file(path).host(|| format!("failed to remove `{}`", path.display()))?;
    }
    Ok(whole)
}

async fn proven(path: &Path, digest: &Digest) -> Result<bool> {
    let (path, digest) = (path.to_owned(), digest.clone());
    let check = move || digest.is_of(&path).host(|| format!("failed to read `{}`", path.display()));
    tokio::task::spawn_blocking(check).await.host(|| "the checksum panicked".into())?
}

struct Download<'a> {
    part: PathBuf,
    digest: Digest,
    patience: Patience,
    teller: &'a Teller,
}

impl Download<'_> {
    /// The inner error is about this URL: another one may do.
    async fn from(&mut self, url: &str) -> Result<Result<(), String>> {
        // What an earlier time left may be of another file: then the whole of it is asked for once.
        let mut resumed = size(&self.part) > 0;
        loop {
            if let Err(why) = self.all_of(url).await? {
                return Ok(Err(why));
            }
            if proven(&self.part, &self.digest).await? {
                return Ok(Ok(()));
            }
            std::fs::remove_file(&self.part).host(|| format!("failed to remove `{}`", self.part.display()))?;
            if !std::mem::take(&mut resumed) {
                return Ok(Err(format!("its checksum is not {}", self.digest.hex())));
            }
            self.teller.notice(format!("what was left of an earlier download is no part of `{url}`: beginning anew"));
        }
    }

    /// As often as patience has it: until the file ends where the server says that it does.
    async fn all_of(&self, url: &str) -> Result<Result<(), String>> {
        let step = self.teller.step(format!("downloading `{url}`"));
        let (mut tries, mut wait) = (0, self.patience.first_wait);
        loop {
            let before = size(&self.part);
            let why = match self.once(url, &step).await? {
                Ended::Whole => return Ok(Ok(())),
                Ended::Refused(why) => return Ok(Err(why)),
                Ended::Broken(why) => why,
            };
            if size(&self.part) > before {
                (tries, wait) = (0, self.patience.first_wait);
            }
            tries += 1;
            if tries >= self.patience.tries {
                return Ok(Err(why));
            }
            step.progress(None, format!("{why}; trying again in {} s", wait.as_secs_f32()));
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    /// One request, in a thread of its own, which stops when this future is dropped.
    async fn once(&self, url: &str, step: &StepGuard) -> Result<Ended> {
        let seen = Arc::new(Seen::default());
        let _stop = StopOnDrop(seen.clone());
        let get = Get { url: url.to_owned(), part: self.part.clone(), stall: self.patience.stall, seen: seen.clone() };
        let mut running = tokio::task::spawn_blocking(move || get.run());
        loop {
            tokio::select! {
                ended = &mut running => return ended.host(|| "the download panicked".into())?,
                () = tokio::time::sleep(Duration::from_millis(200)) => seen.tell(step),
            }
        }
    }
}

/// What a thread that downloads tells, and is told.
#[derive(Debug, Default)]
struct Seen {
    bytes: AtomicU64,
    /// 0 until the server said so.
    total_bytes: AtomicU64,
    stop: AtomicBool,
}

impl Seen {
    fn tell(&self, step: &StepGuard) {
        let (bytes, total) = (self.bytes.load(Ordering::Relaxed), self.total_bytes.load(Ordering::Relaxed));
        if total > 0 {
            let detail = format!("{} of {} MiB", resources::mib(bytes), resources::mib(total));
            step.progress(Some(bytes as f64 / total as f64), detail);
        }
    }
}

struct StopOnDrop(Arc<Seen>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// In bytes; 0 if it is not there.
fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |m| m.len())
}
