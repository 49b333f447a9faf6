//! Where visitors are and what they speak.

use serde::{Deserialize, Serialize};

/// Where a population (or an upstream) is, as the server sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// Behind a router: the server knows one neighbour for all of its addresses.
    #[default]
    BehindARoute,
    /// On the server's own link: the server asks for each address by ARP, and keeps a neighbour entry for each.
    OnLink,
    /// In the server's own namespace, with its address and ports of the kernel's choice.
    Server,
}

impl At {
    pub fn is_default(&self) -> bool {
        *self == At::default()
    }
}

/// What one visitor speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speech {
    /// Over TCP; see [`crate::Http`] for the version.
    #[default]
    Http,
    /// One SYN and no more: whoever has the address answers nothing, and sends no SYN a second time.
    Syn,
    /// A datagram for each path, and waits for one back.
    Udp,
    /// One datagram by IPv6, into a network that nobody went to before, by a route that is made for it. Nothing
    /// comes back; the socket stays.
    Udp6,
    /// One IPv6 packet whose header the sender writes (IPPROTO_RAW), to an address on the link that nobody has. Nothing comes
    /// back; the packet waits for its neighbour to be found, and is given up.
    Raw6,
    /// An ICMP echo request for each path.
    Icmp,
}

impl Speech {
    /// Only the server speaks IPv6, to nobody who is on a site.
    pub fn is_ipv6(self) -> bool {
        matches!(self, Speech::Udp6 | Speech::Raw6)
    }

    pub fn is_default(&self) -> bool {
        *self == Speech::default()
    }
}
