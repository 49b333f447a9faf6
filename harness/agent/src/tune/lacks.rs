//! Parts that this kernel lacks: says which one, in a sentence, in place of the error that follows from it.

use crate::tool;
use anyhow::{Result, bail};
use std::path::Path;

/// A part of the kernel: `shows` is a file that is there if the part is, since Linux 3.2 and before.
struct Part {
    name: &'static str,
    option: &'static str,
    /// Empty: it cannot be a module.
    module: &'static str,
    shows: &'static str,
}

const NETFILTER: Part =
    Part { name: "netfilter", option: "CONFIG_NETFILTER", module: "", shows: "/proc/net/netfilter" };
const IPTABLES: Part =
    Part { name: "iptables", option: "CONFIG_IP_NF_IPTABLES", module: "ip_tables", shows: "/proc/net/ip_tables_names" };
const IP6TABLES: Part = Part {
    name: "ip6tables",
    option: "CONFIG_IP6_NF_IPTABLES",
    module: "ip6_tables",
    shows: "/proc/net/ip6_tables_names",
};
/// Without file locks, iptables takes its own lock for that of another process.
const FILE_LOCKS: Part = Part { name: "file locks", option: "CONFIG_FILE_LOCKING", module: "", shows: "/proc/locks" };
const CONNTRACK: Part = Part {
    name: "connection tracking",
    option: "CONFIG_NF_CONNTRACK",
    module: "nf_conntrack",
    shows: "/proc/sys/net/netfilter/nf_conntrack_max",
};

/// Demands what a rule file needs.
pub fn iptables() -> Result<()> {
    NETFILTER.demand()?;
    IPTABLES.demand()?;
    FILE_LOCKS.demand()
}

pub fn ip6tables() -> Result<()> {
    NETFILTER.demand()?;
    IP6TABLES.demand()?;
    FILE_LOCKS.demand()
}

pub fn netfilter() -> Result<()> {
    NETFILTER.demand()
}

pub fn conntrack() -> Result<()> {
    NETFILTER.demand()?;
    CONNTRACK.demand()
}

impl Part {
    fn demand(&self) -> Result<()> {
        if !self.is_there() && !self.module.is_empty() {
            // It may be built in after all, or missing: it is looked at again.
            let _ = tool::modprobe(self.module, "");
        }
        if !self.is_there() {
            let nor = if self.module.is_empty() { "" } else { ", neither built in nor as a module" };
            bail!("this kernel has no {}{nor} ({})", self.name, self.option);
        }
        Ok(())
    }

    fn is_there(&self) -> bool {
        Path::new(self.shows).exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_by_name_and_option() {
        let without = |part: Part| Part { shows: "/no/such/file", ..part }.demand().unwrap_err().to_string();
        assert_eq!(without(NETFILTER), "this kernel has no netfilter (CONFIG_NETFILTER)");
        let iptables = "this kernel has no iptables, neither built in nor as a module (CONFIG_IP_NF_IPTABLES)";
        assert_eq!(without(Part { module: "no_such_module", ..IPTABLES }), iptables);
        Part { shows: "/proc", ..NETFILTER }.demand().unwrap();
    }
}
