//! The issuer's public keys (RFC 7517 section 5). Public by nature, and cached as long as guards may cache them.

use axum::extract::State;
use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use super::json;
use crate::server::AuthorizationServer;

pub(crate) const PATH: &str = "/jwks";

pub(crate) async fn answer(State(server): State<AuthorizationServer>) -> Response {
    let mut response = json(StatusCode::OK, server.jwk_set().to_string().into_bytes());
    let headers = response.headers_mut();
    headers.remove(http::header::PRAGMA);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
