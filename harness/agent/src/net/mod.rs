//! Namespaces, links and routes, by rtnetlink, without any tool of the guest.
//!
//! A current iproute2's `ip netns add` binds the current namespace on Linux 3.5, and `ip netns exec` then changes the
//! server's own settings (measured); hence unshare(2), setns(2) and netlink.

mod beyond;
mod fixed;
mod host;
mod join;
mod loopback;
mod namespace;
mod netem;
mod packet;
mod relay;
mod rtnl;
mod tap;
mod topology;

pub use beyond::Beyond;
pub use host::Host;
pub use loopback::Loopback;
pub use namespace::Namespace;
pub use packet::link_address;
pub use rtnl::{Rtnl, index};
pub use topology::Topology;
