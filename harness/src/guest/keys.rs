//! The keys of one machine: who may log in, and which host answers. Made anew for each, kept nowhere.

use crate::error::{Context, Result};
use p256::SecretKey;
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use ssh_key::PublicKey;
use ssh_key::public::{EcdsaPublicKey, KeyData};

/// ECDSA over P-256: the newest kind that OpenSSH 5.9 (Ubuntu 12.04) has, and still accepted by the newest.
pub struct Keys {
    user: SecretKey,
    host: SecretKey,
}

impl Keys {
    pub fn generate() -> Self {
        Keys { user: SecretKey::random(&mut OsRng), host: SecretKey::random(&mut OsRng) }
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
        public(&self.host).to_bytes().host(|| "failed to encode an SSH key".into())
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
