//! Writes the proof that a client signs (RFC 9449 section 4.2). It never sees a private key: it returns the
//! text to sign, and the caller attaches the signature with [`crate::jose::jws::attach_signature`].

use alloc::string::ToString as _;
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use crate::crypto::Sha256Digest;
use crate::encoding::base64url;
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::PublicKey;
use crate::jose::jws;
use crate::time::UnixTime;

/// What a proof says of the request that it is for.
#[derive(Clone, Copy, Debug)]
pub struct ProofClaims<'a> {
    /// A value that no other proof of this key has: at least 96 random bits (DPOP-4.2-05).
    pub identifier: &'a str,
    /// The method, exactly as sent.
    pub method: &'a str,
    /// The target URI; query and fragment are cut off here (DPOP-4.2-07).
    pub target: &'a str,
    /// When the proof is made.
    pub issued_at: UnixTime,
    /// SHA-256 of the access token that goes with it; none at the token endpoint.
    pub access_token_hash: Option<&'a Sha256Digest>,
    /// The most recent nonce of this server, if it gave one.
    pub nonce: Option<&'a str>,
}

/// The signing input of a proof: header and payload, encoded and joined.
#[must_use]
pub fn unsigned_proof(key: &PublicKey, algorithm: SignatureAlgorithm, claims: &ProofClaims<'_>) -> Vec<u8> {
    let header = json!({"typ": super::proof::TYPE, "alg": algorithm.name(), "jwk": key.to_jwk()});
    let mut payload = Map::new();
    let mut claim = |name: &str, value: Value| payload.insert(name.into(), value);
    claim("jti", claims.identifier.into());
    claim("htm", claims.method.into());
    claim("htu", without_query(claims.target).into());
    claim("iat", claims.issued_at.as_seconds().into());
    if let Some(hash) = claims.access_token_hash {
        claim("ath", base64url::encode(hash).into());
    }
    if let Some(nonce) = claims.nonce {
        claim("nonce", nonce.into());
    }
    jws::signing_input(header.to_string().as_bytes(), Value::Object(payload).to_string().as_bytes())
}

/// The URI without query and fragment.
#[must_use]
pub fn without_query(uri: &str) -> &str {
    memchr::memchr2(b'?', b'#', uri.as_bytes()).map_or(uri, |end| &uri[..end])
}
