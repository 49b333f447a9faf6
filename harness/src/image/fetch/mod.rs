//! Brings a file from one of several URLs into `<cache>/downloads/`. It is resumed where it was left, tried again,
//! proven to be the right one, and only then put under its name.
//!
//! ```text
//! <checksum>.part ──whole and proven──► <checksum>        .<checksum>.lock: held by the process that fetches it
//!        │ ▲
//!        ▼ │ while it is begun anew, because no URL could continue it
//! <checksum>.aside
//! ```

mod digest;
mod http;
mod lock;
mod signature;
mod sums;

use super::{Disk, Proof, files};
use crate::{
    cache::{Cache, Claim},
    error::{Context, Error, Result},
    host::resources,
    story::{StepGuard, Teller},
};
use digest::Digest;
use http::{Ended, Get};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often a URL is asked, and how long to wait in between.
#[derive(Debug, Clone, Copy)]
pub struct Attempts {
    /// The tries in a row that do not gain a single byte.
    pub tries: u32,
    /// The first wait; it is doubled after each try.
    pub first_wait: Duration,
    /// The time without a byte after which a connection counts as lost.
    pub stall: Duration,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts { tries: 4, first_wait: Duration::from_secs(1), stall: Duration::from_secs(30) }
    }
}

/// A file of the downloads, whole and proven.
#[derive(Debug)]
pub struct Fetched {
    pub path: PathBuf,
    /// The file is not pruned before this is gone.
    _claim: Claim,
}

/// Downloads the disk image and proves it. If it is there already, nothing is asked of the network. Dropping the future
/// ends the download; its bytes so far are used the next time.
pub async fn fetch(disk: &Disk, cache: &Cache, attempts: Attempts, teller: &Teller) -> Result<Fetched> {
    let downloads = cache.downloads();
    std::fs::create_dir_all(&downloads).host(|| format!("failed to create `{}`", downloads.display()))?;
    let digest = match &disk.proof {
        Proof::Sha256(hex) => Digest::Sha256(hex.clone()),
        Proof::Sha512(hex) => Digest::Sha512(hex.clone()),
        Proof::Sums(sums) => sums::digest(sums, &disk.urls, attempts, teller).await?,
    };
    let path = downloads.join(digest.hex());
    let _lock = lock::hold(&downloads.join(format!(".{}.lock", digest.hex())), teller).await?;
    // The claim is also for a file that is not there yet: its `.part` is claimed with it.
    let fetched = Fetched { _claim: claim(&path).await?, path };
    if is_whole(&fetched.path, &digest).await? {
        return Ok(fetched);
    }
    let download = Download { downloads: &downloads, digest, attempts, teller };
    let left = match download.bring(&disk.urls).await? {
        Ok(()) => {
            std::fs::rename(download.part(), &fetched.path)
                .host(|| format!("failed to create `{}`", fetched.path.display()))?;
            return Ok(fetched);
        }
        Err(left) => left,
    };
    let failures: Vec<_> = left.iter().map(|left| format!("`{}`: {}", left.url, left.why)).collect();
    Err(Error::host(format!("failed to download {}", failures.join("; "))).hint(HINT))
}

const HINT: &str =
    "check the network and the recipe's `urls`; what was downloaded so far is kept and used the next time";

/// Returns what is wrong with a file of the downloads, or `None`. Its name is its checksum. Reads every byte.
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

/// Whether the file is there and right. If it is wrong, it is removed.
async fn is_whole(path: &Path, digest: &Digest) -> Result<bool> {
    if !path.is_file() {
        files::remove(path).await?;
        return Ok(false);
    }
    let whole = proven(path, digest).await?;
    if !whole {
        remove(path)?;
    }
    Ok(whole)
}

async fn proven(path: &Path, digest: &Digest) -> Result<bool> {
    let (path, digest) = (path.to_owned(), digest.clone());
    let check = move || digest.is_of(&path).host(|| format!("failed to read `{}`", path.display()));
    tokio::task::spawn_blocking(check).await.host(|| "the checksum panicked".into())?
}

struct Download<'a> {
    downloads: &'a Path,
    digest: Digest,
    attempts: Attempts,
    teller: &'a Teller,
}

/// Why a URL was left; another one may do.
struct Left<'u> {
    url: &'u str,
    why: String,
    /// The download continued an earlier part, and the result is wrong: either the part or this URL is wrong.
    doubts: bool,
}

