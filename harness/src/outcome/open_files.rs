//! How many files may be open, by whom.

use super::num::Num;
use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::{Event, Stamped};

/// Soft and hard limit.
#[derive(Debug, Clone, Serialize)]
pub struct OpenFiles {
    pub soft: Num,
    pub hard: Num,
}

/// By the names of [`tunelab_protocol::LimitOf`].
pub fn all(events: &[Stamped]) -> BTreeMap<String, OpenFiles> {
    let limit = |e: &Stamped| match &e.event {
        Event::OpenFileLimit { of, soft, hard } => {
            Some((of.clone(), OpenFiles { soft: Num::exact(*soft), hard: Num::exact(*hard) }))
        }
        _ => None,
    };
    events.iter().filter_map(limit).collect()
}
