//! Reads a TOML table key by key and collects every problem with its place, instead of stopping at the first.

use crate::{error::Error, visible::is_hidden};
use miette::{LabeledSpan, NamedSource};
use std::{cell::RefCell, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The problems of one file so far.
pub struct Problems<'a> {
    file: &'a str,
    text: &'a str,
    found: RefCell<Vec<(usize, Error)>>,
}

/// The most problems of a file that are told. A reader does not get further, and each holds the text.
const TOLD: usize = 50;

impl<'a> Problems<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Problems { file, text, found: RefCell::default() }
    }

    pub fn add(&self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        if self.found.borrow().len() >= TOLD {
            return;
        }
        let message = message.into();
        let (line, column) = place(self.text, span.start);
        let source = NamedSource::new(self.file, self.text.to_owned()).with_language("TOML");
        let error = Error::input(format!("{}:{line}:{column}: {message}", self.file))
            .at(source, vec![LabeledSpan::new_with_span(None, span.clone())]);
        let error = match hint {
            Some(hint) => error.hint(hint),
            None => error,
        };
        self.found.borrow_mut().push((span.start, error));
    }

    /// Makes one error for the whole file, its problems from top to bottom, or `None`.
    pub fn into_error(self) -> Option<Error> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(start, _)| *start);
        let found: Vec<_> = found.into_iter().map(|(_, error)| error).collect();
        let count = found.len();
        let problems = if count == 1 { "a problem" } else { "problems" };
        (count > 0).then(|| Error::input(format!("`{}` has {problems}", self.file)).related(found))
    }
}

/// One table; every key that was not asked for is a problem.
pub struct Table<'a, 'p> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    problems: &'p Problems<'p>,
}

impl<'a, 'p> Table<'a, 'p> {
    pub fn new(table: &'a DeTable<'a>, span: Range<usize>, problems: &'p Problems<'p>) -> Self {
        Table { table, span, asked: RefCell::default(), problems }
    }

    pub fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, value)| value)
    }

    /// Returns the key's value as `read` understands it; anything else is a problem that names what was `wanted`.
    pub fn read<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&DeValue<'a>) -> Option<T>,
    ) -> Option<(T, Range<usize>)> {
        let value = self.get(key)?;
        let found = read(value.get_ref()).map(|v| (v, value.span()));
        if found.is_none() {
            self.problems.add(value.span(), format!("`{key}` must be {wanted}"), None);
        }
        found
    }

    pub fn string(&self, key: &'static str) -> Option<(String, Range<usize>)> {
        let read = self.read(key, "a string", |v| v.as_str().map(str::to_owned));
        read.inspect(|(text, span)| self.check_text(key, text, span))
    }

    /// Refuses control characters: the text is shown on terminals, and in tables.
    fn check_text(&self, key: &str, text: &str, span: &Range<usize>) {
        if let Some(hidden) = text.chars().find(|c| is_hidden(*c)) {
            let message = format!("there is a control character in `{key}`, `{}`", hidden.escape_default());
            self.problems.add(span.clone(), message, None);
        }
    }

    /// A key that is left out is `false`.
    pub fn flag(&self, key: &'static str) -> bool {
        self.read(key, "`true` or `false`", |v| v.as_bool()).is_some_and(|(on, _)| on)
    }

    /// An array of at least one string, with their places.
    pub fn strings(&self, key: &'static str, of: &str) -> Option<Vec<(String, Range<usize>)>> {
        let value = self.get(key)?;
        let Some(array) = value.get_ref().as_array().filter(|array| !array.is_empty()) else {
            self.problems.add(value.span(), format!("`{key}` must be an array of {of}, at least one"), None);
            return None;
        };
        let mut strings = Vec::new();
        for value in array {
            match value.get_ref().as_str() {
                Some(text) => {
                    self.check_text(key, text, &value.span());
                    strings.push((text.to_owned(), value.span()));
                }
                None => self.problems.add(value.span(), format!("`{key}` holds what is not a string"), None),
            }
        }
        Some(strings)
    }

    pub fn table(&self, key: &'static str) -> Option<Table<'a, 'p>> {
        let value = self.get(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.problems.add(value.span(), format!("`{key}` must be a table"), None);
        }
        table.map(|table| Table::new(table, value.span(), self.problems))
    }

    /// Where the table begins, for what is wrong with all of it.
    pub fn start(&self) -> Range<usize> {
        self.span.start..self.span.start
    }

    pub fn missing(&self, key: &str, example: &str) {
        self.problems.add(
            self.start(),
            format!("`{key}` is missing"),
            Some(format!("for example `{key} = {example}`")),
        );
    }

    /// Refuses every key that was not asked for.
    pub fn finish(self) {
        let asked = self.asked.into_inner();
        for (key, _) in self.table {
            if asked.iter().any(|a| a == key.get_ref()) {
                continue;
            }
            let hint = match nearest(key.get_ref(), asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", asked.join(", ")),
            };
            self.problems.add(key.span(), format!("unknown key `{}`", key.get_ref()), Some(hint));
        }
    }
}

/// The known word that `word` most likely meant.
pub fn nearest<'n>(word: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|k| (strsim::jaro_winkler(word, k), k))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// Returns line and column, counted from 1, in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}
