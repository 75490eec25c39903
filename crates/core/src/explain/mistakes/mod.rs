//! The mistakes of real life behind most failures, each recognised by its trace: a hint names the cause where
//! the rule alone would only name the symptom. A hint changes no verdict. Here are the traces in any text and
//! in the request; those of proofs and tokens stand beside.

mod proof;
mod token;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) use proof::{
    in_proof_claims, in_proof_header, in_proof_text, in_signature, in_time, in_token_hash,
};
pub(super) use token::{in_confirmation, in_token, in_token_text};

use super::Explanation;
use crate::resource::presentation::RequestFacts;

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
    let carries_token = facts.authorization.iter().any(|value| {
        let starts =
            |scheme: &[u8]| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        starts(b"dpop") || starts(b"bearer")
    });
    if !carries_token && !facts.dpop.is_empty() {
        explanation.hint(
            "token_request",
            "A proof came without an access token. If this is a request to a token endpoint, that is right there: \
             explain the proof by itself, with the method and the URL of the endpoint.",
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
