//! Images: from a recipe (`images/<name>.toml`) to a kernel, its modules and a read-only root disk
//! in the cache, checked by checksum whenever one is opened.
//!
//! ```text
//! Recipe ──key──► store ──absent or damaged──► build (mmdebstrap in a namespace) ──► Image
//! ```

pub mod initrd;
mod recipe;
mod store;

mod build;
mod checksum;
mod ext4;
mod manifest;
mod mmdebstrap;
mod modules;
mod progress;

pub use manifest::{FileFact, Manifest, Package};
pub use recipe::{Init, Machine, Packages, Recipe, Source};
pub use store::{Found, Image, Stored, ensure, list, open, prune};
