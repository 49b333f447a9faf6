//! The protocol between host and guest: the [`Plan`] that goes in, the [`Event`]s that come out, where files lie in the
//! guest, and the version of all of it.
//!
//! A plan is JSON in the file [`PLAN_FILE`] of QEMU's firmware configuration; events are one JSON object a
//! line on the I/O port [`EVENT_PORT`]. Nothing else crosses between "continue" and "done".

mod clients;
mod event;
mod network;
mod phase;
mod plan;
pub mod probe;
mod reading;
pub mod readings;
mod release;
pub mod rules;
pub mod scale;
mod search;
mod service;
mod spelling;
mod started;

pub use clients::*;
pub use event::*;
pub use ipnet::IpNet;
pub use network::*;
pub use phase::*;
pub use plan::*;
pub use release::{Version, version};
pub use search::{Search, Trial, sustained};
pub use service::*;
pub use spelling::{spellings, todays_name};
pub use started::*;

/// Raised whenever a plan or an event changes its meaning; the agent refuses a plan of another version.
pub const VERSION: u32 = 7;

/// Name of the file in QEMU's firmware configuration (fw_cfg) in which the agent finds its plan.
pub const PLAN_FILE: &str = "opt/tunelab.plan";
/// The content of that file until there is a plan.
pub const NO_PLAN: &str = "-";
/// The I/O port to which the agent writes its events, byte by byte: QEMU's `isa-debugcon`. It needs no driver, so any
/// kernel will do. It is not 0x402 because SeaBIOS writes its own output there.
pub const EVENT_PORT: u16 = 0xe9;
/// The byte that a read of the port gives if the device is there.
pub const PORT_READS: u8 = 0xe9;

/// The I/O port for the packets captured from the network, as pcap-savefile(5).
pub const PACKET_PORT: u16 = 0xea;

/// Serial of the disk with the modules of a kernel that is not the image's own, each tree below its release.
pub const MODULES_DISK: &str = "tunelab.modules";

/// The agent's init writes this on the console, and then the reason, before it ends and the kernel panics.
pub const GAVE_UP: &str = "tunelab-agent: cannot bring this guest up: ";

/// Paths in the guest. All of them are on tmpfs: nothing is read from a disk during a run.
pub mod guest {
    /// The folder of everything that tunelab brings.
    pub const HOME: &str = "/run/tunelab";
    /// The agent binary as deployed over SSH.
    pub const AGENT: &str = "/run/tunelab/agent";
    /// The scenario's own files as deployed over SSH, by their names in the scenario's folder.
    pub const FILES: &str = "/run/tunelab/files";
    /// The certificate that clients of TLS trust: the lab's own, which services have with its key.
    pub const CERTIFICATE: &str = "/run/tunelab/certificate.pem";
    /// Commands to start once before the machine is saved, as JSON: they read what a plan's programs will need.
    pub const REHEARSALS: &str = "/run/tunelab/rehearsals.json";
    /// The standard streams of a plan's services, one file for each.
    pub const SAID: &str = "/run/tunelab/said";
}
