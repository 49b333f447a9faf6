//! What a network does to packets.

use serde::{Deserialize, Serialize};

/// What the network between a population and the server does, each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub delay_us: u64,
    /// Of a million packets.
    pub loss_ppm: u32,
    /// Of a million packets, that many are not delayed and so overtake others.
    #[serde(default)]
    pub reorder_ppm: u32,
    /// `None`: the kernel if it has netem, else the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<LinkBy>,
}

impl Link {
    /// What is sent there arrives at once: nobody has to do anything.
    pub fn is_plain(&self) -> bool {
        self.delay_us == 0 && self.loss_ppm == 0 && self.reorder_ppm == 0
    }
}

/// Who delays and loses packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkBy {
    /// The kernel's sch_netem.
    Netem,
    /// The agent, between two TAP devices.
    Agent,
}

impl LinkBy {
    /// As it is written in a scenario and in an outcome.
    pub fn word(self) -> &'static str {
        match self {
            LinkBy::Netem => "netem",
            LinkBy::Agent => "agent",
        }
    }
}
