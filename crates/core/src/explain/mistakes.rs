//! The mistakes of real life behind most failures, each recognised by its trace: a hint names the cause where
//! the rule alone would only name the symptom. A hint changes no verdict.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::token::TokenExpectation;
use super::{Explanation, shown};
use crate::crypto::{Cryptography, Sha256Digest};
use crate::dpop::proof::ProofClaims;
use crate::encoding::base64url;
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jws::CompactJws;
use crate::mtls::certificate::CertificateThumbprint;
use crate::resource::presentation::RequestFacts;
use crate::time::UnixTime;

/// Header lines that were doubled or folded together on the way.
pub(super) fn in_request(explanation: &mut Explanation, facts: &RequestFacts<'_>) {
    let folded = facts.dpop.len() == 1 && facts.dpop[0].contains(&b',');
    if facts.dpop.len() > 1 || folded {
        explanation.hint(
            "two_proofs",
            "Two proofs arrived. Look for a retry that adds a header in place of setting it, two layers of client \
             middleware that both sign, or a proxy that copies headers (or joins them with a comma).",
        );
    }
    let redacted = |value: &&[u8]| {
        let text = String::from_utf8_lossy(value);
        text.contains("***") || text.to_ascii_lowercase().contains("redacted")
    };
    if facts.authorization.iter().chain(facts.dpop).any(redacted) {
        explanation
            .hint("redacted", "The log removed the credentials; explain needs the request as it was sent.");
    }
    if facts.token_in_query {
        explanation.warn(
            "token_in_query",
            "The token in the URI is in logs and histories by now: treat it as leaked and revoke it.",
        );
    }
}

/// Takes off what came along when a token or a proof was copied: header name, scheme, quotes, white space,
/// percent-encoding. The explanation that comes back holds the hints that say so.
#[must_use]
pub fn pasted(text: &str) -> (String, Explanation) {
    let mut explanation = Explanation::default();
    let text = text.trim();
    in_any_text(&mut explanation, text, "text");
    let mut rest = text;
    for prefix in ["authorization:", "dpop:", "bearer ", "dpop "] {
        if rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            rest = rest[prefix.len()..].trim_start();
        }
    }
    let rest = rest.trim_matches(['"', '\'', '`']);
    let decoded =
        if explanation.hints_at("url_encoded").is_some() { super::target::decode(rest) } else { Vec::new() };
    match String::from_utf8(decoded) {
        Ok(decoded) if !decoded.is_empty() => (decoded, explanation),
        _ => (rest.into(), explanation),
    }
}

/// What is wrong with the text of a proof before it is read.
pub(super) fn in_proof_text(explanation: &mut Explanation, proof: &str) {
    in_any_text(explanation, proof, "proof");
    if proof.is_empty() {
        explanation.hint(
            "empty",
            "The proof is empty: a variable that was never set, or a header cut off in a log.",
        );
    }
}

/// What is wrong with the text of a token before it is read.
pub(super) fn in_token_text(explanation: &mut Explanation, token: &str) {
    in_any_text(explanation, token, "token");
    match token.bytes().filter(|byte| *byte == b'.').count() {
        4 if token.starts_with("eyJ") => explanation.hint(
            "jwe",
            "Five segments: this is encrypted (JWE), not signed (JWS). The authorization server encrypts access \
             tokens for somebody else, or this is an encrypted ID token.",
        ),
        0 if !token.is_empty() => explanation.hint(
            "opaque",
            "No dots: this is opaque. It is an access token only where introspection says so; if it came as \
             refresh_token or code, it never goes to an API.",
        ),
        _ => {}
    }
}

