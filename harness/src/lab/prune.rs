//! Prunes the cache: first entries that are no longer asked for, then those that were used least recently.

use super::stock::{self, Item};
use crate::{cache::Cache, error::Result, image::Recipe};
use std::time::SystemTime;

#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The recipes that may ask for images and saved machines.
    pub recipes: &'a [Recipe],
    /// Whether outdated entries go even if there is room for them.
    pub outdated: bool,
    /// Other entries go until no more than this is left; in bytes.
    pub limit_bytes: Option<u64>,
    /// Entries that were used since then stay: the user works with them.
    pub used_before: Option<SystemTime>,
}

#[derive(Debug, Clone)]
pub struct Pruned {
    /// The removed entries, in order of removal.
    pub gone: Vec<Item>,
    pub left_bytes: u64,
}

impl Pruned {
    pub fn freed_bytes(&self) -> u64 {
        self.gone.iter().map(|item| item.size_bytes).sum()
    }
}

/// Prunes the cache. An entry that a process uses, this one or another, is never removed: its claims say so.
pub async fn prune(cache: &Cache, policy: Policy<'_>) -> Result<Pruned> {
    let mut items = stock::list(cache, policy.recipes)?;
    items.sort_by_key(|item| (!item.outdated, item.used));
    let mut pruned = Pruned { gone: Vec::new(), left_bytes: items.iter().map(|item| item.size_bytes).sum() };
    for item in items {
        let over = policy.limit_bytes.is_some_and(|limit| pruned.left_bytes > limit);
        let unwanted = over || policy.outdated && item.outdated;
        let at_work = policy.used_before.is_some_and(|since| item.used >= since);
        if unwanted && !at_work && item.remove().await? {
            pruned.left_bytes -= item.size_bytes;
            pruned.gone.push(item);
        }
    }
    Ok(pruned)
}
