//! Proofs and assertions written by hand, faultless unless their caller spoils them.

use std::time::{SystemTime, UNIX_EPOCH};

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_crypto::{AwsLc, Signer as _, SigningKey, random_identifier};
use serde_json::{Value, json};

use super::Stage;

/// A key whose private part must not be logged.
pub(crate) fn key(stage: &Stage, what: &str) -> SigningKey {
    let key = SigningKey::generate(SignatureAlgorithm::Es256).unwrap();
    stage.secret(what, &key.to_pkcs8_pem());
    key
}

/// The same, in a file too.
pub(crate) fn key_file(stage: &Stage, name: &str) -> (SigningKey, String) {
    let key = key(stage, name);
    let path = stage.write(name, &key.to_pkcs8_pem());
    (key, path)
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A DPoP proof in the making.
pub(crate) struct Proof<'k> {
    key: &'k SigningKey,
    claims: Value,
}

impl<'k> Proof<'k> {
    pub(crate) fn of(key: &'k SigningKey, method: &str, url: &str) -> Self {
        let claims = json!({"jti": random_identifier().unwrap(), "htm": method, "htu": url, "iat": now()});
        Self { key, claims }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.claims["ath"] = base64url::encode(AwsLc.sha256(&[token.as_bytes()])).into();
        self
    }

    pub(crate) fn with_nonce(mut self, nonce: &str) -> Self {
        self.claims["nonce"] = nonce.into();
        self
    }

    pub(crate) fn sign(&self, stage: &Stage) -> String {
        let header =
            json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.public_key().to_jwk()}).to_string();
        signed(stage, "a proof", self.key, &header, &self.claims)
    }
}

/// A client assertion as RFC 7523 wants it.
pub(crate) fn assertion(stage: &Stage, key: &SigningKey, client_id: &str, issuer: &str) -> String {
    let now = now();
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": issuer, "jti": random_identifier().unwrap(),
        "iat": now, "exp": now + 240,
    });
    signed(stage, "a client assertion", key, r#"{"alg":"ES256","typ":"JWT"}"#, &claims)
}

fn signed(stage: &Stage, what: &str, key: &SigningKey, header: &str, claims: &Value) -> String {
    let input = signing_input(header.as_bytes(), claims.to_string().as_bytes());
    let signature = key.sign(&input).unwrap();
    let text = attach_signature(input, &signature);
    stage.secret(what, &text);
    text
}
