//! Turns the last event of a plan that failed into the error: the guest's own, or a mistake in a file of the user's, at
//! its line.

use crate::{error::Error, plan::RunSpec, scenario::Problems};
use std::{ops::Range, path::Path};
use tunelab_protocol::{Event, Fault, Stamped, guest};

/// The error at the end of the record in this file, if it ends with a failure.
pub fn at_the_end_of(record: &Path, spec: &RunSpec) -> Option<Error> {
    let text = std::fs::read(record).ok()?;
    let last = text.strip_suffix(b"\n")?.rsplit(|b| *b == b'\n').next()?;
    of(&serde_json::from_slice::<Stamped>(last).ok()?.event, spec)
}

/// Returns `None` if the event is no failure.
pub fn of(event: &Event, spec: &RunSpec) -> Option<Error> {
    let Event::Failed { what, hint, fault } = event else { return None };
    let what = with_own_paths(what, spec);
    let error = match fault {
        Fault::Guest => Error::guest(format!("the plan failed in the guest: {what}")),
        Fault::File { path, line } => in_file(path, *line, &what, spec),
        Fault::Scenario { words } => in_scenario(words, &what, spec),
    };
    Some(hint.iter().fold(error, |error, hint| error.hint(hint)))
}

fn in_file(path: &str, line: Option<u32>, what: &str, spec: &RunSpec) -> Error {
    let own = path.strip_prefix(guest::FILES).and_then(|name| spec.files.get(name.trim_start_matches('/')));
    let Some(own) = own else { return Error::input(format!("`{path}` in the guest: {what}")) };
    let text = std::fs::read_to_string(own).unwrap_or_default();
    placed(&Problems::of(own.display().to_string(), text), line, what)
}

/// Points at the table of that name (the variant's own first), else at the first line with these words.
fn in_scenario(words: &str, what: &str, spec: &RunSpec) -> Error {
    let file = Problems::of(spec.source.name(), spec.source.inner().clone());
    let table = format!("[{words}]");
    let own = format!("[variant.{}.{words}]", spec.run.variant);
    let at = [&own, &table, words].into_iter().find_map(|it| file.text().lines().position(|line| line.contains(it)));
    placed(&file, at.and_then(|at| u32::try_from(at + 1).ok()), what)
}

/// Reports it like the problems of a file that is refused before anything runs: the file, then each with its place.
fn placed(file: &Problems, line: Option<u32>, what: &str) -> Error {
    let name = file.name();
    let Some((number, span)) = line.and_then(|number| Some((number, span_of(file.text(), number)?))) else {
        return Error::input(format!("`{name}`: {what}"));
    };
    Error::input(format!("`{name}`, line {number}: {what}")).related(vec![file.error(span, what, "here")])
}

/// Returns the bytes of a line, without its indentation.
fn span_of(text: &str, number: u32) -> Option<Range<usize>> {
    let mut offset = 0;
    for (n, line) in (1..).zip(text.split_inclusive('\n')) {
        if n == number {
            let start = offset + (line.len() - line.trim_start().len());
            return Some(start..start.max(offset + line.trim_end().len()));
        }
        offset += line.len();
    }
    None
}

/// Names files as the user knows them. The longest comes first: one name may be the beginning of another.
fn with_own_paths(what: &str, spec: &RunSpec) -> String {
    let mut files: Vec<_> = spec.files.iter().collect();
    files.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    files.into_iter().fold(what.to_owned(), |what, (name, path)| {
        what.replace(&format!("{}/{name}", guest::FILES), &path.display().to_string())
    })
}
