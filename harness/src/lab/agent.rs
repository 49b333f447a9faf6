//! The guest agent, a static binary that goes into every guest.
//!
//! The program carries it, not this library: so the library compiles while cargo builds the agent.

use sha2::{Digest, Sha256};
use std::sync::{LazyLock, OnceLock};

static BYTES: OnceLock<&[u8]> = OnceLock::new();
static HASH: LazyLock<String> = LazyLock::new(|| hex::encode(Sha256::digest(bytes())));

/// Says which agent this program carries. The first call counts.
pub fn carry(agent: &'static [u8]) {
    BYTES.get_or_init(|| agent);
}

/// # Panics
/// If the program did not [`carry`] one.
pub fn bytes() -> &'static [u8] {
    BYTES.get().expect("`main` says which agent the program carries")
}

/// The agent's SHA-256 in hex.
pub fn sha256() -> &'static str {
    &HASH
}
