//! Images: from a recipe (`images/<name>.toml`) to a kernel, its modules and a read-only root disk
//! in the cache, checked by checksum when one is opened that changed since it was checked last.
//!
//! ```text
//! Recipe ──key──► store ──absent or damaged──► build (mmdebstrap in a namespace) ──► Image
//! ```
//!
//! `kernel` is for a kernel of the user's own in place of an image's.

pub mod initrd;
pub mod kernel;
mod recipe;
mod store;

mod build;
mod checksum;
mod disk;
mod elf;
mod ext4;
mod failure;
mod fetch;
mod files;
mod install;
mod manifest;
mod mmdebstrap;
mod modules;
mod progress;
mod unpack;
mod verified;

pub use fetch::{Attempts, Fetched, damage as download_damage, fetch};
pub use files::remove;
pub use kernel::{Given as GivenKernel, Kernel};
pub use manifest::{DiskFacts, FileFact, Manifest, Package};
pub use recipe::{Disk, Init, Keyring, Machine, Packages, Proof, Recipe, Recipes, Source, Sums, is_name, is_package};
pub use store::{Found, Image, Stored, ensure, list, open, sweep, verify};
