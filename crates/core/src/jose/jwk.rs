//! Public keys as JWK (RFC 7517, RFC 7518 section 6, RFC 8037), parsed strictly: required members only
//! decide, lengths are exact, private and symmetric members refuse the key (RFC 9449 section 4.3 step 7),
//! weak RSA keys and low-order Ed25519 points never become a value. Whether an EC point lies on its curve
//! is for `Cryptography::verify_signature` to say; no key is used without it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::MapAccess;
use serde_json::{Map, Value, json};

use super::algorithm::SignatureAlgorithm;
use super::encryption::EncryptionJwk;
use crate::encoding::base64url;
use crate::encoding::json::{self as strict_json, JsonInvalid, Members, Text};

/// The smallest RSA modulus in bits (RFC 7518 section 3.3).
pub const MINIMUM_RSA_BITS: usize = 2048;
/// The largest RSA modulus in bits; bigger ones only cost time.
pub const MAXIMUM_RSA_BITS: usize = 8192;

/// A public key for one of our algorithms.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A P-256 point, uncompressed SEC1 form (`0x04 || x || y`).
    EcP256([u8; 65]),
    /// A P-384 point, uncompressed SEC1 form.
    EcP384([u8; 97]),
    /// An Ed25519 public key.
    Ed25519([u8; 32]),
    /// An RSA public key.
    Rsa(Box<RsaPublicKey>),
}

/// An RSA modulus and exponent, big-endian without leading zeros.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaPublicKey {
    /// Checks size, oddness and minimal encoding (DPOP-4.2-17, JKT-3-02).
    ///
    /// # Errors
    /// [`JwkInvalid`] names the rule that the key breaks.
    pub fn new(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<Self, JwkInvalid> {
        if modulus.first().is_none_or(|byte| *byte == 0) || exponent.first().is_none_or(|byte| *byte == 0) {
            return Err(JwkInvalid::RsaLeadingZero);
        }
        let bits = modulus.len() * 8 - modulus[0].leading_zeros() as usize;
        if !(MINIMUM_RSA_BITS..=MAXIMUM_RSA_BITS).contains(&bits) {
            return Err(JwkInvalid::RsaSize);
        }
        let even = |number: &[u8]| number.last().is_none_or(|byte| byte % 2 == 0);
        if even(&modulus) || even(&exponent) || exponent == [1] || exponent.len() > 8 {
            return Err(JwkInvalid::RsaExponent);
        }
        Ok(Self { modulus, exponent })
    }

    /// The modulus `n`, big-endian.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent `e`, big-endian.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcP256(_) => "PublicKey(P-256)",
            Self::EcP384(_) => "PublicKey(P-384)",
            Self::Ed25519(_) => "PublicKey(Ed25519)",
            Self::Rsa(_) => "PublicKey(RSA)",
        })
    }
}

impl PublicKey {
    /// The key as a JWK object with the required members alone.
    #[must_use]
    pub fn to_jwk(&self) -> Map<String, Value> {
        let text = |bytes: &[u8]| base64url::encode(bytes);
        let value = match self {
            Self::EcP256(point) => {
                json!({"kty":"EC","crv":"P-256","x":text(&point[1..33]),"y":text(&point[33..])})
            }
            Self::EcP384(point) => {
                json!({"kty":"EC","crv":"P-384","x":text(&point[1..49]),"y":text(&point[49..])})
            }
            Self::Ed25519(key) => json!({"kty":"OKP","crv":"Ed25519","x":text(key)}),
            Self::Rsa(key) => json!({"kty":"RSA","n":text(&key.modulus),"e":text(&key.exponent)}),
        };
        match value {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// The algorithm that this kind of key signs with when nothing else is said; PS256 for RSA.
    #[must_use]
    pub const fn usual_algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::EcP256(_) => SignatureAlgorithm::Es256,
            Self::EcP384(_) => SignatureAlgorithm::Es384,
            Self::Ed25519(_) => SignatureAlgorithm::EdDsa,
            Self::Rsa(_) => SignatureAlgorithm::Ps256,
        }
    }
}

