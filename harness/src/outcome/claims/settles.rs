//! `settles` in a scenario's claims: names that the article's catalogue does not have.

use crate::{
    error::{Error, Result},
    scenario::{Article, Scenario, Settles, suggestion},
};
use miette::LabeledSpan;

/// Where nothing is settled, the catalogue is not even looked for: a scenario need not be about the article.
pub fn wrong(scenario: &Scenario) -> Result<Vec<Error>> {
    let mut all = scenario.claims.iter().flat_map(|claim| &claim.settles).peekable();
    if all.peek().is_none() {
        return Ok(Vec::new());
    }
    let article = Article::beside(&scenario.folder)?;
    Ok(all.filter_map(|settles| problem(scenario, settles, &article)).collect())
}

fn problem(scenario: &Scenario, settles: &Settles, article: &Article) -> Option<Error> {
    let name = &settles.claim;
    let (message, label, hint) = match article.claim(name).map(|claim| &claim.cannot) {
        Some(None) => return None,
        Some(Some(why)) => {
            let message = format!("no experiment can settle `{name}`: {why}");
            (message, "cannot be settled", "that is its `cannot` in `article.toml`".to_owned())
        }
        None => {
            (format!("the article has no claim `{name}`"), "not in `article.toml`", suggestion(name, &article.ids()))
        }
    };
    let label = LabeledSpan::at(settles.span.clone(), label);
    Some(Error::input(message).hint(hint).at(scenario.source.clone(), vec![label]))
}
