//! The limits of open files, and of which process or login each is.

use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::{Event, Stamped};

/// The soft and the hard limit of open files.
#[derive(Debug, Clone, Serialize)]
pub struct OpenFiles {
    pub soft: u64,
    pub hard: u64,
}

/// Returns all limits by the names of [`tunelab_protocol::LimitOf`].
pub fn all(events: &[Stamped]) -> BTreeMap<String, OpenFiles> {
    let limit = |e: &Stamped| match &e.event {
        Event::OpenFileLimit { of, soft, hard } => Some((of.clone(), OpenFiles { soft: *soft, hard: *hard })),
        _ => None,
    };
    events.iter().filter_map(limit).collect()
}
