//! Whole requests as bytes, signed between the rounds.

use std::time::{SystemTime, UNIX_EPOCH};

use bindery_core::dpop::proof_builder::{ProofClaims, unsigned_proof};
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::time::UnixTime;
use bindery_crypto::{Signer as _, SigningKey, random_identifier};
use serde_json::json;

use crate::estate::{Estate, SECRET};

const ASSERTION: &str = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";

fn now() -> UnixTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    UnixTime::from_seconds(i64::try_from(now).unwrap())
}

/// A form that goes to `path` of the issuer, with further headers, each ended.
pub(crate) fn post(path: &str, headers: &str, form: &str) -> Vec<u8> {
    let length = form.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {length}\r\n{headers}\r\n{form}"
    )
    .into_bytes()
}

pub(crate) fn basic(client_id: &str) -> String {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{client_id}:{SECRET}"));
    format!("authorization: Basic {credentials}\r\n")
}

/// The parameters of an assertion of `client_id`.
pub(crate) fn assertion(estate: &Estate, client_id: &str) -> String {
    let issued = now().as_seconds();
    let header = json!({"alg": "ES256", "typ": "JWT"}).to_string();
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": estate.issuer, "jti": random_identifier().unwrap(),
        "iat": issued, "exp": issued + 60,
    });
    let input = signing_input(header.as_bytes(), claims.to_string().as_bytes());
    let signature = estate.assertion_key.sign(&input).unwrap();
    format!("{ASSERTION}{}", attach_signature(input, &signature))
}

/// The header of a proof for the token endpoint.
pub(crate) fn proof(key: &SigningKey, target: &str) -> String {
    let identifier = random_identifier().unwrap();
    let claims = ProofClaims {
        identifier: &identifier,
        method: "POST",
        target,
        issued_at: now(),
        access_token_hash: None,
        nonce: None,
    };
    let input = unsigned_proof(key.public_key(), key.algorithm(), &claims);
    let signature = key.sign(&input).unwrap();
    format!("dpop: {}\r\n", attach_signature(input, &signature))
}

pub(crate) fn token_proof(estate: &Estate) -> String {
    proof(&estate.proof_key, &format!("{}/token", estate.issuer))
}
