//! Delay and loss on a link: the kernel's netem.

use super::rtnl::{Rtnl, index};
use anyhow::{Context, Result};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use tunelab_protocol::Link;

const TCA_OPTIONS: u16 = 2;
/// Packets that may be on the way at once; tc's own default.
const LIMIT: u32 = 1000;

/// Applies to what leaves by `nic` in the namespace that `rtnl` speaks for.
pub fn apply(rtnl: &mut Rtnl, nic: &str, link: Link) -> Result<()> {
    if link == Link::default() {
        return Ok(());
    }
    let mut qdisc = TcMessage::default();
    qdisc.header.index = index(nic)? as i32;
    qdisc.header.handle = TcHandle { major: 1, minor: 0 };
    qdisc.header.parent = TcHandle::ROOT;
    qdisc.attributes =
        vec![TcAttribute::Kind("netem".into()), TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options(link)))];
    rtnl.add_qdisc(qdisc).with_context(|| format!("failed to put netem on {nic} (sch_netem)"))
}

/// `struct tc_netem_qopt` of linux/pkt_sched.h: latency, limit, loss, gap, duplicate, jitter.
fn options(link: Link) -> Vec<u8> {
    // A psched tick is 64 ns since 2.6.31 (PSCHED_SHIFT 6).
    let latency = (link.delay_us * 1000 / 64) as u32;
    let loss = (u64::from(u32::MAX) * u64::from(link.loss_ppm) / 1_000_000) as u32;
    [latency, LIMIT, loss, 0, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_milliseconds_are_156250_ticks() {
        let bytes = options(Link { delay_us: 10_000, loss_ppm: 500_000 });
        assert_eq!(bytes.len(), 24);
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()), 156_250);
        assert_eq!(u32::from_ne_bytes(bytes[8..12].try_into().unwrap()), u32::MAX / 2);
    }
}
