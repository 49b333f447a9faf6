//! What a snapshot holds, read without a run to compare it with.

use super::{Shelf, broken, parse, stored};
use crate::{error::Result, outcome::claims::Outcomes};

/// The outcomes of all stored variants; `None` if there is no snapshot on this image.
pub fn outcomes(shelf: &Shelf, image: &str) -> Result<Option<Outcomes>> {
    let path = shelf.path(image);
    let Some(snapshot) = stored(&path)? else { return Ok(None) };
    let text = snapshot.as_text().map(ToString::to_string).unwrap_or_default();
    let document = parse(&text, &path)?;
    let Some(variants) = document.get("variant").and_then(toml::Value::as_table) else {
        return Err(broken(&path, "there are no outcomes of variants in it"));
    };
    let outcome = |(name, value): (&String, &toml::Value)| match value.as_table() {
        Some(outcome) => Ok((name.clone(), outcome.clone())),
        None => Err(broken(&path, format!("`variant.{name}` is no outcome"))),
    };
    variants.iter().map(outcome).collect::<Result<Outcomes>>().map(Some)
}
