//! Collects every problem of the files a user wrote, so that a file is refused once, completely.

use crate::error::Error;
use miette::{LabeledSpan, NamedSource};
use std::{cell::RefCell, ops::Range};

/// One file's text and what is wrong with it so far. Shared by all readers of the file.
#[derive(Debug)]
pub struct Problems {
    name: String,
    text: String,
    /// With the place in this file that each belongs to.
    found: RefCell<Vec<(usize, Error)>>,
}

impl Problems {
    /// `name` is the path as the user would type it.
    pub fn of(name: impl Into<String>, text: impl Into<String>) -> Self {
        Problems { name: name.into(), text: text.into(), found: RefCell::default() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much has been found so far: while it does not change, what is read is right.
    pub fn count(&self) -> usize {
        self.found.borrow().len()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn source(&self) -> NamedSource<String> {
        NamedSource::new(&self.name, self.text.clone())
    }

    /// `message` says what is wrong, `label` what stands under the marker.
    pub fn report(&self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) {
        self.add(span.start, self.error(span, message, label));
    }

    pub fn report_with_hint(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(span.start, self.error(span, message, label).hint(hint));
    }

    /// A word that is none of `known`; the nearest of them is suggested.
    pub fn unknown(&self, span: Range<usize>, message: impl Into<String>, word: &str, known: &[&str]) {
        self.report_with_hint(span, message, "not known", suggestion(word, known));
    }

    /// Problems of a file that this one names, at `span`.
    pub fn adopt(&self, span: Range<usize>, other: Problems) {
        other.sorted().into_iter().for_each(|error| self.add(span.start, error));
    }

    /// An error of its own, of a file that is not this one.
    pub fn take(&self, error: Error) {
        self.add(0, error);
    }

    /// An error of its own, of what is named at `span`.
    pub fn take_named(&self, span: Range<usize>, error: Error) {
        let label = LabeledSpan::at(self.visible(span.clone()), "named here");
        self.add(span.start, error.at(self.source(), vec![label]));
    }

    /// In the order of the file.
    fn sorted(self) -> Vec<Error> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, error)| error).collect()
    }

    /// One problem, as an error of its own.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Error {
        let label = LabeledSpan::at(self.visible(span), label.into());
        Error::input(message).at(self.source(), vec![label])
    }

    fn add(&self, place: usize, error: Error) {
        self.found.borrow_mut().push((place, error));
    }

    /// A marker needs a character to stand under, also at the end of the file.
    fn visible(&self, span: Range<usize>) -> Range<usize> {
        let end = span.end.min(self.text.len());
        let start = span.start.min(end);
        if start == end && start > 0 { start - 1..end } else { start..end }
    }

    /// Everything found, as one error; in the order of the file.
    pub fn into_result(self) -> Result<(), Error> {
        let name = self.name.clone();
        let found = self.sorted();
        match found.len() {
            0 => Ok(()),
            1 => Err(Error::input(format!("`{name}` has a problem")).related(found)),
            n => Err(Error::input(format!("`{name}` has {n} problems")).related(found)),
        }
    }
}

/// "did you mean ...?" where a known word is near, else all of them.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are none".into(),
        None => format!("known here: {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// Near is what a typo makes of a word: 0.75 lets `subent` find `subnet` and keeps `foo` from finding `port`.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|k| (strsim::jaro_winkler(word, k), *k))
        .filter(|(score, _)| *score >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}
