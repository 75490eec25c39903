//! What a thief makes: proofs and tokens with one defect each, built by hand because our own client refuses
//! to. Only the demo uses these; a proof without defect comes out as good as any.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_crypto::{AwsLc, Signer, SigningKey, random_identifier};
use serde_json::{Value, json};

/// A proof in the making.
pub(crate) struct Forgery<'k> {
    key: &'k SigningKey,
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl<'k> Forgery<'k> {
    /// A faultless proof for one request; the caller then spoils it.
    pub(crate) fn of(
        key: &'k SigningKey,
        method: &str,
        url: &str,
        token: &str,
        now: i64,
    ) -> anyhow::Result<Self> {
        let hash = AwsLc.sha256(&[token.as_bytes()]);
        Ok(Self {
            key,
            header: json!({"typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": key.public_key().to_jwk()}),
            claims: json!({
                "jti": random_identifier()?,
                "htm": method,
                "htu": url.split('?').next().unwrap_or(url),
                "iat": now,
                "ath": base64url::encode(hash),
            }),
        })
    }

    /// A faultless proof for the token endpoint: it names no token, and the nonce if the server demands one.
    pub(crate) fn at_token_endpoint(
        key: &'k SigningKey,
        url: &str,
        nonce: Option<&str>,
        now: i64,
    ) -> anyhow::Result<Self> {
        let mut proof = Self::of(key, "POST", url, "", now)?;
        proof.forget("ath");
        if let Some(nonce) = nonce {
            proof.claims["nonce"] = nonce.into();
        }
        Ok(proof)
    }

    /// Takes a claim away.
    pub(crate) fn forget(&mut self, claim: &str) {
        if let Value::Object(members) = &mut self.claims {
            members.remove(claim);
        }
    }

    /// Signs honestly, whatever header and claims say.
    pub(crate) fn sign(&self) -> anyhow::Result<String> {
        let input = self.signing_input();
        let signature = self.key.sign(&input).map_err(|_| anyhow::anyhow!("the demo can't sign"))?;
        Ok(attach_signature(input, &signature))
    }

    /// `alg: none`, with the empty signature that careless verifiers accept.
    pub(crate) fn without_signature(mut self) -> String {
        self.header["alg"] = "none".into();
        let mut text = String::from_utf8(self.signing_input()).unwrap_or_default();
        text.push('.');
        text
    }

    /// HS256 keyed with the public key: the confusion of a verification key with a shared secret.
    pub(crate) fn signed_with_public_key_as_secret(mut self) -> String {
        self.header["alg"] = "HS256".into();
        let input = self.signing_input();
        let public = Value::Object(self.key.public_key().to_jwk()).to_string();
        // Any MAC serves: the algorithm is refused before a signature is looked at. This is the real one.
        let secret = AwsLc.sha256(&[public.as_bytes()]);
        let mac = AwsLc.hmac_sha256(&bindery_core::crypto::MacKey::new(secret), &[&input]);
        attach_signature(input, &mac)
    }

    fn signing_input(&self) -> Vec<u8> {
        signing_input(self.header.to_string().as_bytes(), self.claims.to_string().as_bytes())
    }
}

/// An RFC 9068 access token with these claims, signed by `key`.
pub(crate) fn access_token(key: &SigningKey, key_id: &str, claims: &Value) -> anyhow::Result<String> {
    let header = json!({"typ": "at+jwt", "alg": key.algorithm().name(), "kid": key_id});
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = key.sign(&input).map_err(|_| anyhow::anyhow!("the demo can't sign"))?;
    Ok(attach_signature(input, &signature))
}
