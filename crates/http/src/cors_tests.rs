//! Browsers of listed origins may read the protocol's headers, others may not.

use std::convert::Infallible;

use axum::body::Body;
use tower::ServiceExt as _;

use super::*;

const APP: &str = "https://app.example.com";

async fn answer(origins: AllowedOrigins, request: http::request::Builder) -> Response<Body> {
    let inner = tower::service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        Ok::<_, Infallible>(response)
    });
    let layer = CorsLayer::new(origins, &[Method::GET, Method::POST]);
    layer.layer(inner).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn listed() -> AllowedOrigins {
    AllowedOrigins::listed([APP]).unwrap()
}

#[tokio::test]
async fn a_refusal_lets_the_browser_read_challenge_and_nonce() {
    let response = answer(listed(), Request::get("/").header(ORIGIN, APP)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], APP);
    assert_eq!(response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS], "www-authenticate, dpop-nonce");
    assert_eq!(response.headers()[VARY], "origin");
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
    let response = answer(AllowedOrigins::Any, Request::get("/").header(ORIGIN, "https://x.example")).await;
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}

#[tokio::test]
async fn other_origins_and_other_clients_are_told_nothing() {
    for origin in
        ["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com"]
    {
        let response = answer(listed(), Request::get("/").header(ORIGIN, origin)).await;
        assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
        assert!(!response.headers().contains_key(ACCESS_CONTROL_EXPOSE_HEADERS), "{origin}");
    }
    assert!(answer(listed(), Request::get("/")).await.headers().is_empty());
}

#[tokio::test]
async fn a_preflight_allows_proofs_and_only_a_preflight_is_answered_here() {
    let options = || Request::options("/").header(ORIGIN, APP);
    let response = answer(listed(), options().header(ACCESS_CONTROL_REQUEST_METHOD, "POST")).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "authorization, dpop, content-type");
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_METHODS], "GET, POST");
    assert_eq!(answer(listed(), options()).await.status(), StatusCode::UNAUTHORIZED);
    let stranger = Request::options("/").header(ORIGIN, "https://evil.example");
    let response = answer(listed(), stranger.header(ACCESS_CONTROL_REQUEST_METHOD, "POST")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn rejects_origins_that_no_browser_would_send() {
    for origin in [
        "app.example.com",
        "https://",
        "https://app.example.com/",
        "https://App.example.com",
        "*",
        "https://*.a",
        "ftp://a",
    ] {
        let error = AllowedOrigins::listed([origin]).unwrap_err();
        assert_eq!(error, OriginInvalid(origin.to_owned()));
    }
    assert!(AllowedOrigins::listed(["http://localhost:3000", "https://[::1]:8443"]).is_ok());
}