/// Why a JWK is not a public key that we use. Each is one rule; none quotes the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwkInvalid {
    /// Not a strict JSON object, or a member of the wrong type.
    Json(JsonInvalid),
    /// A required member is missing (RFC 7518 section 6).
    MissingMember(&'static str),
    /// `kty` or `crv` is not one that our algorithms use (`oct` included).
    UnsupportedKind,
    /// A private or symmetric member is present (RFC 9449 section 4.3 step 7).
    PrivateMember,
    /// A member is not canonical base64url or has the wrong length.
    Encoding(&'static str),
    /// An RSA modulus under 2048 or over 8192 bits.
    RsaSize,
    /// An RSA modulus or exponent that is even, or an exponent of 1 or of more than 64 bits.
    RsaExponent,
    /// An RSA number with leading zero octets, a second spelling of the same key.
    RsaLeadingZero,
    /// An Ed25519 point of low order or a non-canonical one: anyone can sign for it.
    LowOrderPoint,
    /// `use`, `key_ops` or `alg` say that the key is not for this signature (DPOP-4.2-18).
    NotForVerifying(&'static str),
    /// `use`, `key_ops` or `alg` say that the key is not one to encrypt to.
    NotForEncrypting(&'static str),
    /// `x5c` does not start with a certificate of this very key (RFC 7517 section 4.7).
    CertificateMismatch,
    /// Two keys of a set share one `kid` and kind, or the set is not an object with `keys`.
    Set(&'static str),
}

impl fmt::Display for JwkInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(reason) => write!(f, "the key is not a strict JSON object: {reason}"),
            Self::MissingMember(name) => write!(f, "the key has no member `{name}`"),
            Self::UnsupportedKind => {
                f.write_str("the key's kty and crv are not one of EC P-256, EC P-384, OKP Ed25519 and RSA")
            }
            Self::PrivateMember => f.write_str("the key holds a private or symmetric member"),
            Self::Encoding(name) => {
                write!(f, "the key's member `{name}` is not canonical base64url of the right length")
            }
            Self::RsaSize => f.write_str("the RSA modulus has fewer than 2048 or more than 8192 bits"),
            Self::RsaExponent => {
                f.write_str("the RSA modulus or exponent is even, or the exponent is out of range")
            }
            Self::RsaLeadingZero => f.write_str("an RSA number has leading zero octets"),
            Self::LowOrderPoint => f.write_str("the Ed25519 point is of low order or not canonical"),
            Self::NotForVerifying(name) | Self::NotForEncrypting(name) => {
                write!(f, "the key's member `{name}` forbids this use")
            }
            Self::CertificateMismatch => f.write_str("the first x5c certificate does not hold this key"),
            Self::Set(reason) => write!(f, "the key set is unusable: {reason}"),
        }
    }
}

/// The members of a JWK that can matter, borrowed from the text.
#[derive(Default)]
pub(crate) struct JwkMembers<'de> {
    kty: Option<Text<'de>>,
    crv: Option<Text<'de>>,
    x: Option<Text<'de>>,
    y: Option<Text<'de>>,
    n: Option<Text<'de>>,
    e: Option<Text<'de>>,
    alg: Option<Text<'de>>,
    usage: Option<Text<'de>>,
    key_ops: Option<Vec<Text<'de>>>,
    kid: Option<Text<'de>>,
    x5c: Option<Vec<Text<'de>>>,
    private: bool,
}

impl<'de> Members<'de> for JwkMembers<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "kty" => strict_json::once(&mut self.kty, map),
            "crv" => strict_json::once(&mut self.crv, map),
            "x" => strict_json::once(&mut self.x, map),
            "y" => strict_json::once(&mut self.y, map),
            "n" => strict_json::once(&mut self.n, map),
            "e" => strict_json::once(&mut self.e, map),
            "alg" => strict_json::once(&mut self.alg, map),
            "use" => strict_json::once(&mut self.usage, map),
            "key_ops" => strict_json::once(&mut self.key_ops, map),
            "kid" => strict_json::once(&mut self.kid, map),
            "x5c" => strict_json::once(&mut self.x5c, map),
            "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "k" => {
                self.private = true;
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

