//! A21: a faultless token request of an authenticated client that proves no key.

use super::{always, token_call_of};
use crate::run::modules;
use crate::suite::Suite;

modules! {
    token_request_without_proof_of_possession_is_refused: always,
}

async fn token_request_without_proof_of_possession_is_refused(suite: &Suite) {
    let call = token_call_of(suite, &suite.first).await;
    if suite.variant.dpop() {
        let answer = call.unproven().send().await;
        answer.require_bad_request(&["invalid_request", "invalid_grant", "invalid_dpop_proof"]);
    } else {
        let codes: &[&str] = if suite.variant.private_key_jwt() {
            &["invalid_client", "invalid_grant", "invalid_request"]
        } else {
            &["invalid_client", "invalid_request"]
        };
        call.over(&suite.site.plain).send().await.require_error(codes);
    }
}
