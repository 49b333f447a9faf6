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

/// Measured: 355 to 397 on eight boots that dropped 455 to 556.
const LINES: Tolerance =
    Tolerance { percent: 13, least: 0, why: "what the rate limit lets through (10 in 5 s) of a line for each drop" };

impl Log {
    /// `drops`: how far two builds may be apart in packets for which the table had no room. Each would have a line; so far may
    /// be apart what the rate limit left out. All other lines are the scenario's doing, and exact.
    pub fn of(record: &Record, drops: u64) -> Self {
        let start = record.start_us();
        let (mut suppressed, mut texts) = (0, BTreeMap::<String, u64>::new());
        for stamped in record.events.iter().filter(|e| e.at_us >= start) {
            let Event::Log { text, .. } = &stamped.event else { continue };
            match left_out(text) {
                Some(n) => suppressed += n,
                None => *texts.entry(text.trim().to_owned()).or_default() += 1,
            }
        }
        let full = |text: &String| drops > 0 && text.contains(FULL);
        let near = |near: bool, n| if near { Num::near(n, LINES) } else { Num::exact(n) };
        Log {
            lines: near(texts.keys().any(full), texts.values().sum()),
            suppressed: if suppressed > 0 { Num { value: suppressed, within: drops } } else { Num::exact(0) },
            texts: texts.into_iter().map(|(text, n)| (text.clone(), near(full(&text), n))).collect(),
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
