//! Delay, loss, reordering and rate of a link: the kernel's netem.

use super::{namespace::Namespace, rtnl::Rtnl};
use crate::release;
use anyhow::{Context, Result, bail};
use std::io;
use tunelab_protocol::Conditions;

/// linux/pkt_sched.h.
const TCA_NETEM_REORDER: u16 = 3;
const TCA_NETEM_RATE: u16 = 6;
/// Packets that may be on the way at once; tc's own default.
pub const LIMIT: usize = 1000;

/// Says whether this kernel has netem, and one that can do this. It tries one, because there is no list of queueing
/// disciplines to look into. netem has a rate since Linux 3.3 (7bc0f28c7a0c), and before that takes it in silence.
pub fn is_there(conditions: Conditions) -> Result<bool> {
    if lacks_rate(conditions) {
        return Ok(false);
    }
    let tried = Namespace::create()?.enter(|| apply(&Rtnl::open()?, "lo", Conditions::default()));
    match tried {
        Ok(()) => Ok(true),
        Err(e) if is_unknown(&e) => Ok(false),
        Err(e) => Err(e),
    }
}

fn lacks_rate(conditions: Conditions) -> bool {
    conditions.rate_bps > 0 && !release::at_least((3, 3))
}

/// Tests for ENOENT, `Specified qdisc kind is unknown` (qdisc_create(), net/sched/sch_api.c).
fn is_unknown(e: &anyhow::Error) -> bool {
    e.root_cause().downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::NotFound)
}

/// Puts netem on what leaves by `nic`, in the namespace of `rtnl` and of this thread, or changes what is there.
pub fn apply(rtnl: &Rtnl, nic: &str, conditions: Conditions) -> Result<()> {
    if lacks_rate(conditions) {
        bail!("netem of this kernel has no rate (Linux 3.3): `by = \"agent\"` makes the network otherwise");
    }
    rtnl.add_qdisc(nic, "netem", options(conditions))
        .with_context(|| format!("failed to put netem on {nic} (sch_netem)"))
}

/// `struct tc_netem_qopt` of linux/pkt_sched.h: latency, limit, loss, gap, duplicate, jitter. Then attributes: if packets
/// are to overtake others, `struct tc_netem_reorder`: probability, correlation; if there is a rate, `struct
/// tc_netem_rate`: bytes a second, overhead of a packet, size and overhead of a cell.
fn options(conditions: Conditions) -> Vec<u8> {
    // A psched tick is 64 ns since 2.6.31 (PSCHED_SHIFT 6).
    let latency = (conditions.delay_us * 1000 / 64) as u32;
    // Every packet may overtake, not only each n-th; without this the kernel does not look at the probability.
    let gap = u32::from(conditions.reorder_ppm > 0);
    let mut words = vec![latency, LIMIT as u32, part(conditions.loss_ppm), gap, 0, 0];
    if conditions.reorder_ppm > 0 {
        words.extend([header(TCA_NETEM_REORDER, 2), part(conditions.reorder_ppm), 0]);
    }
    if conditions.rate_bps > 0 {
        words.extend([header(TCA_NETEM_RATE, 4), (conditions.rate_bps / 8) as u32, 0, 0, 0]);
    }
    words.into_iter().flat_map(u32::to_ne_bytes).collect()
}

/// The head of an attribute of so many words: its length with the head in bytes, and its kind.
fn header(kind: u16, words: u16) -> u32 {
    let [a, b, c, d] = [(4 + 4 * words).to_ne_bytes(), kind.to_ne_bytes()].concat()[..] else { unreachable!() };
    u32::from_ne_bytes([a, b, c, d])
}

/// Scales a probability to 2^32 - 1, as netem has it.
fn part(ppm: u32) -> u32 {
    (u64::from(u32::MAX) * u64::from(ppm) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(conditions: Conditions) -> Vec<u32> {
        options(conditions).chunks(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn ten_milliseconds_are_156250_ticks() {
        let words = words(Conditions { delay_us: 10_000, loss_ppm: 500_000, ..Conditions::default() });
        assert_eq!(words, [156_250, 1000, u32::MAX / 2, 0, 0, 0]);
    }

    #[test]
    fn overtaking_is_an_attribute_of_twelve_bytes_behind_them() {
        let words = words(Conditions { delay_us: 10_000, reorder_ppm: 1_000_000, ..Conditions::default() });
        assert_eq!(words, [156_250, 1000, 0, 1, 0, 0, 12 | 3 << 16, u32::MAX, 0]);
    }

    #[test]
    fn a_rate_is_an_attribute_in_bytes_a_second() {
        let words = words(Conditions { rate_bps: 8_000_000, ..Conditions::default() });
        assert_eq!(words, [0, 1000, 0, 0, 0, 0, 20 | 6 << 16, 1_000_000, 0, 0, 0]);
    }
}
