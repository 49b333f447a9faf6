//! Writes claims for scripts: an array of claims, each with its verdict by image.

use super::command;
use crate::outcome::claims::{Part, Settled, Standing};
use serde_json::{Map, Value, json};

/// Returns the array of the claims in `shown`.
pub fn render(shown: &[&Settled]) -> Value {
    shown.iter().map(|settled| document(settled)).collect()
}

fn document(settled: &Settled) -> Value {
    let claim = &settled.claim;
    let images = settled.images.iter().map(|(image, standing)| (image.clone(), on(image, standing)));
    json!({
        "id": claim.id,
        "number": claim.number,
        "claim": claim.says,
        "quote": claim.quote,
        "section": claim.section,
        "cannot": claim.cannot,
        "images": images.collect::<Map<_, _>>(),
    })
}

/// `scenario`, `variant` and `evidence` are those of the part that decided; `parts` has all.
fn on(image: &str, standing: &Standing) -> Value {
    let decided = standing.decided_by();
    json!({
        "verdict": standing.verdict,
        "reason": standing.reason,
        "scenario": decided.map(|part| &part.scenario),
        "variant": decided.map(|part| &part.variants[..]).unwrap_or_default(),
        "figure": decided.map(|part| &part.figure),
        "evidence": decided.map(|part| &part.evidence[..]).unwrap_or_default(),
        "parts": standing.parts.iter().map(|part| of_part(image, part)).collect::<Value>(),
    })
}

fn of_part(image: &str, part: &Part) -> Value {
    json!({
        "scenario": part.scenario,
        "claim": part.claim,
        "verdict": part.verdict,
        "reason": part.reason,
        "variant": part.variants,
        "figure": part.figure,
        "evidence": part.evidence,
        "because": part.because,
        "uncontrolled_because": part.uncontrolled_because,
        "command": command(part, &[image]),
    })
}