impl Download<'_> {
    fn part(&self) -> PathBuf {
        self.downloads.join(format!("{}.part", self.digest.hex()))
    }

    fn aside(&self) -> PathBuf {
        self.downloads.join(format!("{}.aside", self.digest.hex()))
    }

    /// Makes the part whole. If it comes out wrong, those URLs that continued an earlier part begin anew, which shows
    /// whether the part or the URL was wrong. Until one of them ends well, the earlier part is kept.
    async fn bring<'u>(&self, urls: &'u [String]) -> Result<Result<(), Vec<Left<'u>>>> {
        // An interrupted download may have left both.
        self.keep_the_longer()?;
        let mut left = match self.try_each(urls.iter().map(String::as_str).collect()).await? {
            Ok(()) => return Ok(Ok(())),
            Err(left) => left,
        };
        let doubting: Vec<_> = left.iter().filter(|left| left.doubts).map(|left| left.url).collect();
        if doubting.is_empty() {
            return Ok(Err(left));
        }
        let urls = doubting.iter().map(|url| format!("`{url}`")).collect::<Vec<_>>().join(", ");
        self.teller.notice(format!("what was left of an earlier download is no part of {urls}: beginning anew"));
        rename(&self.part(), &self.aside())?;
        match self.try_each(doubting).await? {
            Ok(()) => remove(&self.aside()).map(Ok),
            Err(again) => {
                self.keep_the_longer()?;
                left.retain(|left| !left.doubts);
                left.extend(again);
                Ok(Err(left))
            }
        }
    }

    /// Keeps the longer of the part and what was put aside for it.
    fn keep_the_longer(&self) -> Result<()> {
        let (part, aside) = (self.part(), self.aside());
        match size(&aside) {
            0 => Ok(()),
            length if length > size(&part) => rename(&aside, &part),
            _ => remove(&aside),
        }
    }

    /// Tries one URL after the other; each continues what is there.
    async fn try_each<'u>(&self, urls: Vec<&'u str>) -> Result<Result<(), Vec<Left<'u>>>> {
        let (mut left, last) = (Vec::new(), urls.len() - 1);
        for (n, url) in urls.into_iter().enumerate() {
            let Err(why) = self.from(url).await? else { return Ok(Ok(())) };
            if n < last {
                self.teller.notice(format!("`{url}`: {}; trying the next", why.why));
            }
            left.push(why);
        }
        Ok(Err(left))
    }

    /// Downloads from one URL. The inner error is about this URL.
    async fn from<'u>(&self, url: &'u str) -> Result<Result<(), Left<'u>>> {
        let part = self.part();
        let before = size(&part);
        if let Err(why) = self.all_of(url).await? {
            return Ok(Err(Left { url, why, doubts: false }));
        }
        if proven(&part, &self.digest).await? {
            return Ok(Ok(()));
        }
        // The bytes that others left were there before, and may be right.
        cut(&part, before)?;
        Ok(Err(Left { url, why: format!("its checksum is not {}", self.digest.hex()), doubts: before > 0 }))
    }

    /// Asks up to `attempts.tries` times, until the file ends where the server says that it does.
    async fn all_of(&self, url: &str) -> Result<Result<(), String>> {
        let step = self.teller.step(format!("downloading `{url}`"));
        let (mut tries, mut wait) = (0, self.attempts.first_wait);
        loop {
            let before = size(&self.part());
            let why = match self.once(url, &step).await? {
                Ended::Whole => {
                    step.done();
                    return Ok(Ok(()));
                }
                Ended::Refused(why) => return Ok(Err(why)),
                Ended::Broken(why) => why,
            };
            if size(&self.part()) > before {
                (tries, wait) = (0, self.attempts.first_wait);
            }
            tries += 1;
            if tries >= self.attempts.tries {
                return Ok(Err(why));
            }
            // The step's own progress would not do: it is seen on a terminal only.
            self.teller.notice(again(url, &why, wait));
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    /// Makes one request, in a thread of its own, which stops when this future is dropped.
    async fn once(&self, url: &str, step: &StepGuard) -> Result<Ended> {
        let seen = Arc::new(Seen::default());
        let _stop = StopOnDrop(seen.clone());
        let get = Get { url: url.to_owned(), part: self.part(), stall: self.attempts.stall, seen: seen.clone() };
        let mut running = tokio::task::spawn_blocking(move || get.run());
        loop {
            tokio::select! {
                ended = &mut running => return ended.host(|| "the download panicked".into())?,
                () = tokio::time::sleep(Duration::from_millis(200)) => seen.tell(step),
            }
        }
    }
}

/// The reports of a download thread, and the order to stop it.
#[derive(Debug, Default)]
struct Seen {
    bytes: AtomicU64,
    /// 0 until the server says it.
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

fn again(url: &str, why: &str, wait: Duration) -> String {
    format!("`{url}`: {why}; trying again in {} s", wait.as_secs_f32())
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).host(|| format!("failed to rename `{}`", from.display()))
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).host(|| format!("failed to remove `{}`", path.display()))
}

/// Cuts a file to this many bytes; with 0 it removes the file.
fn cut(path: &Path, length: u64) -> Result<()> {
    if length == 0 {
        return remove(path);
    }
    let file = File::options().write(true).open(path);
    file.and_then(|file| file.set_len(length)).host(|| format!("failed to cut `{}`", path.display()))
}

/// The size in bytes; 0 if it is not there.
fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |m| m.len())
}
