//! The catalogue that comes with tunelab, embedded: `scenarios/`, `snapshots/` and `images/` as they were when it was built.
//!
//! It is a package of its own so that only a change of these files compiles them again.

use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "../../scenarios"]
#[prefix = "scenarios/"]
struct Scenarios;

#[derive(RustEmbed)]
#[folder = "../../snapshots"]
#[prefix = "snapshots/"]
struct Snapshots;

#[derive(RustEmbed)]
#[folder = "../../images"]
#[prefix = "images/"]
struct Images;

pub struct File {
    /// `scenarios/conntrack-leak/scenario.toml`
    pub path: String,
    pub bytes: Cow<'static, [u8]>,
    pub sha256: [u8; 32],
}

/// Returns all files, sorted by path.
pub fn files() -> Vec<File> {
    let paths = Scenarios::iter().chain(Snapshots::iter()).chain(Images::iter());
    let mut files: Vec<File> = paths.filter(|path| belongs(path)).filter_map(|path| file(&path)).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Returns the file at this path.
pub fn file(path: &str) -> Option<File> {
    let found: EmbeddedFile = Scenarios::get(path).or_else(|| Snapshots::get(path)).or_else(|| Images::get(path))?;
    Some(File { path: path.to_owned(), sha256: found.metadata.sha256_hash(), bytes: found.data })
}

/// A snapshot that a run in the checkout left for review is not accepted yet.
fn belongs(path: &str) -> bool {
    !path.ends_with(".snap.new") && !path.ends_with(".pending-snap") && !path.ends_with('~')
}
