//! Mistakes in making proofs: of time, hash, key, signature format and claim names.

use alloc::format;
use alloc::string::{String, ToString as _};

use serde_json::{Map, Value};

use super::{hex, hex_bytes, in_any_text};
use crate::crypto::{Cryptography, Sha256Digest};
use crate::dpop::proof::ProofClaims;
use crate::encoding::base64url;
use crate::explain::{Explanation, shown};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::Jwk;
use crate::jose::jws::CompactJws;
use crate::jose::thumbprint::JwkThumbprint;
use crate::time::UnixTime;

/// What is wrong with the text of a proof before it is read.
pub(in crate::explain) fn in_proof_text(explanation: &mut Explanation, proof: &str) {
    in_any_text(explanation, proof, "proof");
    if proof.is_empty() {
        explanation.hint(
            "empty",
            "The proof is empty: a variable that was never set, or a header cut off in a log.",
        );
    }
}

/// What the header of a proof tells by its members.
pub(in crate::explain) fn in_proof_header(
    explanation: &mut Explanation,
    header: &Map<String, Value>,
    cryptography: &dyn Cryptography,
) {
    let typ = header.get("typ").and_then(Value::as_str).unwrap_or_default();
    if let Some(Value::Object(jwk)) = header.get("jwk")
        && PRIVATE.iter().any(|name| jwk.contains_key(*name))
    {
        explanation.warn(
            "private_key",
            format!(
                "PRIVATE KEY SENT: jwk holds the private key. The key is compromised, as every log on the way has it. \
                 Stop using it, revoke all tokens bound to it{}, make a new one, and export only the public half.",
                public_half(jwk, cryptography)
            ),
        );
    }
    if !header.contains_key("jwk") && (header.contains_key("kid") || header.contains_key("x5c")) {
        explanation.hint(
            "kid_only",
            "The header names a key by kid or x5c. A proof carries the public key itself, as jwk: no server looks it up.",
        );
    }
    if matches!(typ, "at+jwt" | "application/at+jwt") {
        explanation
            .hint("token_as_proof", "This is an access token where a proof should be: the two were swapped.");
    } else if typ.eq_ignore_ascii_case("jwt") {
        explanation.hint(
            "library_typ",
            "typ is what JWT libraries write by default; set it to dpop+jwt before signing.",
        );
    }
    match header.get("alg").and_then(Value::as_str) {
        Some(alg) if alg.starts_with("HS") => explanation.hint(
            "symmetric",
            "alg is a MAC: whoever can check it can forge it. A proof is signed with a private key.",
        ),
        Some(alg) if alg.eq_ignore_ascii_case("none") => {
            explanation.hint(
                "unsigned",
                "alg is none: nothing is proven. If no client of yours does this, it is an attack.",
            );
        }
        _ => {}
    }
}

