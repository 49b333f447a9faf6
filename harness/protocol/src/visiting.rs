//! Where clients are and which protocol they speak.

use serde::{Deserialize, Serialize};

/// Where clients (or an upstream) are, as the server sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// Behind a router: the server knows one neighbour for all of its addresses.
    #[default]
    BehindARoute,
    /// On the server's own link: the server asks for each address by ARP, and keeps a neighbour entry for each.
    OnLink,
    /// In the server's own namespace, with its address and with ports that the kernel chooses.
    Server,
}

impl At {
    pub fn is_default(&self) -> bool {
        *self == At::default()
    }
}

/// The protocol of one client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speech {
    /// Over TCP; see [`crate::Http`] for the version.
    #[default]
    Http,
    /// One SYN and no more: the client's address answers nothing, and no SYN is sent a second time.
    Syn,
    /// A datagram for each path; the client waits for one back.
    Udp,
    /// One datagram by IPv6, into a network that no packet went to before, by a route that is made for it. Nothing
    /// comes back; the socket stays.
    Udp6,
    /// One IPv6 packet with a header that the sender writes (IPPROTO_RAW), to an address on the link that no host has.
    /// The packet waits for its neighbour to be found, and is given up; nothing comes back.
    Raw6,
    /// An ICMP echo request for each path.
    Icmp,
}

impl Speech {
    /// Only the server speaks IPv6, and to no address on a site.
    pub fn is_ipv6(self) -> bool {
        matches!(self, Speech::Udp6 | Speech::Raw6)
    }

    pub fn is_default(&self) -> bool {
        *self == Speech::default()
    }
}
