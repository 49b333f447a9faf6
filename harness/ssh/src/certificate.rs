//! A certificate for servers in a guest, made anew for each machine and kept nowhere.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509Builder, X509NameBuilder};

/// A key, and a certificate of it that it signed itself; both are PEM.
pub struct Certificate {
    pub key: String,
    pub certificate: String,
}

/// RSA, because each signature and each certificate is of one size, whatever the key: with ECDSA they differ by some bytes.
const KEY_BITS: u32 = 2048;
/// It is valid at any time that a guest's clock may show: the first and the last moment of X.509 (RFC 5280, 4.1.2.5).
const VALID: [&str; 2] = ["19700101000000Z", "99991231235959Z"];

impl Certificate {
    /// Makes one for this name.
    pub fn self_signed(name: &str) -> Result<Self, ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(KEY_BITS)?)?;
        let mut names = X509NameBuilder::new()?;
        names.append_entry_by_text("CN", name)?;
        let names = names.build();
        let mut builder = X509Builder::new()?;
        // Version 3 (RFC 5280, 4.1.2.1).
        builder.set_version(2)?;
        let serial = BigNum::from_u32(1)?;
        builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
        builder.set_subject_name(&names)?;
        builder.set_issuer_name(&names)?;
        builder.set_not_before(&*Asn1Time::from_str(VALID[0])?)?;
        builder.set_not_after(&*Asn1Time::from_str(VALID[1])?)?;
        builder.set_pubkey(&key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let text = |pem| String::from_utf8(pem).expect("PEM is ASCII");
        Ok(Certificate { key: text(key.private_key_to_pem_pkcs8()?), certificate: text(builder.build().to_pem()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::x509::X509;

    #[test]
    fn the_certificate_is_of_the_key_and_two_are_of_one_size() {
        let [one, other] = [(); 2].map(|()| Certificate::self_signed("server").unwrap());
        let [cert, another] = [&one, &other].map(|made| X509::from_pem(made.certificate.as_bytes()).unwrap());
        let key = PKey::private_key_from_pem(one.key.as_bytes()).unwrap();
        assert!(cert.verify(&key).unwrap() && !another.verify(&key).unwrap(), "each has a key of its own");
        assert!(cert.public_key().unwrap().public_eq(&key));
        assert_eq!(cert.to_der().unwrap().len(), another.to_der().unwrap().len());
        let [long_ago, far_off] = [0, 250_000_000_000].map(|seconds| Asn1Time::from_unix(seconds).unwrap());
        assert!(cert.not_before() <= long_ago && cert.not_after() > far_off);
    }
}
