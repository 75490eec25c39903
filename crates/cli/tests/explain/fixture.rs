//! Keys, tokens and proofs that come out the same in every run: Ed25519 signatures are deterministic, and the
//! keys are the published ones of RFC 8037 appendix A (the client) and RFC 8032 section 7.1 test 2 (the issuer).

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_crypto::{AwsLc, Signer as _, SigningKey};
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const URL: &str = "https://api.example.com/orders/7";
pub(crate) const ISSUER: &str = "https://login.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

pub(crate) const CLIENT_KEY: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
pub(crate) const ISSUER_KEY: &str = "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs";

pub(crate) fn client_key() -> SigningKey {
    key(CLIENT_KEY, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
}

pub(crate) fn issuer_key() -> SigningKey {
    key(ISSUER_KEY, "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw")
}

fn key(d: &str, x: &str) -> SigningKey {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "d": d, "x": x});
    SigningKey::from_private_jwk(jwk.to_string().as_bytes()).unwrap()
}

pub(crate) fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = key.sign(&input).unwrap();
    attach_signature(input, &signature)
}

pub(crate) fn hash(text: &str) -> String {
    base64url::encode(AwsLc.sha256(&[text.as_bytes()]))
}

pub(crate) fn token_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "client_id": "shop", "aud": AUDIENCE, "jti": "t1", "scope": "orders.read",
        "iat": NOW - 100, "exp": NOW + 200, "cnf": {"jkt": client_key().thumbprint().to_string()},
    })
}

pub(crate) fn token_header() -> Value {
    json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "k1"})
}

pub(crate) fn token() -> String {
    sign(&issuer_key(), &token_header(), &token_claims())
}

pub(crate) fn proof_header() -> Value {
    json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": client_key().public_key().to_jwk()})
}

pub(crate) fn proof_claims(token: &str) -> Value {
    json!({"jti": "p1", "htm": "GET", "htu": URL, "iat": NOW - 2, "ath": hash(token)})
}

pub(crate) fn proof(token: &str) -> String {
    sign(&client_key(), &proof_header(), &proof_claims(token))
}

/// The same object with members replaced, or removed where the change says null.
pub(crate) fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        let members = object.as_object_mut().unwrap();
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    object
}

pub(crate) fn jwks() -> Value {
    let mut jwk = issuer_key().public_key().to_jwk();
    jwk.insert("kid".into(), "k1".into());
    json!({"keys": [jwk]})
}
