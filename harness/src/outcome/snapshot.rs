//! The snapshot: one file per scenario and image with the outcomes of all variants, reviewed with `cargo insta`.
//!
//! Read, compared and accepted through insta's own types; the assertion macros are not used, because they print and
//! panic, and the command line must do neither.

use super::{Num, claims::Judged};
use crate::error::{Context, Error, Result};
use insta::{
    Snapshot, TextSnapshotKind,
    internals::{SnapshotContents, TextSnapshotContents},
};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What is compared: outcomes by variant, and the verdicts.
#[derive(Debug, Clone)]
pub struct Document {
    pub scenario: String,
    pub image: String,
    pub variants: Vec<(String, Table)>,
    pub claims: Vec<Judged>,
    /// All of the scenario's variants ran: what else is stored is of variants that are no more.
    pub whole: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    Matches,
    /// `diff` is a unified one; `pending` is the file that `cargo insta review` will offer, absent in CI.
    Differs {
        diff: String,
        pending: Option<PathBuf>,
    },
    /// There is no snapshot yet.
    New {
        pending: Option<PathBuf>,
    },
    /// It was written, on demand.
    Accepted,
}

impl Comparison {
    /// The word of the JSON document.
    pub fn word(&self) -> &'static str {
        match self {
            Comparison::Matches | Comparison::Accepted => "matches",
            Comparison::Differs { .. } => "differs",
            Comparison::New { .. } => "new",
        }
    }

    pub fn as_expected(&self) -> bool {
        matches!(self, Comparison::Matches | Comparison::Accepted)
    }
}

pub fn path(repository: &Path, scenario: &str, image: &str) -> PathBuf {
    repository.join("snapshots").join(format!("{scenario}@{image}.snap"))
}

/// Compares; a difference is left as `.snap.new` except in CI.
pub fn compare(repository: &Path, document: &Document) -> Result<Comparison> {
    if std::env::var("INSTA_UPDATE").is_ok_and(|u| u == "always" || u == "force") {
        return accept(repository, document);
    }
    let path = path(repository, &document.scenario, &document.image);
    let pending = path.with_extension("snap.new");
    let Some(stored) = stored(&path)? else {
        let text = document.merged(&Table::new())?;
        return Ok(Comparison::New { pending: leave_pending(&pending, document, &text)? });
    };
    let old = stored.as_text().map(ToString::to_string).unwrap_or_default();
    let new = document.merged(&parse(&old, &path)?)?;
    if stored.contents() == &contents(&new) {
        remove(&pending)?;
        return Ok(Comparison::Matches);
    }
    let names = (path.display().to_string(), "this run".to_owned());
    let diff = similar::TextDiff::from_lines(&format!("{}\n", old.trim_end()), &format!("{}\n", new.trim_end()))
        .unified_diff()
        .header(&names.0, &names.1)
        .to_string();
    Ok(Comparison::Differs { diff, pending: leave_pending(&pending, document, &new)? })
}

/// Writes what this run found as what is expected from now on.
pub fn accept(repository: &Path, document: &Document) -> Result<Comparison> {
    let path = path(repository, &document.scenario, &document.image);
    let old = match stored(&path)? {
        Some(stored) => parse(&stored.as_text().map(ToString::to_string).unwrap_or_default(), &path)?,
        None => Table::new(),
    };
    let pending = path.with_extension("snap.new");
    write(&pending, document, &document.merged(&old)?)?;
    // The same two steps as `cargo insta accept`, so that the bytes are the same too.
    let snapshot = Snapshot::from_file(&pending).map_err(|e| broken(&pending, &*e))?;
    snapshot.save(&path).map_err(|e| broken(&path, &*e))?;
    remove(&pending)?;
    Ok(Comparison::Accepted)
}

fn stored(path: &Path) -> Result<Option<Snapshot>> {
    if !path.exists() {
        return Ok(None);
    }
    Snapshot::from_file(path).map(Some).map_err(|e| broken(path, &*e))
}

fn broken(path: &Path, why: &dyn std::error::Error) -> Error {
    Error::input(format!("failed to use the snapshot `{}`: {why}", path.display()))
        .hint("take it from version control again, or delete it and run with `--accept`")
}

fn parse(text: &str, path: &Path) -> Result<Table> {
    text.parse().map_err(|e: toml::de::Error| broken(path, &e))
}

fn contents(text: &str) -> SnapshotContents {
    TextSnapshotContents::new(text.to_owned(), TextSnapshotKind::File).into()
}

/// insta's rule: in CI nothing is written, unless it is asked for.
fn leave_pending(pending: &Path, document: &Document, text: &str) -> Result<Option<PathBuf>> {
    let update = std::env::var("INSTA_UPDATE").unwrap_or_default();
    if update == "no" || (is_ci() && update != "new") {
        return Ok(None);
    }
    write(pending, document, text)?;
    Ok(Some(pending.to_owned()))
}

pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| !matches!(v.as_str(), "" | "0" | "false"))
}

fn write(path: &Path, document: &Document, text: &str) -> Result<()> {
    let failed = || format!("failed to write `{}`", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).host(failed)?;
    }
    let source = format!("scenarios/{}/scenario.toml", document.scenario);
    std::fs::write(path, format!("---\nsource: {source}\nexpression: outcome\n---\n{text}")).host(failed)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).host(|| format!("failed to remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

impl Document {
    /// This run's outcomes in place of the stored ones, with stored numbers where they are near enough. Variants and
    /// claims that did not run stay as they are stored.
    fn merged(&self, stored: &Table) -> Result<String> {
        let kept = |key| stored.get(key).filter(|_| !self.whole);
        let mut whole = Table::new();
        whole.insert("scenario".into(), self.scenario.clone().into());
        whole.insert("image".into(), self.image.clone().into());
        let claims = self.claims.iter().map(|c| (c.id.clone(), c.verdict.word().into())).collect();
        whole.insert("claims".into(), merge(kept("claims"), claims));
        let variants = self.variants.iter().map(|(name, outcome)| {
            let old = stored.get("variant").and_then(|v| v.get(name));
            (name.clone(), settle(old, Value::Table(outcome.clone())))
        });
        whole.insert("variant".into(), merge(kept("variant"), variants.collect()));
        toml::to_string_pretty(&whole).map_err(|e| Error::host("failed to write an outcome as TOML").cause(e))
    }
}

/// Stored keys first and in their order, so that a partial run changes nothing else.
fn merge(stored: Option<&Value>, new: Table) -> Value {
    let mut merged = stored.and_then(Value::as_table).cloned().unwrap_or_default();
    merged.extend(new);
    Value::Table(merged)
}

/// The new value, with stored numbers in it where the new ones are within the stored tolerance.
fn settle(stored: Option<&Value>, new: Value) -> Value {
    match (stored, new) {
        (Some(Value::Table(old)), Value::Table(new)) => {
            Value::Table(new.into_iter().map(|(key, value)| (key.clone(), settle(old.get(&key), value))).collect())
        }
        (Some(Value::Array(old)), Value::Array(new)) => {
            Value::Array(new.into_iter().enumerate().map(|(n, value)| settle(old.get(n), value)).collect())
        }
        (Some(old), new) => match (Num::of(old), Num::of(&new)) {
            (Some(a), Some(b)) if a.admits(&b) => old.clone(),
            _ => new,
        },
        (None, new) => new,
    }
}
