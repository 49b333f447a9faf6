//! The effects of a network on packets.

use serde::{Deserialize, Serialize};

/// Effects of the network between clients and the server, in each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub delay_us: u64,
    /// Lost packets in a million.
    pub loss_ppm: u32,
    /// Packets in a million that are not delayed and so overtake others.
    #[serde(default)]
    pub reorder_ppm: u32,
    /// `None`: the kernel if it has netem, else the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<LinkBy>,
}

impl Link {
    /// Says whether packets simply arrive at once, so that nothing has to be done.
    pub fn is_plain(&self) -> bool {
        self.delay_us == 0 && self.loss_ppm == 0 && self.reorder_ppm == 0
    }
}

/// The part that delays and loses packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkBy {
    /// The kernel's sch_netem.
    Netem,
    /// The agent, between two TAP devices.
    Agent,
}

impl LinkBy {
    /// The word for it in a scenario and in an outcome.
    pub fn word(self) -> &'static str {
        match self {
            LinkBy::Netem => "netem",
            LinkBy::Agent => "agent",
        }
    }
}
