//! `scenarios/article.toml`: what the article claims. Whether it holds is nowhere written by hand: scenarios say which
//! of these claims they settle, and runs decide.

use super::{problems::Problems, report_syntax, section::Section};
use crate::{
    error::{Error, Result},
    read,
};
use std::{ops::Range, path::Path};
use toml::{Spanned, de::DeTable};

/// Beside the folders of the scenarios.
const FILE: &str = "article.toml";

/// In the order of their numbers.
#[derive(Debug, Clone)]
pub struct Article {
    pub claims: Vec<ArticleClaim>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleClaim {
    /// What scenarios call it in `settles`.
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
}

impl Article {
    pub fn of(repository: &Path) -> Result<Self> {
        Self::read(&repository.join("scenarios").join(FILE))
    }

    /// The one that a scenario's `settles` is about.
    pub fn beside(scenario: &Path) -> Result<Self> {
        Self::read(&scenario.with_file_name(FILE))
    }

    fn read(path: &Path) -> Result<Self> {
        let hint = "it lists what the article claims; scenarios refer to it by `settles`";
        let with_hint = |e: Error| if e.hint_text().is_none() { e.hint(hint) } else { e };
        let text = read::text(path, "the article", read::TEXT).map_err(with_hint)?;
        let problems = Problems::of(path.display().to_string(), text.clone());
        let (table, errors) = DeTable::parse_recoverable(&text);
        report_syntax(&errors, &problems);
        // What follows a syntax error would only confuse.
        let mut claims = if errors.is_empty() { claims(&Section::root(&table, &problems)) } else { Vec::new() };
        problems.into_result()?;
        claims.sort_by_key(|claim| claim.number);
        Ok(Article { claims })
    }

    pub fn claim(&self, id: &str) -> Option<&ArticleClaim> {
        self.claims.iter().find(|claim| claim.id == id)
    }

    pub fn ids(&self) -> Vec<&str> {
        self.claims.iter().map(|claim| claim.id.as_str()).collect()
    }
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
    Some(ArticleClaim { id, number: number?, says: says?, quote: quote?, section: heading?, cannot })
}