impl JwkMembers<'_> {
    /// The public key, if the members make one that may verify signatures.
    pub(crate) fn public_key(&self) -> Result<PublicKey, JwkInvalid> {
        if self.private {
            return Err(JwkInvalid::PrivateMember);
        }
        let key = match required(&self.kty, "kty")? {
            "EC" => self.ec_key()?,
            "OKP" if required(&self.crv, "crv")? == "Ed25519" => {
                let key = coordinate::<32>(&self.x, "x")?;
                if is_low_order(&key) {
                    return Err(JwkInvalid::LowOrderPoint);
                }
                PublicKey::Ed25519(key)
            }
            "RSA" => {
                let decode = |text, name| base64url::decode(text).map_err(|_| JwkInvalid::Encoding(name));
                let modulus = required(&self.n, "n")?;
                if modulus.len() > MAXIMUM_RSA_BITS / 6 + 4 {
                    return Err(JwkInvalid::RsaSize);
                }
                PublicKey::Rsa(Box::new(RsaPublicKey::new(
                    decode(modulus, "n")?,
                    decode(required(&self.e, "e")?, "e")?,
                )?))
            }
            _ => return Err(JwkInvalid::UnsupportedKind),
        };
        self.require_usable(&key)?;
        Ok(key)
    }

    fn ec_key(&self) -> Result<PublicKey, JwkInvalid> {
        match required(&self.crv, "crv")? {
            "P-256" => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&coordinate::<32>(&self.x, "x")?);
                point[33..].copy_from_slice(&coordinate::<32>(&self.y, "y")?);
                Ok(PublicKey::EcP256(point))
            }
            "P-384" => {
                let mut point = [4; 97];
                point[1..49].copy_from_slice(&coordinate::<48>(&self.x, "x")?);
                point[49..].copy_from_slice(&coordinate::<48>(&self.y, "y")?);
                Ok(PublicKey::EcP384(point))
            }
            _ => Err(JwkInvalid::UnsupportedKind),
        }
    }

    /// `use`, `key_ops` and `alg`, where present, must allow verifying with this key (DPOP-4.2-18).
    fn require_usable(&self, key: &PublicKey) -> Result<(), JwkInvalid> {
        if self.usage.as_ref().is_some_and(|usage| usage.0 != "sig") {
            return Err(JwkInvalid::NotForVerifying("use"));
        }
        if self.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op.0 == "verify")) {
            return Err(JwkInvalid::NotForVerifying("key_ops"));
        }
        match &self.alg {
            Some(alg) if !SignatureAlgorithm::from_name(&alg.0).is_some_and(|alg| alg.fits(key)) => {
                Err(JwkInvalid::NotForVerifying("alg"))
            }
            _ => Ok(()),
        }
    }

    /// The algorithm that `alg` pins this key to, if it says so.
    pub(crate) fn algorithm(&self) -> Option<SignatureAlgorithm> {
        self.alg.as_ref().and_then(|alg| SignatureAlgorithm::from_name(&alg.0))
    }
}

/// One key of a JWK set, with what the set says of it.
#[derive(Clone, Debug)]
pub struct Jwk {
    /// The key itself.
    pub key: PublicKey,
    /// `kid`, used only to choose among keys of the same set.
    pub key_id: Option<String>,
    /// `alg`: the one algorithm the key may be used with, if it says so.
    pub algorithm: Option<SignatureAlgorithm>,
    /// `x5c`: certificates of this key in DER, leaf first (RFC 7517 section 4.7).
    pub certificates: Vec<Vec<u8>>,
}

