//! JWTs in the making, faultless until a module spoils them, and JWTs from the server, read and verified
//! against its published keys.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::key::{self, Key, base64url, from_base64url};

/// Algorithms that FAPI 2.0 permits (section 4.2).
pub(crate) const PERMITTED: [&str; 4] = ["PS256", "ES256", "EdDSA", "Ed25519"];

pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What is done to the text of a JWT after it was signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    None,
    /// One byte of the signature is another one.
    Signature,
    /// The signature part is gone, with its dot.
    TwoParts,
}

/// A JWT in the making.
#[derive(Clone)]
pub(crate) struct Jwt {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) key: Arc<Key>,
    pub(crate) damage: Damage,
}

impl Jwt {
    pub(crate) fn new(key: &Arc<Key>, claims: Value) -> Self {
        let mut header = Map::new();
        header.insert("alg".into(), key.alg.into());
        if let Some(kid) = key.kid {
            header.insert("kid".into(), kid.into());
        }
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        Self { header, claims, key: Arc::clone(key), damage: Damage::None }
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), value.into());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    pub(crate) fn signed_by(mut self, key: &Arc<Key>) -> Self {
        self.key = Arc::clone(key);
        self
    }

    pub(crate) fn damaged(mut self, damage: Damage) -> Self {
        self.damage = damage;
        self
    }

    /// Another identifier, as every new request needs it.
    pub(crate) fn refresh(&mut self) {
        if self.claims.contains_key("jti") {
            self.claims.insert("jti".into(), key::random(16).into());
        }
    }

    pub(crate) fn text(&self) -> String {
        let part = |members: &Map<String, Value>| base64url(Value::Object(members.clone()).to_string());
        let input = format!("{}.{}", part(&self.header), part(&self.claims));
        if self.damage == Damage::TwoParts {
            return input;
        }
        let alg = self.header.get("alg").and_then(Value::as_str).unwrap_or(self.key.alg);
        let mut signature = self.key.sign(alg, &input);
        if self.damage == Damage::Signature {
            let middle = signature.len() / 2;
            signature[middle] ^= 0x5a;
        }
        format!("{input}.{}", base64url(signature))
    }
}

/// The header and the claims, unjudged.
pub(crate) fn read(text: &str) -> (Value, Value) {
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 3, "a JWS has three parts");
    let part = |at: usize| serde_json::from_slice(&from_base64url(parts[at])).unwrap();
    (part(0), part(1))
}

/// The claims of a JWT that the server signed with a published key, by a permitted algorithm, naming its `kid`.
pub(crate) fn verified(text: &str, jwks: &Value, permitted: &[&str]) -> (Value, Value) {
    let (header, claims) = read(text);
    let kid = header["kid"].as_str().unwrap_or_else(|| panic!("no kid: {header}"));
    let alg = header["alg"].as_str().unwrap_or_else(|| panic!("no alg: {header}"));
    assert!(permitted.contains(&alg), "{alg} is not permitted here");
    let keys = jwks["keys"].as_array().unwrap();
    let jwk = keys.iter().find(|jwk| jwk["kid"] == kid).unwrap_or_else(|| panic!("no key {kid}: {jwks}"));
    let (input, signature) = text.rsplit_once('.').unwrap();
    key::verify(jwk, alg, input, &from_base64url(signature)).unwrap();
    (header, claims)
}

/// A DPoP proof (RFC 9449 section 4.2) without `ath`.
pub(crate) fn proof(key: &Arc<Key>, method: &str, url: &str) -> Jwt {
    let claims = json!({"jti": key::random(16), "htm": method, "htu": url, "iat": now()});
    let proof = Jwt::new(key, claims).header("typ", "dpop+jwt").without_header("kid");
    let jwk = Value::Object(key.public.clone());
    proof.header("jwk", jwk)
}
