//! A25: request objects at PAR, spoiled one way each; and the form parameters of a client that must sign.

use serde_json::json;

use super::require_refused_push;
use crate::flow::{Flow, pushed};
use crate::jwt::{Damage, Jwt, now};
use crate::run::modules;
use crate::suite::Suite;
use crate::variant::Variant;

modules! {
    request_object_without_exp_is_refused: signed,
    request_object_without_nbf_is_refused: signed,
    expired_request_object_is_refused: signed,
    request_object_with_exp_over_an_hour_ahead_is_refused: signed,
    request_object_with_nbf_over_an_hour_ago_is_refused: signed,
    request_object_for_another_server_is_refused: signed,
    request_object_without_audience_is_refused: signed,
    request_object_signed_with_rs256_is_refused: signed,
    unsigned_request_object_is_refused: signed,
    request_object_with_broken_signature_is_refused: signed,
    request_object_signed_by_another_client_is_refused: signed,
    plain_parameters_are_refused_where_requests_are_signed: signed,
    request_object_eight_seconds_ahead_is_accepted: signed,
    request_object_with_several_audiences_is_accepted: signed,
    request_object_with_type_is_accepted: signed,
}

const OBJECT: [&str; 1] = ["invalid_request_object"];
const HOUR_AND_TEN: i64 = 70 * 60;

fn signed(variant: Variant) -> bool {
    variant.signed_requests
}

async fn refused(suite: &Suite, codes: &[&str], change: impl FnOnce(Jwt) -> Jwt) {
    let flow = Flow::new(suite, &suite.first);
    require_refused_push(&flow.push_call().object(change).send().await, codes);
}

async fn accepted(suite: &Suite, change: impl FnOnce(Jwt) -> Jwt) {
    let flow = Flow::new(suite, &suite.first);
    pushed(&flow.push_call().object(change).send().await);
}

async fn request_object_without_exp_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.without("exp")).await;
}

async fn request_object_without_nbf_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.without("nbf")).await;
}

async fn expired_request_object_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.claim("exp", now() - 300).claim("nbf", now() - 600)).await;
}

async fn request_object_with_exp_over_an_hour_ahead_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.claim("exp", now() + HOUR_AND_TEN)).await;
}

async fn request_object_with_nbf_over_an_hour_ago_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.claim("nbf", now() - HOUR_AND_TEN)).await;
}

async fn request_object_for_another_server_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.claim("aud", "https://other.example")).await;
}

async fn request_object_without_audience_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.without("aud")).await;
}

async fn request_object_signed_with_rs256_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.header("alg", "RS256")).await;
}

async fn unsigned_request_object_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.header("alg", "none").without_header("kid")).await;
}

async fn request_object_with_broken_signature_is_refused(suite: &Suite) {
    refused(suite, &OBJECT, |object| object.damaged(Damage::Signature)).await;
}

async fn request_object_signed_by_another_client_is_refused(suite: &Suite) {
    let key = &suite.second.key;
    let codes = ["invalid_request", "invalid_request_object"];
    refused(suite, &codes, |object| object.signed_by(key).header("alg", key.alg).header("kid", key.kid))
        .await;
}

pub(crate) async fn plain_parameters_are_refused_where_requests_are_signed(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let mut call = flow.push_call();
    call.object = None;
    for name in flow.parameters.keys() {
        call = call.replacing(name, flow.text(name).unwrap());
    }
    require_refused_push(&call.send().await, &["invalid_request"]);
}

async fn request_object_eight_seconds_ahead_is_accepted(suite: &Suite) {
    accepted(suite, |object| object.claim("nbf", now() + 8)).await;
}

async fn request_object_with_several_audiences_is_accepted(suite: &Suite) {
    let audiences = json!([suite.site.issuer, "https://other.example"]);
    accepted(suite, |object| object.claim("aud", audiences)).await;
}

async fn request_object_with_type_is_accepted(suite: &Suite) {
    accepted(suite, |object| object.header("typ", "oauth-authz-req+jwt")).await;
}
