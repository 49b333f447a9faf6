//! `--out`: copies each run's record, also of failed and interrupted runs, to a folder of the user's.

use crate::{
    error::{Context, Error, Result},
    story::RunName,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The error, in a file beside what there is of the record.
const WHY: &str = "error.txt";

/// Checks before anything runs that the folder can be written to.
pub fn ready(out: &Path) -> Result<()> {
    let name = out.display();
    match fs::create_dir_all(out) {
        Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            return Err(Error::input(format!("`--out {name}` is no folder"))
                .cause(e)
                .hint("name a folder; it is made where there is none"));
        }
        made => made.host(|| format!("failed to create `{name}`, the folder for the records"))?,
    }
    tempfile::tempfile_in(out).map(drop).host(|| format!("failed to write to `{name}`, the folder for the records"))
}

/// The folder of one run in `out`.
pub fn folder(out: &Path, run: &RunName) -> PathBuf {
    let kernel = run.kernel.as_ref().map(|release| format!("-{release}")).unwrap_or_default();
    out.join(format!("{}-{}{kernel}-{}-{}-{}", run.scenario_in_files(), run.image, run.variant, run.seed, run.repeat))
}

/// Copies all files of `from`. Half a record says something else than a whole one: it is removed again.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (source, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if let Err(e) = fs::copy(source, &target) {
            let _ = fs::remove_file(target);
            return Err(e);
        }
    }
    let _ = fs::remove_file(to.join(WHY));
    Ok(())
}

/// Copies a run's record to `to`, if given; returns where it is now: in `to`, or still in `from`, and then why.
pub fn keep(from: PathBuf, to: Option<&Path>) -> (PathBuf, Option<String>) {
    let Some(to) = to else { return (from, None) };
    match copy(&from, to) {
        Ok(()) => (to.to_owned(), None),
        Err(e) => {
            let why =
                format!("failed to copy the record to `{}`: {e}; it is kept in `{}`", to.display(), from.display());
            (from, Some(why))
        }
    }
}

/// Writes the error beside the record, or in place of it. If this fails, it cannot be reported.
pub fn explain(to: &Path, error: &Error) {
    let _ = fs::create_dir_all(to).and_then(|()| fs::write(to.join(WHY), format!("{error:?}\n")));
}
