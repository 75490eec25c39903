//! Mistakes in choosing and binding tokens: tokens of another kind, and `cnf` members of another form.

use alloc::format;
use alloc::string::String;

use serde_json::{Map, Value};

use super::{hex_bytes, in_any_text, is_hex};
use crate::crypto::Cryptography;
use crate::encoding::base64url;
use crate::explain::{Explanation, TokenExpectation, shown};
use crate::mtls::certificate::CertificateThumbprint;

/// What is wrong with the text of a token before it is read.
pub(in crate::explain) fn in_token_text(explanation: &mut Explanation, token: &str) {
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
        2 if !token.starts_with("eyJ") => explanation.hint(
            "dotted_opaque",
            "Three segments whose first is no JWS header: an opaque token that happens to have two dots. The guard \
             takes whatever has two dots for a JWT; let the authorization server issue opaque tokens without dots.",
        ),
        _ => {}
    }
}

/// Tokens of another kind.
pub(in crate::explain) fn in_token(
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
pub(in crate::explain) fn in_confirmation(
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
