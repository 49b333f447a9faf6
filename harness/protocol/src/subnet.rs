//! A subnet, checked when it is read from text.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::str::FromStr;

/// `10.1.0.0/16`: the address is the network's own (no host bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    address: Ipv4Addr,
    prefix: u8,
}

impl Subnet {
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The subnet of one address: /32.
    pub fn one(address: Ipv4Addr) -> Self {
        Subnet { address, prefix: 32 }
    }

    /// The number of host addresses: all but the network's own and the broadcast address, neither of which a /32 has.
    pub fn hosts(&self) -> u32 {
        if self.prefix == 32 {
            return 1;
        }
        (u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0)).saturating_sub(1)
    }

    /// The `n`th host, counted from 0, wrapping round at the end of the subnet.
    pub fn host(&self, n: u32) -> Ipv4Addr {
        let first = u32::from(self.address) + u32::from(self.prefix < 32);
        Ipv4Addr::from(first + n % self.hosts().max(1))
    }

    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
        u32::from(address) & mask == u32::from(self.address)
    }

    pub fn overlaps(&self, other: &Subnet) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) =
            text.split_once('/').ok_or_else(|| format!("`{text}` is not a subnet such as `10.1.0.0/16`"))?;
        let address: Ipv4Addr = address.parse().map_err(|_| format!("`{address}` is not an IPv4 address"))?;
        let prefix: u8 = prefix
            .parse()
            .ok()
            .filter(|p| (8..=30).contains(p) || *p == 32)
            .ok_or_else(|| format!("`/{prefix}` is not a prefix length from 8 to 30, nor 32"))?;
        let subnet = Subnet { address, prefix };
        if subnet.contains(address) { Ok(subnet) } else { Err(format!("`{text}` has host bits set")) }
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
