//! What this kernel has not: which part, in a sentence, in place of the error that follows from it.

use crate::tool;
use anyhow::{Result, bail};
use std::path::Path;

/// A part of the kernel: the file it shows itself by, since Linux 3.2 and before.
struct Part {
    name: &'static str,
    option: &'static str,
    module: &'static str,
    shows: &'static str,
}

const NETFILTER: Part =
    Part { name: "netfilter", option: "CONFIG_NETFILTER", module: "", shows: "/proc/net/netfilter" };
const IPTABLES: Part =
    Part { name: "iptables", option: "CONFIG_IP_NF_IPTABLES", module: "ip_tables", shows: "/proc/net/ip_tables_names" };
const CONNTRACK: Part = Part {
    name: "connection tracking",
    option: "CONFIG_NF_CONNTRACK",
    module: "nf_conntrack",
    shows: "/proc/sys/net/netfilter/nf_conntrack_max",
};

/// What a rule file needs.
pub fn iptables() -> Result<()> {
    NETFILTER.demand()?;
    IPTABLES.demand()
}

pub fn conntrack() -> Result<()> {
    NETFILTER.demand()?;
    CONNTRACK.demand()
}

impl Part {
    fn demand(&self) -> Result<()> {
        if !self.is_there() && !self.module.is_empty() {
            // Built in after all, or not there: it is looked at again.
            let _ = tool::modprobe(self.module, "");
        }
        if !self.is_there() {
            bail!("this kernel has no {}, neither built in nor as a module ({})", self.name, self.option);
        }
        Ok(())
    }

    fn is_there(&self) -> bool {
        Path::new(self.shows).exists()
    }
}
