//! `.verified` beside an entry's files records how they looked when every byte of them was read and found right. Until
//! one of them changes, they are all read again only on request.

use super::{FileFact, manifest};
use crate::read;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

const FILE: &str = ".verified";

/// A file that changed more recently may change again without its times telling: file systems count in ticks, some in
/// seconds.
const SETTLED_NS: i64 = 2_000_000_000;

type Files = BTreeMap<String, FileFact>;
type Looks = BTreeMap<String, Look>;

/// Every write to a file moves its times; the inode's change time cannot be set back.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Look {
    sha256: String,
    size_bytes: u64,
    inode: u64,
    /// Nanoseconds since 1970.
    modified_ns: i64,
    changed_ns: i64,
}

/// Returns a difference between these facts and the files in `dir`, or `None`. Reads every byte.
pub fn damage(files: &Files, dir: &Path) -> Option<String> {
    let (looks, now) = (looks(files, dir), now_ns());
    let damage = manifest::damage(files, dir);
    // If the stamp cannot be written, it costs time; if it cannot be removed, it tells of files that are no more.
    let _ =
        match looks.filter(|looks| damage.is_none() && looks.values().all(|look| look.changed_ns + SETTLED_NS < now)) {
            Some(looks) => fs::write(dir.join(FILE), serde_json::to_vec(&looks).expect("plain data")),
            None => fs::remove_file(dir.join(FILE)),
        };
    damage
}

/// The same, but trusts files that did not change since they were last found right.
pub fn damage_since(files: &Files, dir: &Path) -> Option<String> {
    let stamp = read::bytes(&dir.join(FILE), "a stamp", read::WRITTEN)
        .ok()
        .and_then(|text| serde_json::from_slice::<Looks>(&text).ok());
    match stamp {
        Some(stamp) if Some(&stamp) == looks(files, dir).as_ref() => None,
        _ => damage(files, dir),
    }
}

fn looks(files: &Files, dir: &Path) -> Option<Looks> {
    let look = |(name, fact): (&String, &FileFact)| {
        let meta = fs::metadata(dir.join(name)).ok()?;
        let ns = |seconds: i64, rest: i64| seconds * 1_000_000_000 + rest;
        let look = Look {
            sha256: fact.sha256.clone(),
            size_bytes: meta.size(),
            inode: meta.ino(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
        };
        Some((name.clone(), look))
    };
    files.iter().map(look).collect()
}

fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}
