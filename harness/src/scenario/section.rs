//! Reads one table of a file. A key that a reader asks for is known; a key that is left over is reported as unknown.

use super::{keys, problems::Problems, words};
use std::{cell::RefCell, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A TOML value with its place in the file.
pub type Value<'a> = Spanned<DeValue<'a>>;

/// The most tables of one kind, such as variants, that a file may have.
pub const MOST: usize = 500;

/// A type that can be read from a value of a scenario file. Each type itself reports what is wrong with the value.
pub trait Read: Sized {
    /// Returns `None` if nothing can be read; the reason is then reported.
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self>;
}

/// A table and its place in the file, such as `clients.late-ack`.
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    path: String,
    pub problems: &'a Problems,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// Makes a section of the whole file.
    pub fn root(table: &'a DeTable<'a>, problems: &'a Problems) -> Self {
        Self::new(table, 0..0, String::new(), problems)
    }

    fn new(table: &'a DeTable<'a>, span: Range<usize>, path: String, problems: &'a Problems) -> Self {
        Section { table, span, path, problems, asked: RefCell::default() }
    }

    /// Returns the table, or reports a value that is no table.
    pub fn of(value: &'a Value<'a>, path: String, problems: &'a Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(table, value.span(), path, problems)),
            other => {
                let message = format!("`{path}` is a table, not {}", a_kind(other));
                problems.report(value.span(), message, "should be a table");
                None
            }
        }
    }

    /// Returns the path of the table, such as `clients.late-ack`; empty for the whole file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the place of the table in the file, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the value of a key as it is written. From now on the key counts as known.
    pub fn value(&self, key: &'static str) -> Option<&'a Value<'a>> {
        debug_assert!(self.is_catalogued(key), "`{key}` of `{}` is not in the catalogue of keys", self.path);
        #[cfg(test)]
        keys::asked::note(&self.path, key);
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    /// Whether the catalogue has the key; the article's claims have keys of their own.
    fn is_catalogued(&self, key: &str) -> bool {
        let of_the_article = ["number", "article", "section", "settled-by", "cannot"].contains(&key);
        let is_probe = || self.path == "probe" && keys::probes().any(|(probe, _)| probe.name == key);
        of_the_article || is_probe() || keys::at(&self.path).is_none_or(|table| table.key(key).is_some())
    }

    /// Returns a key as it is written.
    pub fn key(&self, key: &str) -> Option<&'a Spanned<toml::de::DeString<'a>>> {
        self.table.keys().find(|known| known.get_ref().as_ref() == key)
    }

    /// Returns the place of what stands under a key; of the whole table if there is nothing.
    pub fn span_of(&self, key: &'static str) -> Range<usize> {
        self.value(key).map_or_else(|| self.span(), |value| value.span())
    }

    /// Returns the value of a key; `None` if it is missing, or wrong (and then reported).
    pub fn get<T: Read>(&self, key: &'static str) -> Option<T> {
        T::read(self.value(key)?, self.problems)
    }

    /// Like [`Section::get`], with a default for a key that is missing or wrong.
    pub fn get_or<T: Read>(&self, key: &'static str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// Like [`Section::get`], and reports a missing key with the catalogue's example.
    pub fn need<T: Read>(&self, key: &'static str) -> Option<T> {
        T::read(self.need_value(key)?, self.problems)
    }

    /// Like [`Section::value`], and reports a missing key with the catalogue's example.
    pub fn need_value(&self, key: &'static str) -> Option<&'a Value<'a>> {
        // Below a name that was refused there is no known path.
        let known = keys::at(&self.path).and_then(|table| table.key(key));
        self.needed(key, known.map(|key| key.example))
    }

    /// The same with another example, for a key whose values depend on the file, or that is not in the catalogue.
    pub fn need_like(&self, key: &'static str, example: &str) -> Option<&'a Value<'a>> {
        self.needed(key, Some(example))
    }

    fn needed(&self, key: &'static str, example: Option<&str>) -> Option<&'a Value<'a>> {
        let value = self.value(key);
        if value.is_none() {
            let message = match self.path.as_str() {
                "" => format!("`{key}` is missing"),
                path => format!("`{key}` is missing in `{path}`"),
            };
            match example.map(|example| format!("for example `{key} = {example}`")) {
                Some(hint) => self.problems.report_with_hint(self.span(), message, "in this table", hint),
                None => self.problems.report(self.span(), message, "in this table"),
            }
        }
        value
    }

    /// Returns the table under a key; `None` if it is missing, or no table (and then reported).
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        Section::of(self.value(key)?, self.child(key), self.problems)
    }

    /// Returns `[key.a]`, `[key.b]`: tables that the user named, with the place of each name.
    pub fn named(&self, key: &'static str) -> Vec<(Spanned<String>, Section<'a>)> {
        let Some(group) = self.section(key) else { return Vec::new() };
        if group.table.len() > MOST {
            let message = format!("there are {} of `{}`, more than {MOST}", group.table.len(), group.path);
            self.problems.report(group.span(), message, "too many");
            return Vec::new();
        }
        let entries = group.entries();
        let sections = entries.into_iter().filter_map(|(name, value)| {
            check_name(&name, self.problems);
            let path = format!("{}.{}", group.path, name.get_ref());
            Some((name, Section::of(value, path, self.problems)?))
        });
        sections.collect()
    }

    /// Returns the names in `[key.a]`, `[key.b]`, right or not.
    pub fn names_of(&self, key: &'static str) -> Vec<String> {
        let table = self.value(key).and_then(|value| value.get_ref().as_table());
        table.into_iter().flat_map(|table| table.keys()).map(|name| name.get_ref().to_string()).collect()
    }

    /// Reports an empty array, for a key where that would mean nothing.
    pub fn filled(&self, key: &'static str) {
        let Some(value) = self.value(key) else { return };
        if value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
            self.problems.report(value.span(), format!("`{key}` is empty"), "at least one");
        }
    }

    /// Whether there is no `[key.a]`, and nothing else under that key either, which would be a mistake of its own.
    pub fn lacks(&self, key: &'static str) -> bool {
        self.value(key).is_none_or(|value| value.get_ref().as_table().is_some_and(|table| table.is_empty()))
    }

    /// Reads `key = ["a", "b"]`: names of one kind. Reports each that is not known.
    pub fn names(&self, key: &'static str, kind: &str, known: &[&str]) -> Option<Vec<String>> {
        let names = self.get::<Vec<Spanned<String>>>(key)?;
        for name in names.iter().filter(|name| !known.contains(&name.get_ref().as_str())) {
            let message = format!("there is no {kind} `{}`", name.get_ref());
            self.problems.unknown(name.span(), message, name.get_ref(), known);
        }
        Some(names.into_iter().map(Spanned::into_inner).collect())
    }

    /// Reports each of these keys that is there: it would have no effect, because of `why`.
    pub fn refuse(&self, keys: &[&'static str], why: &str) {
        for key in keys {
            let Some(value) = self.value(key) else { continue };
            let message = format!("`{key}` has no effect in `{}`: {why}", self.path);
            self.problems.report_with_hint(value.span(), message, "without effect", "take it out");
        }
    }

    /// Returns all keys and values of a table in which the user chose the keys.
    pub fn entries(&self) -> Vec<(Spanned<String>, &'a Value<'a>)> {
        let own = |key: &Spanned<toml::de::DeString<'a>>| Spanned::new(key.span(), key.get_ref().to_string());
        self.table.iter().map(|(key, value)| (own(key), value)).collect()
    }

    pub fn keys(&self) -> Vec<&'a Spanned<toml::de::DeString<'a>>> {
        self.table.keys().collect()
    }

    fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Like [`Section::finish`], for a table in which a mistake leaves open what the other keys mean: only those that no
    /// such table has are reported.
    pub fn finish_unread(&self) {
        let known = keys::at(&self.path).into_iter().flat_map(|table| table.keys);
        known.for_each(|key| _ = self.value(key.name));
        self.finish();
    }

    /// Reports each key that no reader asked for. Call it last.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for key in self.table.keys().filter(|k| !asked.contains(&k.get_ref().as_ref())) {
            let name = key.get_ref();
            let message = match self.path.as_str() {
                "" => format!("unknown key `{name}`"),
                path => format!("unknown key `{name}` in `{path}`"),
            };
            self.problems.unknown(key.span(), message, name, &asked);
        }
    }
}

fn check_name(name: &Spanned<String>, problems: &Problems) {
    if let Err((message, hint)) = words::check_name(name.get_ref()) {
        problems.report_with_hint(name.span(), message, "not a name", hint);
    }
}

/// Returns the kind of a value in words, such as `a string`.
pub fn a_kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
