//! Entity tags (RFC 9110 section 8.8): what a representation was when it was read. A change names the state
//! that it means to change (`If-Match`), so that no administrator overwrites another's work unseen.

use axum::response::Response;
use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::AwsLc;
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use super::problem::{Kind, Problem};

/// The strong tag of a representation.
pub(super) fn of(representation: &impl Serialize) -> String {
    let text = serde_json::to_vec(representation).unwrap_or_default();
    let digest = AwsLc.sha256(&[&text]);
    format!("\"{}\"", base64url::encode(&digest[..16]))
}

/// Puts the tag on the answer that carries the representation.
pub(super) fn set(response: &mut Response, tag: &str) {
    if let Ok(value) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, value);
    }
}

/// Requires `If-Match`, and that it names `current` or, on purpose, any state.
///
/// # Errors
/// [`Problem`] when there is no precondition, or when it does not hold.
pub(super) fn require_match(headers: &HeaderMap, current: &str) -> Result<(), Problem> {
    let mut values = headers.get_all(IF_MATCH).iter().peekable();
    if values.peek().is_none() {
        return Err(Problem::new(
            Kind::PreconditionRequired,
            "a change names the state that it means to change",
            "send the ETag of what you read as If-Match, or `*` for any state",
        )
        .about("If-Match"));
    }
    let named = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| matches!(tag.trim(), "*") || tag.trim() == current);
    if named { Ok(()) } else { Err(changed_meanwhile()) }
}

/// Somebody else was first, here or at another node.
pub(super) fn changed_meanwhile() -> Problem {
    Problem::new(
        Kind::PreconditionFailed,
        "somebody changed it since you read it",
        "read it again, and send the change with its new ETag",
    )
    .about("If-Match")
}
