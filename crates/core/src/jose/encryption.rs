//! Encryption to a recipient's public key: the algorithms that Bindery knows (RFC 7518 sections 4 and 5, RFC
//! 8037 section 3.2) and the public keys they take, parsed as strictly as signature keys. A key is for
//! encryption only when it says so (`use` or `alg`): one key, one use. Neither RSA1_5, nor direct and password
//! keys, nor compression have a value here.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde_json::{Map, Value};

use super::jwk::{JwkInvalid, MAXIMUM_RSA_BITS, RsaPublicKey};
use crate::encoding::{base64url, json};

/// How the content key reaches the recipient (`alg`, RFC 7518 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyManagement {
    /// The agreed key is the content key (RFC 7518 section 4.6).
    EcdhEs,
    /// The agreed key wraps the content key by AES-128 (RFC 7518 sections 4.4 and 4.6).
    EcdhEsA128Kw,
    /// The same by AES-256.
    EcdhEsA256Kw,
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256 (RFC 7518 section 4.3).
    RsaOaep256,
}

impl KeyManagement {
    /// Every algorithm, in the order in which we advertise them.
    pub const ALL: [Self; 4] = [Self::EcdhEs, Self::EcdhEsA128Kw, Self::EcdhEsA256Kw, Self::RsaOaep256];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
            Self::RsaOaep256 => "RSA-OAEP-256",
        }
    }

    /// The algorithm of that name, compared exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether `key` is of the kind that this algorithm encrypts to.
    #[must_use]
    pub const fn fits(self, key: &EncryptionKey) -> bool {
        matches!((self, key), (Self::RsaOaep256, EncryptionKey::Rsa(_)))
            || (!matches!(self, Self::RsaOaep256) && !matches!(key, EncryptionKey::Rsa(_)))
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the content is encrypted (`enc`, RFC 7518 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ContentEncryption {
    /// AES-GCM with a key of 128 bits (RFC 7518 section 5.3).
    A128Gcm,
    /// AES-GCM with a key of 256 bits.
    A256Gcm,
    /// AES-128-CBC and HMAC-SHA-256 (RFC 7518 section 5.2.3): what OpenID Connect means when a client names no
    /// `enc`.
    A128CbcHs256,
}

impl ContentEncryption {
    /// Every algorithm, in the order in which we advertise them.
    pub const ALL: [Self; 3] = [Self::A256Gcm, Self::A128Gcm, Self::A128CbcHs256];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
        }
    }

    /// The algorithm of that name, compared exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The length of the content key, in bytes.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
        }
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key that content can be encrypted to. Whether a point lies on its curve is for the key agreement to
/// say; no key is used without it.
#[derive(Clone, PartialEq, Eq)]
pub enum EncryptionKey {
    /// A P-256 point, uncompressed SEC1 form (`0x04 || x || y`).
    EcP256([u8; 65]),
    /// A P-384 point, uncompressed SEC1 form.
    EcP384([u8; 97]),
    /// An X25519 public key (RFC 7748, RFC 8037).
    X25519([u8; 32]),
    /// An RSA public key.
    Rsa(Box<RsaPublicKey>),
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcP256(_) => "EncryptionKey(P-256)",
            Self::EcP384(_) => "EncryptionKey(P-384)",
            Self::X25519(_) => "EncryptionKey(X25519)",
            Self::Rsa(_) => "EncryptionKey(RSA)",
        })
    }
}

impl EncryptionKey {
    /// The key as a JWK object with the required members alone.
    #[must_use]
    pub fn to_jwk(&self) -> Map<String, Value> {
        let (kind, curve, members): (_, _, &[(&str, &[u8])]) = match self {
            Self::EcP256(point) => ("EC", Some("P-256"), &[("x", &point[1..33]), ("y", &point[33..])]),
            Self::EcP384(point) => ("EC", Some("P-384"), &[("x", &point[1..49]), ("y", &point[49..])]),
            Self::X25519(key) => ("OKP", Some("X25519"), &[("x", key)]),
            Self::Rsa(key) => ("RSA", None, &[("n", key.modulus()), ("e", key.exponent())]),
        };
        let mut jwk = Map::new();
        jwk.insert("kty".into(), kind.into());
        if let Some(curve) = curve {
            jwk.insert("crv".into(), curve.into());
        }
        for (name, value) in members {
            jwk.insert((*name).into(), base64url::encode(value).into());
        }
        jwk
    }

