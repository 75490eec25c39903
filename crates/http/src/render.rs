//! Building blocks of answers: OAuth errors as JSON that nobody stores, and exactly one `DPoP-Nonce`.
//! What an answer says is decided in core; nothing of a request reaches it here.

use axum::body::Body;
use bindery_core::resource::challenge::ErrorAnswer;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// The header that hands out nonces (RFC 9449 section 8.1).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A JSON answer that nobody stores (RFC 6749 section 5.1).
#[must_use]
pub fn json(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    forbid_storing(response.headers_mut());
    response
}

/// An OAuth error (RFC 6749 section 5.2). `description` is a fixed sentence, never anything of the request.
#[must_use]
pub fn oauth_error(status: StatusCode, error: &str, description: &'static str) -> Response<Body> {
    json(status, &json!({ "error": error, "error_description": description }))
}

/// The answer to a refused request, with a nonce if one is due. An answer that must carry a nonce and has
/// none would make clients repeat themselves forever, so it becomes a fault of ours instead.
#[must_use]
pub fn error_answer(answer: &ErrorAnswer, nonce: Option<&str>) -> Response<Body> {
    if answer.needs_nonce && nonce.is_none() {
        return oauth_error(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "no nonce can be issued");
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match &answer.body {
        Value::Null => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            forbid_storing(response.headers_mut());
            response
        }
        body => json(status, body),
    };
    for challenge in &answer.challenges {
        if let Ok(value) = HeaderValue::from_str(challenge) {
            response.headers_mut().append(WWW_AUTHENTICATE, value);
        }
    }
    if let Some(seconds) = answer.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(nonce) = nonce {
        set_dpop_nonce(response.headers_mut(), nonce);
    }
    response
}

/// Sets the one `DPoP-Nonce` of an answer, in place of any that is there (an upstream's, for example), and
/// keeps caches from handing it to others (RFC 9449 section 8.2). A nonce that is no header value sets none.
pub fn set_dpop_nonce(headers: &mut HeaderMap, nonce: &str) {
    headers.remove(&DPOP_NONCE);
    if let Ok(nonce) = HeaderValue::from_str(nonce) {
        headers.insert(DPOP_NONCE, nonce);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Keeps an answer out of every cache (RFC 6749 section 5.1).
pub fn forbid_storing(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
