//! Keys in the forms that OpenSSH reads: one-line public keys, PKCS#8 private ones.

use openssl::base64::{decode_block, encode_block};
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcGroupRef, EcKey, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

const ECDSA: &str = "ecdsa-sha2-nistp256";
const CURVE: &str = "nistp256";

/// An ECDSA key over P-256: the newest kind that OpenSSH 5.9 (Ubuntu 12.04) has; the newest OpenSSH still accepts it.
pub struct KeyPair {
    key: EcKey<Private>,
    public: PublicKey,
}

impl KeyPair {
    pub fn generate() -> Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        Self::of(EcKey::generate(&group)?, &group)
    }

    fn of(key: EcKey<Private>, group: &EcGroupRef) -> Result<Self, ErrorStack> {
        let mut context = BigNumContext::new()?;
        let point = key.public_key().to_bytes(group, PointConversionForm::UNCOMPRESSED, &mut context)?;
        let blob = [ECDSA.as_bytes(), CURVE.as_bytes(), &point].map(field).concat();
        Ok(KeyPair { key, public: PublicKey { blob } })
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Writes PKCS#8 PEM, which OpenSSH reads through OpenSSL: OpenSSH's own format came with 6.5.
    pub fn to_pem(&self) -> Result<String, ErrorStack> {
        let pem = PKey::from_ec_key(self.key.clone())?.private_key_to_pem_pkcs8()?;
        Ok(String::from_utf8(pem).expect("PEM is ASCII"))
    }
}

/// A public key in its wire format (RFC 4253, 6.6): fields with their lengths; the first field is the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    blob: Vec<u8>,
}

impl PublicKey {
    /// Reads a line of an `ssh_host_*_key.pub`: kind, key in base64, comment.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (kind, encoded) = (words.next()?, words.next()?);
        let key = PublicKey { blob: decode_block(encoded).ok()? };
        (key.kind() == kind && key.fields().is_some()).then_some(key)
    }

    pub fn to_line(&self) -> String {
        format!("{} {}\n", self.kind(), encode_block(&self.blob))
    }

    /// `ecdsa-sha2-nistp256`, `ssh-rsa` and so on.
    pub fn kind(&self) -> &str {
        split(&self.blob).and_then(|(kind, _)| std::str::from_utf8(kind).ok()).unwrap_or_default()
    }

    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Counts the fields beside the kind. `None` if the last one is cut off, or if there is no other.
    fn fields(&self) -> Option<usize> {
        let (_, mut rest) = split(&self.blob)?;
        let mut fields = 0;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
            fields += 1;
        }
        (fields > 0).then_some(fields)
    }
}

fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a field of a key is short");
    [&length.to_be_bytes(), bytes].concat()
}

/// Splits the first field from what comes after it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::{bn::BigNum, hash::MessageDigest, sign::Signer, sign::Verifier};

    /// Made by `ssh-keygen -t rsa -b 1024`, only to be read.
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCZhi16gkULaEEXPfTld0ACYpGhgwDhseZA1cJD1VDx8Q+PMMQKWKRJuw094VZt+z/4AT15aTpp49+gyi502iqaS/FRPWTchu9FOzxS8B60gTWv/BF935VUSgwhIYKtJ4+H8UdSBWL0f8TB8MpDpzkN/PjIVX4et4hdqwN9S4s0eQ==";
    /// The public key of the secret 1, so that its point is the generator; `ssh-keygen -l` reads it.
    const OF_ONE: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=";

    #[test]
    fn the_private_key_is_of_the_public_one_and_reads_as_pkcs8() {
        let pair = KeyPair::generate().unwrap();
        let pem = pair.to_pem().unwrap();
        assert!(
            pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n"),
            "{pem}"
        );
        let private = PKey::private_key_from_pem(pem.as_bytes()).unwrap();
        let signature = Signer::new(MessageDigest::sha256(), &private).unwrap().sign_oneshot_to_vec(b"hello").unwrap();
        let public = PKey::from_ec_key(pair.key.clone()).unwrap();
        assert!(Verifier::new(MessageDigest::sha256(), &public).unwrap().verify_oneshot(&signature, b"hello").unwrap());
        // The curve is named, not given by its parameters: OpenSSH refuses a curve that has no name.
        assert_eq!(private.ec_key().unwrap().group().curve_name(), Some(Nid::X9_62_PRIME256V1));
    }

    #[test]
    fn lines_are_written_as_openssh_reads_them() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let one = BigNum::from_u32(1).unwrap();
        let key = EcKey::from_private_components(&group, &one, group.generator_opt().unwrap()).unwrap();
        let pair = KeyPair::of(key, &group).unwrap();
        assert_eq!(pair.public().to_line().trim_end(), OF_ONE);
    }

    #[test]
    fn lines_are_read_with_and_without_a_comment() {
        let key = PublicKey::from_line(RSA).unwrap();
        assert_eq!(key.kind(), "ssh-rsa");
        assert_eq!(PublicKey::from_line(&key.to_line()), Some(key.clone()));
        assert_eq!(PublicKey::from_line(&(RSA.to_owned() + " root@guest\n")), Some(key));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let cut = PublicKey { blob: [field(b"ssh-rsa"), vec![0, 0, 1, 0, 7]].concat() }.to_line();
        let empty = PublicKey { blob: field(b"ssh-rsa") }.to_line();
        for line in ["", "ssh-rsa", "ssh-rsa ????", "ssh-dss AAAA", &RSA.replacen("rsa", "dss", 1), &cut, &empty] {
            assert_eq!(PublicKey::from_line(line), None, "{line}");
        }
    }
}
