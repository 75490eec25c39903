//! JWK thumbprints with SHA-256 (RFC 7638 section 3, RFC 8037 section 2): the name of a key in `cnf.jkt`.
//! Only the required members count, in lexicographic order, from the parsed value and never from the
//! text, so a key has one thumbprint (JKT-3-01..03). No other hash, by RFC 9449 section 11.10.

use core::fmt;

use smallvec::SmallVec;
use subtle::ConstantTimeEq as _;

use super::encryption::EncryptionKey;
use super::jwk::{PublicKey, RsaPublicKey};
use crate::crypto::{Cryptography, Sha256Digest};
use crate::encoding::base64url::{self, NotBase64Url};

/// The SHA-256 thumbprint of a public key.
#[derive(Clone, Copy, Eq)]
pub struct JwkThumbprint(Sha256Digest);

impl JwkThumbprint {
    /// Computes the thumbprint of `key`.
    #[must_use]
    pub fn of(key: &PublicKey, cryptography: &dyn Cryptography) -> Self {
        match key {
            PublicKey::EcP256(point) => Self::of_p256(point, cryptography),
            PublicKey::EcP384(point) => Self::of_p384(point, cryptography),
            PublicKey::Ed25519(key) => Self(cryptography.sha256(&[
                br#"{"crv":"Ed25519","kty":"OKP","x":""#,
                &encode::<43>(key),
                br#""}"#,
            ])),
            PublicKey::Rsa(key) => Self::of_rsa(key, cryptography),
        }
    }

    /// Computes the thumbprint of a key that content is encrypted to.
    #[must_use]
    pub fn of_encryption_key(key: &EncryptionKey, cryptography: &dyn Cryptography) -> Self {
        match key {
            EncryptionKey::EcP256(point) => Self::of_p256(point, cryptography),
            EncryptionKey::EcP384(point) => Self::of_p384(point, cryptography),
            EncryptionKey::X25519(key) => Self(cryptography.sha256(&[
                br#"{"crv":"X25519","kty":"OKP","x":""#,
                &encode::<43>(key),
                br#""}"#,
            ])),
            EncryptionKey::Rsa(key) => Self::of_rsa(key, cryptography),
        }
    }

    fn of_p256(point: &[u8; 65], cryptography: &dyn Cryptography) -> Self {
        let (x, y) = (encode::<43>(&point[1..33]), encode::<43>(&point[33..]));
        Self(cryptography.sha256(&[br#"{"crv":"P-256","kty":"EC","x":""#, &x, br#"","y":""#, &y, br#""}"#]))
    }

    fn of_p384(point: &[u8; 97], cryptography: &dyn Cryptography) -> Self {
        let (x, y) = (encode::<64>(&point[1..49]), encode::<64>(&point[49..]));
        Self(cryptography.sha256(&[br#"{"crv":"P-384","kty":"EC","x":""#, &x, br#"","y":""#, &y, br#""}"#]))
    }

    fn of_rsa(key: &RsaPublicKey, cryptography: &dyn Cryptography) -> Self {
        let text = |bytes: &[u8]| -> SmallVec<[u8; 512]> {
            SmallVec::from_slice(base64url::encode(bytes).as_bytes())
        };
        let (e, n) = (text(key.exponent()), text(key.modulus()));
        Self(cryptography.sha256(&[br#"{"e":""#, &e, br#"","kty":"RSA","n":""#, &n, br#""}"#]))
    }

    /// Reads the 43-character form of `jkt` and `dpop_jkt`.
    ///
    /// # Errors
    /// [`NotBase64Url`] unless the text is canonical and of exactly 32 bytes (DPOP-6.1-02).
    pub fn parse(text: &str) -> Result<Self, NotBase64Url> {
        base64url::decode_array(text).map(Self)
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &Sha256Digest {
        &self.0
    }
}

/// In constant time (DPOP-6.1-03).
impl PartialEq for JwkThumbprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Of the same bytes that equality compares.
impl core::hash::Hash for JwkThumbprint {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for JwkThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&base64url::encode_digest(&self.0)).unwrap_or_default())
    }
}

impl fmt::Debug for JwkThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwkThumbprint({self})")
    }
}

impl serde::Serialize for JwkThumbprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for JwkThumbprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::string::String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| serde::de::Error::custom("not a SHA-256 JWK thumbprint"))
    }
}

fn encode<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    base64url::encode_into(bytes, &mut text);
    text
}
