//! Addresses of packet sockets, packet(7).

use anyhow::Result;
use socket2::SockAddr;
use std::mem;

/// An address for a packet socket: all protocols of one interface, or of all (0). The kernel shows outgoing packets
/// only to sockets that ask for all protocols.
pub fn link_address(index: u32) -> Result<SockAddr> {
    // SAFETY: the storage is larger than sockaddr_ll and zeroed; its length is set to what was written.
    let (_, address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = &mut *storage.cast::<libc::sockaddr_ll>();
            link.sll_family = libc::AF_PACKET as u16;
            link.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            link.sll_ifindex = index as i32;
            *length = mem::size_of::<libc::sockaddr_ll>() as u32;
            Ok(())
        })
    }?;
    Ok(address)
}