impl Jwk {
    /// Parses one public JWK.
    ///
    /// # Errors
    /// [`JwkInvalid`] names the rule that the key breaks.
    pub fn parse(text: &[u8]) -> Result<Self, JwkInvalid> {
        let mut members = JwkMembers::default();
        strict_json::read_object(text, &mut members).map_err(JwkInvalid::Json)?;
        let certificates = members
            .x5c
            .iter()
            .flatten()
            .map(|text| standard_base64(&text.0).ok_or(JwkInvalid::Encoding("x5c")))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            key: members.public_key()?,
            key_id: members.kid.as_ref().map(|kid| kid.0.clone().into_owned()),
            algorithm: members.algorithm(),
            certificates,
        })
    }

    /// Whether this key may verify a signature made with `algorithm` (one key, one algorithm: RFC 8725
    /// section 3.1).
    #[must_use]
    pub fn allows(&self, algorithm: SignatureAlgorithm) -> bool {
        algorithm.fits(&self.key) && self.algorithm.is_none_or(|pinned| pinned == algorithm)
    }
}

/// A JWK set (RFC 7517 section 5). Keys of kinds that we don't use are skipped, as the RFC asks; a key that
/// claims a kind of ours and breaks its rules is skipped too and named in `skipped`.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    /// The keys that verify signatures, in the set's order.
    pub keys: Vec<Jwk>,
    /// The keys that content can be encrypted to, in the set's order.
    pub encryption_keys: Vec<EncryptionJwk>,
    /// Why each of the others is not used, by its position in the set.
    pub skipped: Vec<(usize, JwkInvalid)>,
}

impl JwkSet {
    /// The most keys that are read from one set.
    pub const MAXIMUM_KEYS: usize = 100;

    /// Parses a set.
    ///
    /// # Errors
    /// [`JwkInvalid`] when the text is not a JWK set at all, or holds more than [`Self::MAXIMUM_KEYS`].
    pub fn parse(text: &[u8]) -> Result<Self, JwkInvalid> {
        let mut members = strict_json::parse_object(text).map_err(JwkInvalid::Json)?;
        let Some(Value::Array(values)) = members.remove("keys") else {
            return Err(JwkInvalid::Set("it has no array `keys`"));
        };
        if values.len() > Self::MAXIMUM_KEYS {
            return Err(JwkInvalid::Set("it holds more than 100 keys"));
        }
        let mut set = Self::default();
        for (index, value) in values.iter().enumerate() {
            let text = serde_json::to_vec(value).unwrap_or_default();
            match Jwk::parse(&text) {
                Ok(jwk) => set.keys.push(jwk),
                Err(reason) => match EncryptionJwk::parse(&text) {
                    Ok(jwk) => set.encryption_keys.push(jwk),
                    Err(_) => set.skipped.push((index, reason)),
                },
            }
        }
        Ok(set)
    }

    /// The keys that may verify a signature with this `kid` and algorithm. Without a `kid` every key of the
    /// right kind is a candidate; with one, only keys of that `kid`, and several of them are told apart by
    /// kind and `alg` (FSP-CR-07).
    pub fn candidates(
        &self,
        key_id: Option<&str>,
        algorithm: SignatureAlgorithm,
    ) -> impl Iterator<Item = &Jwk> {
        self.keys.iter().filter(move |jwk| {
            jwk.allows(algorithm) && key_id.is_none_or(|kid| jwk.key_id.as_deref() == Some(kid))
        })
    }
}

fn required<'m>(member: &'m Option<Text<'_>>, name: &'static str) -> Result<&'m str, JwkInvalid> {
    member.as_ref().map(|text| &*text.0).ok_or(JwkInvalid::MissingMember(name))
}

fn coordinate<const N: usize>(member: &Option<Text<'_>>, name: &'static str) -> Result<[u8; N], JwkInvalid> {
    base64url::decode_array(required(member, name)?).map_err(|_| JwkInvalid::Encoding(name))
}

/// `x5c` alone uses the standard alphabet with padding (RFC 7517 section 4.7).
fn standard_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Points of order 1, 2, 4 and 8 and their non-canonical spellings, and any `y` that is not below the
/// field's prime. With such a key one signature fits many messages, so anyone can "prove possession".
#[must_use]
pub fn is_low_order(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    y[31] &= 0x7f;
    LOW_ORDER_Y.contains(&y) || is_at_least_field_prime(&y)
}

fn is_at_least_field_prime(y: &[u8; 32]) -> bool {
    y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff) && y[0] >= 0xed
}

/// The `y` coordinates of the small-order points of edwards25519, little-endian.
const LOW_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