/// Members of a JWK that only its owner may know.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// By which thumbprint the tokens of a compromised key are found.
fn public_half(jwk: &Map<String, Value>, cryptography: &dyn Cryptography) -> String {
    let public: Map<String, Value> = jwk
        .iter()
        .filter(|(name, _)| !PRIVATE.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    match Jwk::parse(Value::Object(public).to_string().as_bytes()) {
        Ok(jwk) => format!(" (cnf.jkt {})", JwkThumbprint::of(&jwk.key, cryptography)),
        Err(_) => String::new(),
    }
}

/// Claims that are there under another name or unit.
pub(in crate::explain) fn in_proof_claims(explanation: &mut Explanation, claims: &Map<String, Value>) {
    if claims.get("iat").and_then(Value::as_f64).is_some_and(|iat| iat > 1e11) {
        explanation.hint("milliseconds", "iat is in milliseconds; JWT counts seconds. Divide by 1000.");
    }
    if claims.get("iat").is_some_and(Value::is_string) {
        explanation.hint("text_time", "iat is text; JWT times are numbers of seconds.");
    }
    if claims.contains_key("url") && !claims.contains_key("htu") {
        explanation.hint("htu_name", "The claim is called htu, not url.");
    }
}

/// Why a proof that should be new looks old, or early.
pub(in crate::explain) fn in_time(explanation: &mut Explanation, claims: &ProofClaims<'_>, now: UnixTime) {
    let skew = now.seconds_since(claims.issued_at);
    if explanation.hints_at("milliseconds").is_some() {
        return;
    }
    let past_half_hour = skew.unsigned_abs() % 1_800;
    let is_zone = (1_740..=50_460).contains(&skew.unsigned_abs());
    if is_zone && !(61..1_740).contains(&past_half_hour) {
        explanation.hint(
            "time_zone",
            format!(
                "The proof is off by {skew} s, nearly whole half hours: iat was likely made from local time. \
                 It counts seconds since 1970 in UTC."
            ),
        );
    } else {
        let side = if skew < 0 { "ahead of" } else { "behind" };
        explanation.hint(
            "clock_skew",
            format!(
                "If the proof was made for this request, the client's clock is about {} s {side} the server's: set it by \
                 NTP, or let the server demand a nonce, which makes the client's clock irrelevant. If it was made \
                 earlier, make one for every request.",
                skew.unsigned_abs()
            ),
        );
    }
    if claims.nonce.is_some() {
        explanation.hint(
            "nonce_counts",
            "The proof holds a nonce. A server that made it goes by the nonce and not by iat, so there the time may be right.",
        );
    }
}

/// What `ath` is, if not the hash of the token.
pub(in crate::explain) fn in_token_hash(
    explanation: &mut Explanation,
    ath: Option<&str>,
    token: &str,
    cryptography: &dyn Cryptography,
) {
    let Some(ath) = ath else {
        return explanation.hint(
            "ath_missing",
            "The proof has no ath: it was made for a token endpoint, or before the client had a token.",
        );
    };
    let digest = cryptography.sha256(&[token.as_bytes()]);
    let right = String::from_utf8_lossy(&base64url::encode_digest(&digest)).into_owned();
    let as_hex = hex(&digest);
    if let Some(form) = other_form(ath, &digest) {
        explanation.hint("ath_encoding", format!("ath is the right hash in {form}. It must be {right}."));
    } else if ath == base64url::encode(&as_hex) || ath == base64url::encode(as_hex.to_uppercase()) {
        explanation.hint(
            "ath_encoding",
            format!(
                "ath is base64url over the hex text of the hash, not over its bytes. It must be {right}."
            ),
        );
    } else if ["DPoP ", "Bearer ", "dpop "]
        .into_iter()
        .any(|scheme| base64url::encode(cryptography.sha256(&[scheme.as_bytes(), token.as_bytes()])) == ath)
    {
        explanation.hint(
            "ath_with_scheme",
            format!("ath is the hash of the whole Authorization value, scheme included. It must be {right}."),
        );
    } else if ath == token {
        explanation
            .hint("ath_is_token", format!("ath is the token itself, not its hash. It must be {right}."));
    } else {
        explanation.hint(
            "ath_other_token",
            format!(
                "ath is for another token, likely the one before a refresh, or a hash of only a part of it. For this \
                 token it must be {right}."
            ),
        );
    }
}

/// Signatures in an encoding that JOSE does not use.
pub(in crate::explain) fn in_signature(
    explanation: &mut Explanation,
    jws: &CompactJws<'_>,
    algorithm: SignatureAlgorithm,
) {
    let wanted = match algorithm {
        SignatureAlgorithm::Es256 => 64,
        SignatureAlgorithm::Es384 => 96,
        SignatureAlgorithm::EdDsa | SignatureAlgorithm::Ps256 | SignatureAlgorithm::Rs256 => return,
    };
    let Some(bytes) = shown::bytes(jws.signature) else { return };
    if bytes.len() != wanted && bytes.first() == Some(&0x30) && bytes.len() > wanted / 2 {
        explanation.hint(
            "der_signature",
            format!(
                "The signature is DER ({} bytes). JOSE wants r || s, {wanted} bytes: use the IEEE P1363 format of your \
                 library, or convert.",
                bytes.len()
            ),
        );
    }
}

/// The name of the encoding in which `text` is `digest`, other than base64url.
fn other_form(text: &str, digest: &Sha256Digest) -> Option<&'static str> {
    if hex_bytes(text).is_some_and(|bytes| bytes == digest) {
        return Some("hex");
    }
    if shown::bytes(text).is_some_and(|bytes| bytes == digest) {
        return Some(if text.contains(['+', '/']) { "standard base64" } else { "padded base64url" });
    }
    None
}
