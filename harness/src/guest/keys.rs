//! The keys of one machine: the key that may log in, and the host key that must answer. They are made anew for each
//! machine and kept nowhere.

use crate::error::{Context, Error, Result};
use tunelab_ssh::{KeyPair, PublicKey};

pub struct Keys {
    user: KeyPair,
    host: KeyPair,
    /// The key that is expected instead of `host`.
    pinned: Option<PublicKey>,
}

impl Keys {
    pub fn generate() -> Self {
        let pair = || KeyPair::generate().expect("OpenSSL makes a key wherever there is randomness");
        Keys { user: pair(), host: pair(), pinned: None }
    }

    /// Expects a machine's own host key, RSA or ECDSA P-256: `line` is its `ssh_host_*_key.pub`.
    pub fn pin(mut self, line: &str) -> Result<Self> {
        let Some(key) = PublicKey::from_line(line) else {
            return Err(Error::guest(format!("`{}` is no SSH host key", line.trim())));
        };
        if algorithms(&key).is_none() {
            let kind = key.kind();
            return Err(Error::guest(format!("a host key of the kind `{kind}` is not one that OpenSSH 5.9 has")));
        }
        self.pinned = Some(key);
        Ok(self)
    }

    /// The text of `authorized_keys` for root.
    pub fn authorized_keys(&self) -> String {
        self.user.public().to_line()
    }

    /// The text of `ssh_host_ecdsa_key`.
    pub fn host_key(&self) -> Result<String> {
        pem(&self.host)
    }

    /// The text of `ssh_host_ecdsa_key.pub`.
    pub fn host_key_public(&self) -> String {
        self.host.public().to_line()
    }

    pub(super) fn user_key(&self) -> Result<String> {
        pem(&self.user)
    }

    /// The host's public key as it comes over the wire, for an exact comparison.
    pub(super) fn host_blob(&self) -> Vec<u8> {
        self.expected().blob().to_owned()
    }

    /// How that key may be proven. Other kinds are left out: a host with several keys might prove one that we do not
    /// know.
    pub(super) fn host_algorithms(&self) -> &'static str {
        algorithms(self.expected()).expect("ours is ECDSA, and others were looked at when they were pinned")
    }

    fn expected(&self) -> &PublicKey {
        self.pinned.as_ref().unwrap_or_else(|| self.host.public())
    }
}

/// The algorithms by SSH's names. For RSA, newer servers refuse the last and OpenSSH before 7.2 has only the last.
fn algorithms(key: &PublicKey) -> Option<&'static str> {
    match key.kind() {
        "ecdsa-sha2-nistp256" => Some("ecdsa-sha2-nistp256"),
        "ssh-rsa" => Some("rsa-sha2-256,ssh-rsa"),
        _ => None,
    }
}

fn pem(key: &KeyPair) -> Result<String> {
    key.to_pem().host(|| "failed to encode an SSH key".into())
}
