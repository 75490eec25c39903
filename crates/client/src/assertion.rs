//! The client assertion of `private_key_jwt` (RFC 7523 section 3): made anew for every attempt, valid for a
//! minute, for one authorization server, named by its issuer as a string (FSP-C-05, DPOP-5-16).

use std::time::Duration;

use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::time::UnixTime;
use bindery_crypto::{Signer, random_identifier};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::error::Error;

/// `client_assertion_type` for a JWT.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good for. It is used at once; the rest is for clocks that differ.
pub(crate) const LIFETIME: Duration = Duration::from_secs(60);

/// Signs a new assertion that `client_id` presents to `issuer`.
pub(crate) fn build_assertion(
    signer: &dyn Signer,
    key_id: Option<&str>,
    client_id: &str,
    issuer: &str,
    now: UnixTime,
) -> Result<Zeroizing<String>, Error> {
    let mut header = Map::from_iter([
        ("typ".to_owned(), Value::from("JWT")),
        ("alg".to_owned(), signer.algorithm().name().into()),
    ]);
    if let Some(key_id) = key_id {
        header.insert("kid".into(), key_id.into());
    }
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": random_identifier()?,
        "iat": now.as_seconds(),
        "exp": now.plus(LIFETIME).as_seconds(),
    });
    let input = signing_input(Value::Object(header).to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = signer.sign(&input)?;
    Ok(Zeroizing::new(attach_signature(input, &signature)))
}
