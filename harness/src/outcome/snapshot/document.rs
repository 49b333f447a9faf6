//! The content of a snapshot, and how a run's outcomes are laid over the stored ones.

use crate::{
    error::{Error, Result},
    outcome::{Num, claims::Judged},
};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The content that is compared: outcomes by variant, and the verdicts.
#[derive(Debug, Clone)]
pub struct Document {
    pub scenario: String,
    pub image: String,
    pub variants: Vec<(String, Table)>,
    pub claims: Vec<Judged>,
    /// Whether all of the scenario's variants ran: then anything else that is stored is of variants that are no more.
    pub whole: bool,
}

impl Document {
    /// Returns this run's outcomes in place of the stored ones, with stored numbers where the new ones are near enough.
    /// Variants and claims that did not run stay as they are stored.
    pub(super) fn merged(&self, stored: &Table) -> Result<String> {
        let kept = |key| stored.get(key).filter(|_| !self.whole);
        let mut whole = Table::new();
        whole.insert("scenario".into(), self.scenario.clone().into());
        whole.insert("image".into(), self.image.clone().into());
        let claims = self.claims.iter().map(|c| (c.id.clone(), c.verdict.word().into())).collect();
        whole.insert("claims".into(), merge(kept("claims"), claims));
        let variants = self.variants.iter().map(|(name, outcome)| {
            let old = stored.get("variant").and_then(|v| v.get(name));
            (name.clone(), settle(old, Value::Table(outcome.clone())))
        });
        whole.insert("variant".into(), merge(kept("variant"), variants.collect()));
        toml::to_string_pretty(&whole).map_err(|e| Error::host("failed to write an outcome as TOML").cause(e))
    }

    /// Returns the claims with another verdict than the stored one, and the stored one of each.
    pub(super) fn turned(&self, stored: &Table) -> BTreeMap<String, String> {
        let was = |id: &str| stored.get("claims")?.get(id)?.as_str();
        let turned = self.claims.iter().filter_map(|claim| {
            let was = was(&claim.id).filter(|was| *was != claim.verdict.word())?;
            Some((claim.id.clone(), was.to_owned()))
        });
        turned.collect()
    }
}

/// Lays new values over the stored ones. Stored keys come first and in their order, so that a partial run changes
/// nothing else.
fn merge(stored: Option<&Value>, new: Table) -> Value {
    let mut merged = stored.and_then(Value::as_table).cloned().unwrap_or_default();
    merged.extend(new);
    Value::Table(merged)
}

/// Returns the new value, with stored numbers in it where the stored tolerance admits the new ones. A stored tolerance
/// that today's rule would not give is a difference: else it would stay, and admit what it admits, in silence.
fn settle(stored: Option<&Value>, new: Value) -> Value {
    match (stored, new) {
        (Some(Value::Table(old)), Value::Table(new)) => {
            Value::Table(new.into_iter().map(|(key, value)| (key.clone(), settle(old.get(&key), value))).collect())
        }
        (Some(Value::Array(old)), Value::Array(new)) => {
            Value::Array(new.into_iter().enumerate().map(|(n, value)| settle(old.get(n), value)).collect())
        }
        (Some(old), new) => match (Num::of(old), Num::of(&new)) {
            (Some(a), Some(b)) if a.admits(&b) && a.is_as_near_as(&b) => old.clone(),
            _ => new,
        },
        (None, new) => new,
    }
}
