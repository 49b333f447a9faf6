//! How many files may be open, by whom.

use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::{Event, Stamped};

/// Soft and hard limit.
#[derive(Debug, Clone, Serialize)]
pub struct OpenFiles {
    pub soft: u64,
    pub hard: u64,
}

/// By the names of [`tunelab_protocol::LimitOf`].
pub fn all(events: &[Stamped]) -> BTreeMap<String, OpenFiles> {
    let limit = |e: &Stamped| match &e.event {
        Event::OpenFileLimit { of, soft, hard } => Some((of.clone(), OpenFiles { soft: *soft, hard: *hard })),
        _ => None,
    };
    events.iter().filter_map(limit).collect()
}
