//! A22 and A23: proofs at PAR, at the token endpoint and at the resource, their clocks, and the code's binding to
//! a key.

use super::{dpop, dpop_with_codes, require_refused_push, tokens_of};
use crate::flow::{self, Flow, pushed};
use crate::jwt::{Jwt, now};
use crate::run::modules;
use crate::suite::Suite;

modules! {
    proof_with_nbf_and_exp_is_accepted: dpop,
    proof_ten_seconds_old_is_accepted: dpop,
    proof_eight_seconds_ahead_is_accepted: dpop,
    key_named_in_the_request_must_be_the_proven_one: dpop_with_codes,
    code_bound_by_proof_is_refused_with_another_key: dpop_with_codes,
    code_bound_by_thumbprint_is_refused_with_another_key: dpop_with_codes,
    code_bound_by_proof_is_redeemed_with_its_key: dpop_with_codes,
    code_bound_by_thumbprint_is_redeemed_with_its_key: dpop_with_codes,
    proof_at_the_token_endpoint_is_good_once: dpop,
}

const REFUSED: [&str; 3] = ["invalid_request", "invalid_grant", "invalid_dpop_proof"];

async fn proof_with_nbf_and_exp_is_accepted(suite: &Suite) {
    accepted_everywhere(suite, |proof| proof.claim("nbf", now()).claim("exp", now() + 300)).await;
}

async fn proof_ten_seconds_old_is_accepted(suite: &Suite) {
    accepted_everywhere(suite, |proof| proof.claim("iat", now() - 10)).await;
}

async fn proof_eight_seconds_ahead_is_accepted(suite: &Suite) {
    accepted_everywhere(suite, |proof| proof.claim("iat", now() + 8)).await;
}

/// At PAR, at the token endpoint and at the resource.
async fn accepted_everywhere(suite: &Suite, change: fn(Jwt) -> Jwt) {
    let client = &suite.first;
    let token = if suite.variant.interactive() {
        let flow = Flow::new(suite, client);
        let uri = pushed(&flow.push_call().proven_by(&flow.proof_key).proof(change).send().await);
        let mut browser = suite.signed_in_browser().await;
        let code = flow.code_of(&flow.visit(&mut browser, &uri).await);
        flow.tokens(&flow.token_call(&code).proof(change).send().await)
    } else {
        flow::tokens(suite, &suite.client_credentials_call(client).proof(change).send().await)
    };
    suite.resource_call(client, &token.access_token).proof(change).send().await.require(200);
}

async fn key_named_in_the_request_must_be_the_proven_one(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.set("dpop_jkt", flow.proof_key.another_like().thumbprint());
    let answer = flow.push_call().proven_by(&flow.proof_key).send().await;
    require_refused_push(&answer, &["invalid_request", "invalid_dpop_proof"]);
}

async fn code_bound_by_proof_is_refused_with_another_key(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let code = code_of_proven_push(&flow).await;
    let call = flow.token_call(&code).proven_by(&flow.proof_key.another_like());
    call.send().await.require_bad_request(&REFUSED);
}

async fn code_bound_by_thumbprint_is_refused_with_another_key(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.set("dpop_jkt", flow.proof_key.another_like().thumbprint());
    let code = flow.code().await;
    flow.token_call(&code).send().await.require_bad_request(&REFUSED);
}

async fn code_bound_by_proof_is_redeemed_with_its_key(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let code = code_of_proven_push(&flow).await;
    let tokens = flow.redeem(&code).await;
    flow.resource_call(&tokens.access_token).send().await.require(200);
}

async fn code_bound_by_thumbprint_is_redeemed_with_its_key(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.set("dpop_jkt", flow.proof_key.thumbprint());
    let tokens = flow.run().await;
    flow.resource_call(&tokens.access_token).send().await.require(200);
}

async fn code_of_proven_push(flow: &Flow<'_>) -> String {
    let uri = pushed(&flow.push_call().proven_by(&flow.proof_key).send().await);
    let mut browser = flow.suite.signed_in_browser().await;
    flow.code_of(&flow.visit(&mut browser, &uri).await)
}

async fn proof_at_the_token_endpoint_is_good_once(suite: &Suite) {
    let mut call = super::token_call_of(suite, &suite.first).await;
    call.send_and_keep().await.require(200);
    let mut again = super::token_call_of(suite, &suite.first).await;
    again.proof = call.proof;
    again.send().await.require_bad_request(&["invalid_dpop_proof"]);
    tokens_of(suite, &suite.first).await;
}
