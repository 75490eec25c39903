//! A20: client assertions, spoiled one way each. Only a JSON string that is the issuer is a good audience.

use serde_json::json;

use super::token_call_of;
use crate::flow::{Flow, pushed};
use crate::jwt::{Jwt, now};
use crate::key::Key;
use crate::run::modules;
use crate::suite::Suite;
use crate::variant::Variant;

modules! {
    assertion_signed_with_rs256_is_refused: assertions,
    request_without_assertion_is_refused: assertions,
    expired_assertion_is_refused: assertions,
    assertion_for_another_server_is_refused: assertions,
    assertion_without_subject_is_refused: assertions,
    assertion_by_an_unknown_key_is_refused: assertions,
    assertion_is_good_once: assertions,
    assertion_eight_seconds_ahead_is_accepted: assertions_at_par,
    assertion_more_than_a_minute_ahead_is_refused: assertions_at_par,
    assertion_with_several_audiences_is_refused: assertions_at_par,
    assertion_for_an_endpoint_is_refused: assertions_at_par,
}

const REFUSED: [&str; 2] = ["invalid_client", "invalid_request"];

fn assertions(variant: Variant) -> bool {
    variant.private_key_jwt()
}

fn assertions_at_par(variant: Variant) -> bool {
    variant.private_key_jwt() && variant.interactive()
}

/// Sends a token request whose assertion was changed, and requires a refusal.
async fn refused_at_token(suite: &Suite, codes: &[&str], change: impl FnOnce(Jwt) -> Jwt) {
    let call = token_call_of(suite, &suite.first).await.assertion(change);
    call.send().await.require_error(codes);
}

async fn assertion_signed_with_rs256_is_refused(suite: &Suite) {
    refused_at_token(suite, &["invalid_client"], |assertion| assertion.header("alg", "RS256")).await;
}

async fn request_without_assertion_is_refused(suite: &Suite) {
    let call = token_call_of(suite, &suite.first).await.unauthenticated();
    call.with("client_id", &suite.first.client_id).send().await.require_error(&REFUSED);
}

async fn expired_assertion_is_refused(suite: &Suite) {
    refused_at_token(suite, &REFUSED, |assertion| {
        assertion.claim("exp", now() - 300).claim("iat", now() - 360)
    })
    .await;
}

async fn assertion_for_another_server_is_refused(suite: &Suite) {
    let aud = "https://other.example/token";
    refused_at_token(suite, &REFUSED, |assertion| assertion.claim("aud", aud)).await;
}

async fn assertion_without_subject_is_refused(suite: &Suite) {
    refused_at_token(suite, &REFUSED, |assertion| assertion.without("sub")).await;
}

async fn assertion_by_an_unknown_key_is_refused(suite: &Suite) {
    let stranger = Key::ec(None);
    refused_at_token(suite, &REFUSED, |assertion| {
        assertion.signed_by(&stranger).header("alg", "ES256").without_header("kid")
    })
    .await;
}

async fn assertion_is_good_once(suite: &Suite) {
    let mut call = token_call_of(suite, &suite.first).await;
    call.send_and_keep().await.require(200);
    // Another code or another request, and a new proof, with the assertion that was seen.
    let mut again = token_call_of(suite, &suite.first).await;
    again.assertion = call.assertion;
    again.send().await.require_error(&REFUSED);
}

async fn assertion_eight_seconds_ahead_is_accepted(suite: &Suite) {
    let call = Flow::new(suite, &suite.first).push_call();
    let ahead = now() + 8;
    pushed(&call.assertion(|assertion| assertion.claim("iat", ahead).claim("nbf", ahead)).send().await);
}

async fn assertion_more_than_a_minute_ahead_is_refused(suite: &Suite) {
    let ahead = now() + 62;
    let times = |assertion: Jwt| assertion.claim("iat", ahead).claim("exp", ahead + 60);
    let call = Flow::new(suite, &suite.first).push_call();
    call.assertion(times).send().await.require_error(&REFUSED);
    let call = Flow::new(suite, &suite.first).push_call();
    call.assertion(|assertion| times(assertion).claim("nbf", ahead)).send().await.require_error(&REFUSED);
}

async fn assertion_with_several_audiences_is_refused(suite: &Suite) {
    let call = Flow::new(suite, &suite.first).push_call();
    let audiences = json!([suite.site.issuer, "https://other.example"]);
    call.assertion(|assertion| assertion.claim("aud", audiences)).send().await.require_error(&REFUSED);
    let call = Flow::new(suite, &suite.first).push_call();
    let alone = json!([suite.site.issuer]);
    call.assertion(|assertion| assertion.claim("aud", alone)).send().await.require_error(&REFUSED);
}

async fn assertion_for_an_endpoint_is_refused(suite: &Suite) {
    for endpoint in ["pushed_authorization_request_endpoint", "token_endpoint"] {
        let url = suite.site.metadata[endpoint].as_str().unwrap();
        let call = Flow::new(suite, &suite.first).push_call();
        call.assertion(|assertion| assertion.claim("aud", url)).send().await.require_error(&REFUSED);
    }
}
