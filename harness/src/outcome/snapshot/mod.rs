//! The snapshot: one file per scenario and image with the outcomes of all variants, reviewed with `cargo insta`.
//!
//! It is read, compared and accepted through insta's own types; the assertion macros are not used, because they print
//! and panic, and the command line must do neither. `document` decides what of a run goes into the file.

mod document;
mod kept;
mod shelf;

pub use document::Document;
pub use kept::{Verdicts, stored_facts};
pub use shelf::Shelf;

use crate::{
    error::{Context, Error, Result},
    read,
};
use insta::{
    Snapshot, TextSnapshotKind,
    internals::{SnapshotContents, TextSnapshotContents},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use toml::Table;

/// The result of a comparison of a run with its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    Matches,
    /// `diff` is a unified diff; `pending` is the file that `cargo insta review` will offer, absent in CI. `turned` are
    /// the claims with another verdict than the stored one, and the stored one of each.
    Differs {
        diff: String,
        pending: Option<PathBuf>,
        turned: BTreeMap<String, String>,
    },
    /// There is no snapshot yet.
    New {
        pending: Option<PathBuf>,
    },
    /// The snapshot was written, because that was asked for.
    Accepted,
}

impl Comparison {
    /// Returns the word for it in the JSON document.
    pub fn word(&self) -> &'static str {
        match self {
            Comparison::Matches | Comparison::Accepted => "matches",
            Comparison::Differs { .. } => "differs",
            Comparison::New { .. } => "new",
        }
    }

    /// Whether the run matches its snapshot, or has become the snapshot.
    pub fn as_expected(&self) -> bool {
        matches!(self, Comparison::Matches | Comparison::Accepted)
    }
}

/// The files that a comparison may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The snapshot is written: this run's outcomes are what is expected from now on.
    Accept,
    /// A difference is written to `.snap.new`, for `cargo insta review`.
    New,
    /// The same where there is a folder with snapshots already. Else no file is written: a run leaves nothing beside a
    /// scenario whose outcomes were never accepted.
    Review,
    /// No file is written.
    Check,
}

impl Mode {
    /// Returns the mode by insta's own rules and variables: in CI nothing is written, unless it is asked for.
    pub fn of_environment(accept: bool) -> Self {
        let update = std::env::var("INSTA_UPDATE").unwrap_or_default();
        match update.as_str() {
            _ if accept => Mode::Accept,
            "always" | "force" => Mode::Accept,
            "new" => Mode::New,
            "no" => Mode::Check,
            _ if is_ci() => Mode::Check,
            _ => Mode::Review,
        }
    }
}

/// Compares a run with its snapshot, and writes the files that `mode` allows; none if the shelf is read-only.
pub fn compare(shelf: &Shelf, document: &Document, mode: Mode) -> Result<Comparison> {
    let mode = match mode {
        _ if !shelf.is_writable() => Mode::Check,
        Mode::Review if !shelf.is_there() => Mode::Check,
        mode => mode,
    };
    if mode == Mode::Accept {
        return accept(shelf, document);
    }
    let path = shelf.path(&document.image);
    let pending = path.with_extension("snap.new");
    let Some(stored) = stored(&path)? else {
        let text = document.merged(&Table::new())?;
        return Ok(Comparison::New { pending: leave_pending(&pending, shelf, &text, mode)? });
    };
    let old = stored.as_text().map(ToString::to_string).unwrap_or_default();
    let before = parse(&old, &path)?;
    let new = document.merged(&before)?;
    if stored.contents() == &contents(&new) {
        remove(&pending)?;
        return Ok(Comparison::Matches);
    }
    let names = (path.display().to_string(), "this run".to_owned());
    let (old, shown) = (format!("{}\n", old.trim_end()), format!("{}\n", new.trim_end()));
    let diff = similar::TextDiff::from_lines(&old, &shown).unified_diff().header(&names.0, &names.1).to_string();
    let pending = leave_pending(&pending, shelf, &new, mode)?;
    Ok(Comparison::Differs { diff, pending, turned: document.turned(&before) })
}

/// Writes this run's outcomes as what is expected from now on.
fn accept(shelf: &Shelf, document: &Document) -> Result<Comparison> {
    let path = shelf.path(&document.image);
    let old = match stored(&path)? {
        Some(stored) => parse(&stored.as_text().map(ToString::to_string).unwrap_or_default(), &path)?,
        None => Table::new(),
    };
    let pending = path.with_extension("snap.new");
    write(&pending, shelf, &document.merged(&old)?)?;
    // The same two steps as `cargo insta accept`, so that the bytes are the same too.
    let snapshot = Snapshot::from_file(&pending).map_err(|e| broken(&pending, &*e))?;
    snapshot.save(&path).map_err(|e| broken(&path, &*e))?;
    remove(&pending)?;
    Ok(Comparison::Accepted)
}

fn stored(path: &Path) -> Result<Option<Snapshot>> {
    // A link that leads nowhere counts as a file too.
    if path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    read::text(path, "the snapshot", read::WRITTEN)?;
    Snapshot::from_file(path).map(Some).map_err(|e| broken(path, &*e))
}

fn broken(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::input(format!("failed to use the snapshot `{}`: {why}", path.display()))
        .hint("take it from version control again, or delete it and run with `--accept`")
}

fn parse(text: &str, path: &Path) -> Result<Table> {
    text.parse().map_err(|e: toml::de::Error| broken(path, &e))
}

fn contents(text: &str) -> SnapshotContents {
    TextSnapshotContents::new(text.to_owned(), TextSnapshotKind::File).into()
}

fn leave_pending(pending: &Path, shelf: &Shelf, text: &str, mode: Mode) -> Result<Option<PathBuf>> {
    if mode == Mode::Check {
        return Ok(None);
    }
    write(pending, shelf, text)?;
    Ok(Some(pending.to_owned()))
}

/// Whether `CI` is set in the environment, to anything but an empty text, `0` or `false`.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| !matches!(v.as_str(), "" | "0" | "false"))
}

fn write(path: &Path, shelf: &Shelf, text: &str) -> Result<()> {
    let failed = || format!("failed to write `{}`", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).host(failed)?;
    }
    let source = &shelf.source;
    std::fs::write(path, format!("---\nsource: {source}\nexpression: outcome\n---\n{text}")).host(failed)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        // In a read-only checkout even the removal of a file that is not there is refused.
        Err(e) if path.exists() => Err(e).host(|| format!("failed to remove `{}`", path.display())),
        _ => Ok(()),
    }
}
