//! The fixed parts of rtnetlink's messages, as linux/rtnetlink.h, if_addr.h and neighbour.h lay them out.

use std::net::IpAddr;

/// `struct ifinfomsg`. The index 0 is a link that is to be made; the flags in `mask` are set.
pub fn link(index: u32, flags: u32, mask: u32) -> Vec<u8> {
    // The first word: family, padding, hardware type.
    words([0, index, flags, mask])
}

/// `struct ifaddrmsg`, with the scope that reaches everywhere.
pub fn address(address: IpAddr, prefix: u8, index: u32) -> Vec<u8> {
    let mut bytes = vec![family(address), prefix, 0, libc::RT_SCOPE_UNIVERSE];
    bytes.extend(index.to_ne_bytes());
    bytes
}

/// `struct ndmsg`.
pub fn neighbour(address: IpAddr, index: u32, state: u16) -> Vec<u8> {
    let mut bytes = vec![family(address), 0, 0, 0];
    bytes.extend(index.to_ne_bytes());
    bytes.extend(state.to_ne_bytes());
    // Flags, and a kind that the kernel sets.
    bytes.extend([0, 0]);
    bytes
}

/// The fields that a `struct rtmsg` has of a route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `RTN_UNICAST` and the like.
    pub kind: u8,
    /// `RT_TABLE_MAIN` and the like.
    pub table: u8,
    /// `RT_SCOPE_LINK` and the like: how far away the destination may be.
    pub scope: u8,
}

impl Route {
    pub fn bytes(self, family: i32, prefix: u8) -> Vec<u8> {
        let mut bytes = vec![family as u8, prefix, 0, 0, self.table, libc::RTPROT_STATIC, self.scope, self.kind];
        // No flags.
        bytes.extend([0; 4]);
        bytes
    }
}

/// `struct tcmsg`: a queueing discipline's link, its handle and its parent.
pub fn qdisc(index: u32, handle: u32, parent: u32) -> Vec<u8> {
    words([0, index, handle, parent, 0])
}

/// An address as attributes carry it.
pub fn octets(address: impl Into<IpAddr>) -> Vec<u8> {
    match address.into() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family(address: IpAddr) -> u8 {
    (if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }) as u8
}

fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_ne_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn fixed_parts_are_as_long_as_the_kernels_structures() {
        let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
        assert_eq!(link(1, 1, 1).len(), size_of::<libc::ifinfomsg>());
        assert_eq!(address(v4, 24, 3), [2, 24, 0, 0, 3, 0, 0, 0]);
        assert_eq!(neighbour(v6, 3, 0x80), [10, 0, 0, 0, 3, 0, 0, 0, 0x80, 0, 0, 0]);
        let route = Route { kind: libc::RTN_UNICAST, table: libc::RT_TABLE_MAIN, scope: libc::RT_SCOPE_LINK };
        assert_eq!(route.bytes(libc::AF_INET, 16), [2, 16, 0, 0, 254, 4, 253, 1, 0, 0, 0, 0]);
        assert_eq!(qdisc(1, 2, 3).len(), 20);
        assert_eq!((octets(v4).len(), octets(v6).len()), (4, 16));
    }
}
