//! What the kernel's log said, and how often.

use super::num::{Num, Tolerance};
use super::record::Record;
use serde::Serialize;
use std::collections::BTreeMap;
use tunelab_protocol::Event;

#[derive(Debug, Clone, Serialize)]
pub struct Log {
    /// Lines since traffic began, without the kernel's own remarks about lines it left out.
    pub lines: Num,
    /// Lines the kernel left out, by its own count ("N callbacks suppressed").
    pub suppressed: Num,
    /// How often each text came.
    pub texts: BTreeMap<String, Num>,
}

const LINES: Tolerance =
    Tolerance { percent: 15, least: 5, why: "one line a refused packet, and chance decides who is refused" };
/// The rate limit lets 10 lines through in 5 s, so that a few packets more or less decide over the rest.
const SUPPRESSED: Tolerance = Tolerance { percent: 60, least: 200, why: "what is left over from a rate limit" };

impl Log {
    pub fn of(record: &Record) -> Self {
        let start = record.start_us();
        let (mut suppressed, mut texts) = (0, BTreeMap::<String, u64>::new());
        for stamped in record.events.iter().filter(|e| e.at_us >= start) {
            let Event::Log { text, .. } = &stamped.event else { continue };
            match left_out(text) {
                Some(n) => suppressed += n,
                None => *texts.entry(text.trim().to_owned()).or_default() += 1,
            }
        }
        Log {
            lines: Num::exact_if_zero(texts.values().sum(), LINES),
            suppressed: Num::exact_if_zero(suppressed, SUPPRESSED),
            texts: texts.into_iter().map(|(text, n)| (text, Num::near(n, LINES))).collect(),
        }
    }
}

/// When the kernel said that the conntrack table was full, and how many packets it dropped for that.
pub fn refusals(record: &Record) -> Vec<(u64, u64)> {
    let (start, mut full) = (record.start_us(), false);
    let said = record.events.iter().filter(|e| e.at_us >= start).filter_map(|stamped| {
        let Event::Log { text, .. } = &stamped.event else { return None };
        full |= text.contains(FULL);
        let drops = if text.contains(FULL) { Some(1) } else { left_out(text).filter(|_| full) };
        drops.map(|drops| (stamped.at_us, drops))
    });
    said.collect()
}

/// Of all versions (`__nf_conntrack_alloc`); what follows differs.
const FULL: &str = "nf_conntrack: table full";

/// `net_ratelimit: 805 callbacks suppressed`.
fn left_out(text: &str) -> Option<u64> {
    let count = text.trim().strip_suffix(" callbacks suppressed")?;
    count.rsplit(' ').next()?.parse().ok()
}
