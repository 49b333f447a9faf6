//! Reads the content of a snapshot without a run to compare it with.

use super::{Shelf, broken, parse, stored};
use crate::{error::Result, outcome::claims::Outcomes};
use std::collections::BTreeMap;

/// The verdicts by claim, in the words that people are shown.
pub type Verdicts = BTreeMap<String, String>;

/// Returns the facts of all stored variants, and the verdicts on claims; `None` if there is no snapshot on this image.
pub fn stored_facts(shelf: &Shelf, image: &str) -> Result<Option<(Outcomes, Verdicts)>> {
    let path = shelf.path(image);
    let Some(snapshot) = stored(&path)? else { return Ok(None) };
    let text = snapshot.as_text().map(ToString::to_string).unwrap_or_default();
    let document = parse(&text, &path)?;
    let Some(variants) = document.get("variant").and_then(toml::Value::as_table) else {
        return Err(broken(&path, "there are no outcomes of variants in it"));
    };
    let facts = |(name, value): (&String, &toml::Value)| match value.as_table() {
        Some(facts) => Ok((name.clone(), facts.clone())),
        None => Err(broken(&path, format!("`variant.{name}` is no outcome"))),
    };
    let claims = document.get("claims").and_then(toml::Value::as_table).into_iter().flatten();
    let verdicts = claims.filter_map(|(id, word)| Some((id.clone(), word.as_str()?.to_owned()))).collect();
    Ok(Some((variants.iter().map(facts).collect::<Result<Outcomes>>()?, verdicts)))
}
