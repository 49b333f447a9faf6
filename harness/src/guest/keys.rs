//! The keys of one machine: who may log in, and which host answers. Made anew for each, kept nowhere.

use crate::error::{Context, Error, Result};
use p256::SecretKey;
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{Algorithm, EcdsaCurve, PublicKey};

/// ECDSA over P-256: the newest kind that OpenSSH 5.9 (Ubuntu 12.04) has, and still accepted by the newest.
pub struct Keys {
    user: SecretKey,
    host: SecretKey,
    /// Expected instead of `host`.
    pinned: Option<PublicKey>,
}

impl Keys {
    pub fn generate() -> Self {
        Keys { user: SecretKey::random(&mut OsRng), host: SecretKey::random(&mut OsRng), pinned: None }
    }

    /// For a machine that brings a host key of its own, RSA or ECDSA P-256: `line` is its `ssh_host_*_key.pub`.
    pub fn pin(mut self, line: &str) -> Result<Self> {
        let key = PublicKey::from_openssh(line).guest(|| format!("`{}` is no SSH host key", line.trim()))?;
        if algorithms(&key).is_none() {
            let kind = key.algorithm();
            return Err(Error::guest(format!("a host key of the kind `{kind}` is not one that OpenSSH 5.9 has")));
        }
        self.pinned = Some(key);
        Ok(self)
    }

    /// `authorized_keys` for root.
    pub fn authorized_keys(&self) -> Result<String> {
        line(&public(&self.user))
    }

    /// `ssh_host_ecdsa_key`, as PKCS#8 PEM, which goes through OpenSSL: OpenSSH's own format came with 6.5.
    pub fn host_key(&self) -> Result<String> {
        pem(&self.host)
    }

    /// `ssh_host_ecdsa_key.pub`.
    pub fn host_key_public(&self) -> Result<String> {
        line(&public(&self.host))
    }

    pub(super) fn user_key(&self) -> Result<String> {
        pem(&self.user)
    }

    /// The host's public key as it comes over the wire, for an exact comparison.
    pub(super) fn host_blob(&self) -> Result<Vec<u8>> {
        self.expected().to_bytes().host(|| "failed to encode an SSH key".into())
    }

    /// How that key may be proven. No other kind: of several keys the host might prove one that we do not know.
    pub(super) fn host_algorithms(&self) -> &'static str {
        algorithms(&self.expected()).expect("ours is ECDSA, and others were looked at when they were pinned")
    }

    fn expected(&self) -> PublicKey {
        self.pinned.clone().unwrap_or_else(|| public(&self.host))
    }
}

/// In SSH's words; with RSA, newer servers refuse the last and OpenSSH before 7.2 has only the last.
fn algorithms(key: &PublicKey) -> Option<&'static str> {
    match key.algorithm() {
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 } => Some("ecdsa-sha2-nistp256"),
        Algorithm::Rsa { .. } => Some("rsa-sha2-256,ssh-rsa"),
        _ => None,
    }
}

fn public(key: &SecretKey) -> PublicKey {
    KeyData::Ecdsa(EcdsaPublicKey::NistP256(key.public_key().into())).into()
}

fn pem(key: &SecretKey) -> Result<String> {
    Ok(key.to_pkcs8_pem(LineEnding::LF).host(|| "failed to encode an SSH key".into())?.to_string())
}

fn line(key: &PublicKey) -> Result<String> {
    Ok(key.to_openssh().host(|| "failed to encode an SSH key".into())? + "\n")
}
