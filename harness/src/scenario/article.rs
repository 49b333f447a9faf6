//! `scenarios/article.toml`: what the article claims, and which claims of which scenarios settle it. Whether it holds is
//! nowhere written by hand: runs decide.

use super::{problems::Problems, report_syntax, section::Section};
use crate::{
    error::{Error, Result},
    read,
};
use miette::NamedSource;
use std::{ops::Range, path::Path};
use toml::{Spanned, de::DeTable};

/// Beside the folders of the scenarios.
pub const FILE: &str = "article.toml";

#[derive(Debug, Clone)]
pub struct Article {
    /// In the order of their numbers.
    pub claims: Vec<ArticleClaim>,
    /// For what is only found when scenarios are known.
    pub source: NamedSource<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleClaim {
    pub id: String,
    /// Its place among the claims, from 1.
    pub number: u32,
    /// Our short form; "holds" means the article is right.
    pub says: String,
    /// The article's own words.
    pub quote: String,
    /// The heading they stand under.
    pub section: String,
    /// Why no experiment can settle it.
    pub cannot: Option<String>,
    /// Claims of scenarios that say the same: all of them together decide.
    pub settled_by: Vec<SettledBy>,
}

/// `"conntrack-leak/one-line-once"`; whether there is such a claim is seen when scenarios are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledBy {
    pub scenario: String,
    pub claim: String,
    /// Where it stands in the article's file.
    pub span: Range<usize>,
}

impl Article {
    /// A project's; it need not have one.
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
        // What follows a syntax error would only confuse.
        let mut claims = if errors.is_empty() { claims(&Section::root(&table, &problems)) } else { Vec::new() };
        let source = problems.source();
        problems.into_result()?;
        claims.sort_by_key(|claim| claim.number);
        Ok(Article { claims, source })
    }

    pub fn ids(&self) -> Vec<&str> {
        self.claims.iter().map(|claim| claim.id.as_str()).collect()
    }
}

/// Whatever it is: what cannot be read is told.
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
        let number = section.need::<Spanned<u32>>("number", "17");
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

/// Asks for every key before it gives up on one: all that is missing is told at once.
fn claim(id: String, number: Option<u32>, section: &Section<'_>) -> Option<ArticleClaim> {
    let says = section.need("says", r#""a full table is logged with a single line, once""#);
    let quote = section.need("article", r#""One line, once, when it first happens.""#);
    let heading = section.need("section", r#""Connection Tracking""#);
    let cannot = section.get("cannot");
    let settled_by = settled_by(section, cannot.is_some());
    Some(ArticleClaim { id, number: number?, says: says?, quote: quote?, section: heading?, cannot, settled_by })
}

/// `settled-by = ["conntrack-leak/one-line-once"]`: SCENARIO/CLAIM.
fn settled_by(section: &Section<'_>, cannot: bool) -> Vec<SettledBy> {
    section.filled("settled-by");
    let names = section.get::<Vec<Spanned<String>>>("settled-by").unwrap_or_default();
    if cannot && let Some(name) = names.first() {
        let hint = "take out `cannot` or `settled-by`";
        let message = format!("`{}` cannot be settled, and is", section.path());
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