    /// Reads the members of `kty`, and no more of the object; private ones refuse it (RFC 7518 section 6).
    ///
    /// # Errors
    /// [`JwkInvalid`] names the rule that the key breaks.
    pub fn from_members(jwk: &Map<String, Value>) -> Result<Self, JwkInvalid> {
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| jwk.contains_key(*name)) {
            return Err(JwkInvalid::PrivateMember);
        }
        let kind = text(jwk, "kty")?;
        if kind == "RSA" {
            return rsa(jwk);
        }
        match (kind, text(jwk, "crv")?) {
            ("EC", "P-256") => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&coordinate::<32>(jwk, "x")?);
                point[33..].copy_from_slice(&coordinate::<32>(jwk, "y")?);
                Ok(Self::EcP256(point))
            }
            ("EC", "P-384") => {
                let mut point = [4; 97];
                point[1..49].copy_from_slice(&coordinate::<48>(jwk, "x")?);
                point[49..].copy_from_slice(&coordinate::<48>(jwk, "y")?);
                Ok(Self::EcP384(point))
            }
            ("OKP", "X25519") => Ok(Self::X25519(coordinate(jwk, "x")?)),
            _ => Err(JwkInvalid::UnsupportedKind),
        }
    }
}

/// A public key of a set that is for encryption, with what the set says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionJwk {
    /// The key itself.
    pub key: EncryptionKey,
    /// `kid`, by which its holder finds the private half.
    pub key_id: Option<String>,
    /// `alg`: the one algorithm that the key may be used with, if it says so.
    pub algorithm: Option<KeyManagement>,
}

impl EncryptionJwk {
    /// Parses one public JWK that says that it is for encryption: by `use`, or by an `alg` of ours.
    ///
    /// # Errors
    /// [`JwkInvalid`] names the rule that the key breaks.
    pub fn parse(json_text: &[u8]) -> Result<Self, JwkInvalid> {
        let jwk = json::parse_object(json_text).map_err(JwkInvalid::Json)?;
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(name) => {
                let algorithm = name.as_str().and_then(KeyManagement::from_name);
                Some(algorithm.ok_or(JwkInvalid::NotForEncrypting("alg"))?)
            }
        };
        match jwk.get("use") {
            None if algorithm.is_some() => {}
            Some(usage) if usage == "enc" => {}
            _ => return Err(JwkInvalid::NotForEncrypting("use")),
        }
        if let Some(operations) = jwk.get("key_ops") {
            let wanted = ["encrypt", "wrapKey", "deriveKey", "deriveBits"];
            let names = operations.as_array().ok_or(JwkInvalid::NotForEncrypting("key_ops"))?;
            if !names.iter().any(|name| wanted.iter().any(|wanted| name == wanted)) {
                return Err(JwkInvalid::NotForEncrypting("key_ops"));
            }
        }
        let key = EncryptionKey::from_members(&jwk)?;
        if algorithm.is_some_and(|algorithm| !algorithm.fits(&key)) {
            return Err(JwkInvalid::NotForEncrypting("alg"));
        }
        let key_id = match jwk.get("kid") {
            None => None,
            Some(_) => Some(text(&jwk, "kid")?.into()),
        };
        Ok(Self { key, key_id, algorithm })
    }

    /// Whether content may be encrypted to this key by `algorithm`.
    #[must_use]
    pub fn allows(&self, algorithm: KeyManagement) -> bool {
        algorithm.fits(&self.key) && self.algorithm.is_none_or(|pinned| pinned == algorithm)
    }
}

fn text<'m>(jwk: &'m Map<String, Value>, name: &'static str) -> Result<&'m str, JwkInvalid> {
    match jwk.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(JwkInvalid::Encoding(name)),
        None => Err(JwkInvalid::MissingMember(name)),
    }
}

fn coordinate<const N: usize>(jwk: &Map<String, Value>, name: &'static str) -> Result<[u8; N], JwkInvalid> {
    base64url::decode_array(text(jwk, name)?).map_err(|_| JwkInvalid::Encoding(name))
}

fn rsa(jwk: &Map<String, Value>) -> Result<EncryptionKey, JwkInvalid> {
    let number = |name| {
        let text = text(jwk, name)?;
        if text.len() > MAXIMUM_RSA_BITS / 6 + 4 {
            return Err(JwkInvalid::RsaSize);
        }
        base64url::decode(text).map_err(|_| JwkInvalid::Encoding(name))
    };
    RsaPublicKey::new(number("n")?, number("e")?).map(|key| EncryptionKey::Rsa(Box::new(key)))
}

#[cfg(test)]
#[path = "encryption_tests.rs"]
mod tests;