fn in_any_text(explanation: &mut Explanation, text: &str, what: &str) {
    let prefixed = ["bearer ", "dpop ", "authorization:", "dpop:"]
        .into_iter()
        .find(|prefix| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
    if let Some(prefix) = prefixed {
        let prefix = prefix.trim();
        explanation.hint(
            "scheme_prefix",
            format!(
                "The {what} begins with \"{prefix}\": the scheme was pasted or stored with it. Cut it off."
            ),
        );
    }
    if text.len() > 1 && text.starts_with(['"', '\'']) && text.ends_with(['"', '\'']) {
        explanation.hint("quoted", format!("The {what} stands in quotes; they are not part of it."));
    }
    let encoded = ["%2e", "%3d", "%2b", "%2f", "%20"];
    if encoded.into_iter().any(|code| text.to_ascii_lowercase().contains(code)) {
        explanation.hint(
            "url_encoded",
            format!(
                "The {what} is percent-encoded: it was made for a URL or a form and must be decoded once."
            ),
        );
    }
    if text.chars().any(char::is_whitespace) && prefixed.is_none() {
        explanation.hint("white_space", format!("The {what} holds white space or a line break."));
    }
    let is_jws = text.starts_with("eyJ") && text.contains('.');
    if is_jws && text.contains('=') {
        explanation.hint("padded", format!("The {what} has padding (=): JOSE uses base64url without it."));
    }
    if is_jws && text.contains(['+', '/']) {
        explanation
            .hint("standard_base64", format!("The {what} has + or /: JOSE uses base64url, with - and _."));
    }
}

/// What the header of a proof tells by its members.
pub(super) fn in_proof_header(explanation: &mut Explanation, header: &Map<String, Value>) {
    let typ = header.get("typ").and_then(Value::as_str).unwrap_or_default();
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    if header
        .get("jwk")
        .and_then(Value::as_object)
        .is_some_and(|jwk| private.iter().any(|name| jwk.contains_key(*name)))
    {
        explanation.warn(
            "private_key",
            "PRIVATE KEY SENT: jwk holds the private key. The key is compromised, as every log on the way has it. \
             Stop using it, revoke all tokens bound to it, make a new one, and export only the public half.",
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

/// Claims that are there under another name or unit.
pub(super) fn in_proof_claims(explanation: &mut Explanation, claims: &Map<String, Value>) {
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
pub(super) fn in_time(explanation: &mut Explanation, claims: &ProofClaims<'_>, now: UnixTime) {
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
pub(super) fn in_token_hash(
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
pub(super) fn in_signature(
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

/// Tokens of another kind.
pub(super) fn in_token(
    explanation: &mut Explanation,
    header: Option<&Map<String, Value>>,
    claims: Option<&Map<String, Value>>,
) {
    let typ = header.and_then(|header| header.get("typ")).and_then(Value::as_str).unwrap_or_default();
    if typ == crate::dpop::proof::TYPE {
        explanation.hint(
            "proof_as_token",
            "This is a DPoP proof where an access token should be: the two were swapped.",
        );
    }
    let Some(claims) = claims else { return };
    let identity = ["nonce", "at_hash", "c_hash", "auth_time", "email", "name", "preferred_username", "azp"];
    let is_access_token = matches!(typ, "at+jwt" | "application/at+jwt") || claims.contains_key("scope");
    if !is_access_token && identity.iter().any(|name| claims.contains_key(*name)) {
        explanation.hint(
            "id_token",
            "This looks like an ID token: it tells the client who logged in and opens no API. Send the access_token \
             of the same answer.",
        );
    } else if typ.eq_ignore_ascii_case("jwt") && claims.contains_key("scope") {
        explanation.hint(
            "plain_jwt_token",
            "The issuer writes access tokens with typ JWT, older than RFC 9068. Turn on its RFC 9068 profile (at+jwt).",
        );
    }
    if claims.get("events").is_some() {
        explanation.hint("event_token", "This is a security event or logout token, not an access token.");
    }
}

/// What an odd `cnf` means.
pub(super) fn in_confirmation(
    explanation: &mut Explanation,
    cnf: Option<&Value>,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) {
    let Some(cnf) = cnf else {
        return explanation.hint(
            "unbound",
            "The token is not bound. The token request carried no proof and no certificate, the authorization server \
             ignored it, or the client is not registered for bound tokens.",
        );
    };
    let text = |name: &str| cnf.get(name).and_then(Value::as_str);
    if let Some(jkt) = text("jkt") {
        odd_thumbprint(explanation, "jkt", jkt);
    }
    if let Some(x5t) = text("x5t#S256") {
        odd_thumbprint(explanation, "x5t#S256", x5t);
        hash_of_text(explanation, x5t, expected, cryptography);
    }
    for (name, meaning) in [
        ("x5t", "x5t is the SHA-1 thumbprint of a certificate; only x5t#S256 counts"),
        ("kid", "kid names a key that both sides would have to know (RFC 7800 §3.4); DPoP uses jkt"),
        ("jwk", "jwk holds a whole key (RFC 7800 §3.2); DPoP names it by its thumbprint, jkt"),
        ("jwe", "jwe holds an encrypted symmetric key (RFC 7800 §3.3), for neither DPoP nor mutual TLS"),
        ("jku", "jku points to a key on the network (RFC 7800 §3.5), which no verifier should fetch"),
        ("tbh", "tbh is a Token Binding hash (RFC 8471), which browsers no longer send"),
    ] {
        if cnf.get(name).is_some() && text("jkt").is_none() && text("x5t#S256").is_none() {
            explanation.hint(
                "cnf_member",
                format!("In cnf, {meaning}. Let the authorization server issue jkt or x5t#S256."),
            );
        }
    }
}

fn odd_thumbprint(explanation: &mut Explanation, name: &str, value: &str) {
    let form = if is_hex(value) {
        "hex"
    } else if value.contains([':', ' ']) && value.chars().filter(char::is_ascii_hexdigit).count() == 64 {
        "hex with separators, as openssl prints it"
    } else if value.contains(['+', '/']) {
        "standard base64"
    } else if value.ends_with('=') {
        "padded base64url"
    } else {
        return;
    };
    let right = hex_bytes(value)
        .or_else(|| shown::bytes(value))
        .filter(|bytes| bytes.len() == 32)
        .map(|bytes| format!(" It would be {}.", base64url::encode(bytes)))
        .unwrap_or_default();
    explanation.hint(
        "thumbprint_encoding",
        format!("cnf.{name} is in {form}; it must be 43 characters of base64url over the 32 bytes.{right}"),
    );
}

/// `x5t#S256` made from the file's text in place of the certificate's DER.
fn hash_of_text(
    explanation: &mut Explanation,
    x5t: &str,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) {
    let Some(pem) = expected.certificate_pem else { return };
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let lines = pem.replace("\r\n", "\n");
    let texts = [pem, pem.trim_end(), &lines, lines.trim_end(), &body];
    if texts.iter().any(|text| base64url::encode(cryptography.sha256(&[text.as_bytes()])) == x5t) {
        let right = expected.certificate.and_then(|presented| presented.certificate()).map_or_else(
            String::new,
            |certificate| {
                format!(" It must be {}.", CertificateThumbprint::of(certificate.leaf(), cryptography))
            },
        );
        explanation.hint(
            "pem_hash",
            format!("cnf.x5t#S256 is the hash of the certificate's PEM text, not of its DER bytes.{right}"),
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

fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|character| !matches!(character, ':' | ' ')).collect();
    if !is_hex(&digits) {
        return None;
    }
    (0..32).map(|index| u8::from_str_radix(&digits[index * 2..index * 2 + 2], 16).ok()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
