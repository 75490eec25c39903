//! A24: refresh tokens of confidential clients are bound to the client, not to a key, and are not rotated.

use super::{interactive, resource};
use crate::call::Call;
use crate::flow::{self, Flow, Tokens};
use crate::run::modules;
use crate::suite::{Client, Suite};

modules! {
    refresh_takes_a_new_key: interactive,
    refresh_without_client_authentication_is_refused: interactive,
    refresh_without_proof_of_possession_is_refused: interactive,
    refresh_token_of_another_client_is_refused: interactive,
    refreshed_token_of_another_is_refused_by_the_resource: interactive,
}

fn refresh_call(suite: &Suite, client: &Client, refresh_token: &str) -> Call {
    let call =
        suite.token_call(client).with("grant_type", "refresh_token").with("refresh_token", refresh_token);
    if client.number == 1 { call.with("scope", &client.scope) } else { call }
}

/// First tokens, whose refresh token must be there: the metadata lists the grant.
async fn first_tokens(suite: &Suite, client: &Client) -> (Tokens, String) {
    let tokens = Flow::new(suite, client).run().await;
    let refresh_token = tokens.refresh_token.clone().expect("a refresh token: the grant is advertised");
    (tokens, refresh_token)
}

async fn refresh_takes_a_new_key(suite: &Suite) {
    for client in suite.clients() {
        let (before, refresh_token) = first_tokens(suite, client).await;
        let new_key = client.proof_key.another_like();
        let mut call = refresh_call(suite, client, &refresh_token);
        if suite.variant.dpop() {
            call = call.proven_by(&new_key);
        }
        let after = flow::refreshed(suite, &call.send().await, &before);
        assert_eq!(after.body.get("refresh_token").unwrap_or(&refresh_token.clone().into()), &refresh_token);
        let mut use_it = suite.resource_call(client, &after.access_token);
        suite.present(&mut use_it, &new_key, &after.access_token);
        use_it.send().await.require(200);
        if suite.variant.dpop() {
            let old_key = suite.resource_call(client, &after.access_token).send().await;
            old_key.require_status_of(&[401]);
        }
        // And again: it was not spent.
        let call = refresh_call(suite, client, &refresh_token);
        let again = flow::refreshed(suite, &call.send().await, &before);
        resource::require_good_answers(suite, client, &again.access_token).await;
    }
}

async fn refresh_without_client_authentication_is_refused(suite: &Suite) {
    let (_, refresh_token) = first_tokens(suite, &suite.first).await;
    let call = refresh_call(suite, &suite.first, &refresh_token).unauthenticated();
    let call = if suite.variant.private_key_jwt() { call } else { call.over(&suite.site.plain) };
    call.send().await.require_error(&["invalid_client", "invalid_grant", "invalid_request"]);
}

async fn refresh_without_proof_of_possession_is_refused(suite: &Suite) {
    let (_, refresh_token) = first_tokens(suite, &suite.first).await;
    let call = refresh_call(suite, &suite.first, &refresh_token);
    if suite.variant.dpop() {
        let answer = call.unproven().send().await;
        answer.require_bad_request(&["invalid_request", "invalid_grant", "invalid_dpop_proof"]);
        return;
    }
    let codes: &[&str] = if suite.variant.private_key_jwt() {
        &["invalid_client", "invalid_request", "invalid_grant"]
    } else {
        &["invalid_client", "invalid_request"]
    };
    call.over(&suite.site.plain).send().await.require_error(codes);
}

async fn refresh_token_of_another_client_is_refused(suite: &Suite) {
    let (_, refresh_token) = first_tokens(suite, &suite.second).await;
    let answer = refresh_call(suite, &suite.first, &refresh_token).send().await;
    answer.require_bad_request(&["invalid_grant"]);
}

async fn refreshed_token_of_another_is_refused_by_the_resource(suite: &Suite) {
    let (before, refresh_token) = first_tokens(suite, &suite.second).await;
    let answer = refresh_call(suite, &suite.second, &refresh_token).send().await;
    let tokens = flow::refreshed(suite, &answer, &before);
    suite.resource_call(&suite.first, &tokens.access_token).send().await.require_status_of(&[401]);
}
