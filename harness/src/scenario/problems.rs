//! Collects every problem of the files a user wrote, so that a file is refused once, completely.

use crate::error::Error;
use miette::{LabeledSpan, NamedSource};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ops::Range,
};

/// One file's text and what is wrong with it so far. Shared by all readers of the file.
#[derive(Debug)]
pub struct Problems {
    name: String,
    text: String,
    /// The problems, each with its place in this file.
    found: RefCell<Vec<(usize, Error)>>,
    /// What was told at each place: variants share most of the file, and a mistake there is one mistake.
    told: RefCell<BTreeSet<(usize, String)>>,
    /// The number of problems, told or not.
    count: Cell<usize>,
    /// The number of reports: a mistake that variants share is reported again for each of them.
    reports: Cell<usize>,
}

/// The most problems of a file that are told. No reader gets further, and each problem holds the text.
pub const TOLD: usize = 50;
/// The most words that a hint lists.
const LISTED: usize = 40;

impl Problems {
    /// `name` is the path as the user would type it.
    pub fn of(name: impl Into<String>, text: impl Into<String>) -> Self {
        Problems {
            name: name.into(),
            text: text.into(),
            found: RefCell::default(),
            told: RefCell::default(),
            count: Cell::default(),
            reports: Cell::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of reports so far: while it does not change, everything that was read is right.
    pub fn count(&self) -> usize {
        self.reports.get()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn source(&self) -> NamedSource<String> {
        NamedSource::new(&self.name, self.text.clone())
    }

    /// `message` says what is wrong, `label` what stands under the marker.
    pub fn report(&self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) {
        self.add_once(span.start, message.into(), |message| self.error(span.clone(), message, label));
    }

    /// Like [`Problems::report`], with a hint on what to do.
    pub fn report_with_hint(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add_once(span.start, message.into(), |message| self.error(span.clone(), message, label).hint(hint));
    }

    /// Reports a word that is none of `known`; the nearest of them is suggested.
    pub fn unknown(&self, span: Range<usize>, message: impl Into<String>, word: &str, known: &[&str]) {
        let hint = || suggestion(word, known);
        let error = |message| self.error(span.clone(), message, "not known").hint(hint());
        self.add_once(span.start, message.into(), error);
    }

    /// Takes over the problems of a file that this file names at `span`.
    pub fn adopt(&self, span: Range<usize>, other: Problems) {
        let untold = other.count.get() - other.found.borrow().len();
        other.sorted().into_iter().for_each(|error| self.add(span.start, || error));
        self.count.set(self.count.get() + untold);
    }

    /// Adds a separate error about a file that is not this one.
    pub fn take(&self, error: Error) {
        self.add(0, || error);
    }

    /// Adds a separate error about the thing that is named at `span`.
    pub fn take_named(&self, span: Range<usize>, error: Error) {
        let label = LabeledSpan::at(self.visible(span.clone()), "named here");
        self.add(span.start, || error.at(self.source(), vec![label]));
    }

    /// Returns the problems in the order of the file.
    fn sorted(self) -> Vec<Error> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, error)| error).collect()
    }

    /// Returns one problem as an error of its own.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Error {
        let label = LabeledSpan::at(self.visible(span), label.into());
        Error::input(message).at(self.source(), vec![label])
    }

    /// Adds a problem, unless the same was told at the same place.
    fn add_once(&self, place: usize, message: String, error: impl FnOnce(String) -> Error) {
        if self.told.borrow_mut().insert((place, message.clone())) {
            self.add(place, || error(message));
        } else {
            self.reports.set(self.reports.get() + 1);
        }
    }

    fn add(&self, place: usize, error: impl FnOnce() -> Error) {
        self.reports.set(self.reports.get() + 1);
        self.count.set(self.count.get() + 1);
        if self.found.borrow().len() < TOLD {
            let error = error();
            self.found.borrow_mut().push((place, error));
        }
    }

    /// Returns the span with at least one character: a marker needs one to stand under, also at the end of the file.
    fn visible(&self, span: Range<usize>) -> Range<usize> {
        let end = span.end.min(self.text.len());
        let start = span.start.min(end);
        if start == end && start > 0 { start - 1..end } else { start..end }
    }

    /// Returns everything found as one error, in the order of the file.
    pub fn into_result(self) -> Result<(), Error> {
        let (name, count) = (self.name.clone(), self.count.get());
        let found = self.sorted();
        let message = match count {
            0 => return Ok(()),
            1 => format!("`{name}` has a problem"),
            n if n > found.len() => format!("`{name}` has {n} problems, of which these are {}", found.len()),
            n => format!("`{name}` has {n} problems"),
        };
        Err(Error::input(message).related(found))
    }
}

/// Returns "did you mean ...?" if a known word is near, else a list of the known words.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are none".into(),
        None => {
            let listed: Vec<String> = known.iter().take(LISTED).map(|k| format!("`{k}`")).collect();
            let more = known.len().checked_sub(LISTED + 1).map(|more| format!(" and {} more", more + 1));
            format!("known here: {}{}", listed.join(", "), more.unwrap_or_default())
        }
    }
}

/// Returns the known word that is nearest, if it is near enough to be meant. Near is what a typo makes of a word: 0.75
/// lets `subent` find `subnet` and keeps `foo` from finding `port`.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|k| (strsim::jaro_winkler(word, k), *k))
        .filter(|(score, _)| *score >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}
