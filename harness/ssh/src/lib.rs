//! SSH for the harness: `ssh2` as it is, and keys and certificates made by the OpenSSL that `ssh2` is linked with.
//!
//! It is a package of its own to make the first build faster: cargo runs a package's build script after those of the C
//! libraries that the package names itself (libssh2's pin), and the root's build script builds the guest agent, which
//! would wait for OpenSSL.

mod certificate;
mod key;

pub use certificate::Certificate;
pub use key::{KeyPair, PublicKey};
pub use openssl::error::ErrorStack;
pub use ssh2::{BlockDirections, Channel, Error, MethodType, Session};
