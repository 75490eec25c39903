//! What every answer of ours must and must not have.

use http_body_util::BodyExt as _;

use super::*;

fn answer(needs_nonce: bool) -> ErrorAnswer {
    ErrorAnswer {
        status: 401,
        challenges: vec!["DPoP algs=\"ES256\"".to_owned(), "Bearer".to_owned()],
        body: json!({ "error": "invalid_token" }),
        needs_nonce,
        retry_after: None,
    }
}

#[tokio::test]
async fn an_oauth_error_is_json_that_nobody_stores() {
    let response = oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "The request is malformed.");
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[PRAGMA], "no-cache");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, json!({"error": "invalid_request", "error_description": "The request is malformed."}));
}

#[test]
fn a_refusal_carries_each_challenge_on_a_line_of_its_own_and_one_nonce() {
    let response = error_answer(&answer(true), Some("n1"));
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers().get_all(WWW_AUTHENTICATE).iter().count(), 2);
    assert_eq!(response.headers().get_all(DPOP_NONCE).iter().collect::<Vec<_>>(), ["n1"]);
    assert!(!error_answer(&answer(false), None).headers().contains_key(DPOP_NONCE));
}

#[test]
fn an_answer_that_must_carry_a_nonce_is_never_sent_without() {
    assert_eq!(error_answer(&answer(true), None).status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn a_request_without_credentials_gets_no_body_and_an_outage_says_when_to_return() {
    let absent = ErrorAnswer { body: Value::Null, ..answer(false) };
    let response = error_answer(&absent, None);
    assert!(!response.headers().contains_key(CONTENT_TYPE));
    let outage = ErrorAnswer { status: 503, retry_after: Some(5), challenges: Vec::new(), ..answer(false) };
    assert_eq!(error_answer(&outage, None).headers()[RETRY_AFTER], "5");
}

#[test]
fn the_nonce_replaces_those_that_are_there_and_a_bad_one_sets_none() {
    let mut headers = HeaderMap::new();
    headers.append(DPOP_NONCE, HeaderValue::from_static("upstream-1"));
    headers.append(DPOP_NONCE, HeaderValue::from_static("upstream-2"));
    set_dpop_nonce(&mut headers, "ours");
    assert_eq!(headers.get_all(DPOP_NONCE).iter().collect::<Vec<_>>(), ["ours"]);
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    set_dpop_nonce(&mut headers, "bad\r\nset-cookie: x");
    assert!(!headers.contains_key(DPOP_NONCE));
}
