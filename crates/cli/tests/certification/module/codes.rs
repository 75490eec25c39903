//! A18 and A19: a code is good once, soon, and for the client that it was given to.

use std::time::Duration;

use super::{always, interactive, once, token_call_of};
use crate::flow::Flow;
use crate::run::modules;
use crate::suite::Suite;

modules! {
    code_of_another_client_is_refused: interactive,
    code_is_good_once_and_its_token_dies_with_reuse: interactive,
    client_identifier_of_another_is_refused: always,
}

/// Waits longer than any code may live.
pub(crate) const PATIENT: &[crate::run::Module] = &[crate::run::Module {
    name: "code_expires_within_a_minute",
    applies: once,
    run: |suite| Box::pin(async move { code_expires_within_a_minute(&suite).await }),
}];

async fn code_of_another_client_is_refused(suite: &Suite) {
    let first = Flow::new(suite, &suite.first);
    let code = first.code().await;
    let mut second = Flow::new(suite, &suite.second);
    second.verifier = first.verifier.clone();
    let answer = second.token_call(&code).replacing("redirect_uri", &suite.first.redirect_uri).send().await;
    answer.require_bad_request(&["invalid_grant"]);
}

async fn code_is_good_once_and_its_token_dies_with_reuse(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let code = flow.code().await;
    let tokens = flow.redeem(&code).await;
    flow.resource_call(&tokens.access_token).send().await.require(200);
    flow.token_call(&code).send().await.require_bad_request(&["invalid_grant"]);
    flow.resource_call(&tokens.access_token).send().await.require_status_of(&[401]);
    if let Some(refresh_token) = &tokens.refresh_token {
        let call = suite.token_call(&suite.first).with("grant_type", "refresh_token");
        call.with("refresh_token", refresh_token).send().await.require_bad_request(&["invalid_grant"]);
    }
}

/// A19: client 2's identifier and, where there is one, its assertion, over client 1's certificate or by its key.
async fn client_identifier_of_another_is_refused(suite: &Suite) {
    let call = token_call_of(suite, &suite.first).await;
    let second = suite.second.client_id.as_str();
    let call = if suite.variant.private_key_jwt() {
        let call = call.with("client_id", second);
        call.assertion(|assertion| assertion.claim("iss", second).claim("sub", second))
    } else {
        call.replacing("client_id", second)
    };
    call.send().await.require_error(&["invalid_client", "invalid_grant"]);
}

async fn code_expires_within_a_minute(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let code = flow.code().await;
    tokio::time::sleep(Duration::from_secs(62)).await;
    flow.token_call(&code).send().await.require_bad_request(&["invalid_grant"]);
}
