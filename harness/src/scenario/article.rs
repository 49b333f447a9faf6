//! Reads `scenarios/article.toml`: what the article claims, and which claims of which scenarios settle it. The verdict
//! is nowhere written by hand: runs decide.

use super::{
    problems::Problems,
    report_syntax,
    section::{Read, Section},
};
use crate::{
    error::{Error, Result},
    read,
};
use miette::NamedSource;
use std::{ops::Range, path::Path};
use toml::{Spanned, de::DeTable};

/// The name of the article's file, which lies beside the folders of the scenarios.
pub const FILE: &str = "article.toml";

/// The article's claims, as its file lists them.
#[derive(Debug, Clone)]
pub struct Article {
    /// The claims in the order of their numbers.
    pub claims: Vec<ArticleClaim>,
    /// The article's file, for errors that are only found when scenarios are known.
    pub source: NamedSource<String>,
}

/// One claim of the article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleClaim {
    pub id: String,
    /// Its place among the claims, from 1.
    pub number: u32,
    /// The claim in our short form; "holds" means the article is right.
    pub says: String,
    /// The article's own words.
    pub quote: String,
    /// The heading that these words stand under.
    pub section: String,
    /// Why no experiment can settle it.
    pub cannot: Option<String>,
    /// Claims of scenarios that say the same: all of them together decide.
    pub settled_by: Vec<SettledBy>,
}

/// A claim of a scenario, written `"conntrack-leak/one-line-once"`; whether it exists is seen when scenarios are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledBy {
    pub scenario: String,
    pub claim: String,
    /// Where it stands in the article's file.
    pub span: Range<usize>,
}

impl Article {
    /// Reads a project's article; `None` if the project has none.
    pub fn of(project: &Path) -> Result<Option<Self>> {
        let path = project.join("scenarios").join(FILE);
        is_there(&path).then(|| Self::read(&path)).transpose()
    }

    fn read(path: &Path) -> Result<Self> {
        let hint = "it lists what the article claims, and by which claims of scenarios that is settled";
        let with_hint = |e: Error| if e.hint_text().is_none() { e.hint(hint) } else { e };
        Self::parse(path.display().to_string(), &read::text(path, "the article", read::TEXT).map_err(with_hint)?)
    }

    fn parse(file: String, text: &str) -> Result<Self> {
        let problems = Problems::of(file, text.to_owned());
        let (table, errors) = DeTable::parse_recoverable(text);
        report_syntax(&errors, &problems);
        // Problems found after a syntax error would only confuse.
        let mut claims =
            if errors.is_empty() { claims(&Section::root(table.get_ref(), &problems)) } else { Vec::new() };
        let source = problems.source();
        problems.into_result()?;
        claims.sort_by_key(|claim| claim.number);
        Ok(Article { claims, source })
    }
}

/// Whether there is anything at this path: a file that cannot be read is reported when it is read.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn claims(root: &Section<'_>) -> Vec<ArticleClaim> {
    let named = root.named("claim");
    root.finish();
    if root.lacks("claim") {
        root.problems.report_with_hint(
            0..0,
            "there is no claim",
            "in this file",
            "begin with `[claim.a-telling-name]`",
        );
    }
    let mut taken: Vec<(u32, String)> = Vec::new();
    let mut read = Vec::new();
    for (name, section) in named {
        let number = section.need_like("number", "17").and_then(|value| Spanned::<u32>::read(value, section.problems));
        if let Some(number) = &number {
            report_taken(*number.get_ref(), number.span(), &taken, section.problems);
            taken.push((*number.get_ref(), name.get_ref().clone()));
        }
        read.extend(claim(name.into_inner(), number.map(Spanned::into_inner), &section));
        section.finish();
    }
    read
}

fn report_taken(number: u32, span: Range<usize>, taken: &[(u32, String)], problems: &Problems) {
    if let Some((_, other)) = taken.iter().find(|(n, _)| *n == number) {
        problems.report(span, format!("the number {number} is that of `{other}` already"), "given twice");
    }
}

/// Reads one claim. It asks for every key before it gives up on one: all missing keys are reported at once.
fn claim(id: String, number: Option<u32>, section: &Section<'_>) -> Option<ArticleClaim> {
    let text = |key, example| String::read(section.need_like(key, example)?, section.problems);
    let says = text("says", r#""a full table is logged with a single line, once""#);
    let quote = text("article", r#""One line, once, when it first happens.""#);
    let heading = text("section", r#""Connection Tracking""#);
    let cannot = section.get("cannot");
    let settled_by = settled_by(section, cannot.is_some());
    Some(ArticleClaim { id, number: number?, says: says?, quote: quote?, section: heading?, cannot, settled_by })
}

/// Reads `settled-by = ["conntrack-leak/one-line-once"]`: each is SCENARIO/CLAIM.
fn settled_by(section: &Section<'_>, cannot: bool) -> Vec<SettledBy> {
    section.filled("settled-by");
    let names = section.get::<Vec<Spanned<String>>>("settled-by").unwrap_or_default();
    if cannot && let Some(name) = names.first() {
        let hint = "take out `cannot` or `settled-by`";
        let message = format!("`{}` has both `cannot` and `settled-by`", section.path());
        section.problems.report_with_hint(name.span(), message, "by this", hint);
    }
    let read = |name: Spanned<String>| {
        let Some((scenario, claim)) = name.get_ref().split_once('/') else {
            let message = format!("`{}` names no claim of a scenario", name.get_ref());
            section.problems.report_with_hint(name.span(), message, "no `/`", "`SCENARIO/CLAIM` does");
            return None;
        };
        Some(SettledBy { scenario: scenario.to_owned(), claim: claim.to_owned(), span: name.span() })
    };
    names.into_iter().filter_map(read).collect()
}
