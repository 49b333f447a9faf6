//! Tests on real machines: QEMU, a real kernel, the whole way. Run by plain `cargo test`.
//!
//! `bench` is where each of them works: own folders, an image and a warm machine shared by all, and at the end a proof
//! that nothing survived. A host that cannot run machines fails these tests with the reason; none is skipped.

mod away;
mod bench;
mod boots;
mod busy;
mod catalogue;
mod command;
mod damage;
mod deaths;
mod distribution;
mod doctor;
mod full_disk;
mod hosts;
mod incidents;
mod interrupted;
mod kernel;
mod mistakes;
mod network;
mod no_network;
mod old_ssh;
mod packets;
mod pruned;
mod sameness;
mod shared;
mod shell;
mod sysctls;
