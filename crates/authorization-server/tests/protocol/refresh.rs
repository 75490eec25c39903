//! Refresh tokens: binding, rotation, reuse (RFC 6749 section 6, RFC 9449 section 5, RFC 9700 section 4.14).

use std::sync::Arc;

use bindery_core::token::confirmation::Confirmation;
use serde_json::json;

use crate::support::{API, Call, World, certificate, claims, dpop_binding, key, world};

fn refresh_token(body: &serde_json::Value) -> String {
    body["refresh_token"].as_str().expect("a new refresh token").to_owned()
}

#[tokio::test]
async fn a_public_clients_refresh_token_works_with_its_own_key_alone() {
    let world = world().await;
    let own = key();
    let token = world.provision("public-client", dpop_binding(&own)).await;
    let refresh = || world.refresh("public-client", &token);
    world.send(refresh()).await.error(400, "invalid_request").reason("sender_constraint_missing");
    let other_key = world.send(refresh().dpop(world.proof(&key()))).await;
    other_key.error(400, "invalid_grant").reason("refresh_token_binding");
    let (stray, _) = certificate("stray", Vec::new(), None);
    world
        .send(refresh().certificate(&stray))
        .await
        .error(400, "invalid_grant")
        .reason("refresh_token_binding");
    for _ in 0..10 {
        let body = world.send(refresh().dpop(world.proof(&own))).await.ok();
        assert_eq!(claims(&body["access_token"])["cnf"]["jkt"], own.thumbprint().to_string());
        assert_eq!(claims(&body["access_token"])["sub"], "alice");
        assert!(body.get("refresh_token").is_none(), "bound and not rotating: the token stays");
    }
}

#[tokio::test]
async fn a_public_clients_certificate_binds_its_refresh_token_too() {
    let world = world().await;
    let (own, _) = certificate("own", Vec::new(), None);
    let (other, _) = certificate("own", Vec::new(), None);
    let token = world.provision("public-client", Confirmation::Mtls(own.thumbprint())).await;
    let refresh = || world.refresh("public-client", &token);
    world.send(refresh().certificate(&own)).await.ok();
    world.send(refresh().certificate(&other)).await.error(400, "invalid_grant");
    world.send(refresh().dpop(world.proof(&key()))).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn a_confidential_clients_key_may_change_and_the_new_token_names_it() {
    let world = world().await;
    let token = world.provision("jwt-client", Confirmation::Unbound).await;
    for _ in 0..3 {
        let key = key();
        let call = Call::token("refresh_token")
            .with("refresh_token", &token)
            .assertion(world.assertion("jwt-client"))
            .dpop(world.proof(&key));
        let body = world.send(call).await.ok();
        assert_eq!(claims(&body["access_token"])["cnf"]["jkt"], key.thumbprint().to_string());
    }
}

#[tokio::test]
async fn a_confidential_clients_grant_that_the_operator_pinned_keeps_its_key() {
    let world = world().await;
    let pinned = key();
    let token = world.provision("jwt-client", dpop_binding(&pinned)).await;
    let refresh = |key: &bindery_crypto::SigningKey| {
        let call = Call::token("refresh_token").with("refresh_token", &token);
        world.send(call.assertion(world.assertion("jwt-client")).dpop(world.proof(key)))
    };
    refresh(&pinned).await.ok();
    refresh(&key()).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn an_unbound_refresh_token_is_rejected_or_bound_to_the_first_key_by_policy() {
    let world = world().await;
    let token = world.provision("public-client", Confirmation::Unbound).await;
    let refused = world.send(world.refresh("public-client", &token).dpop(world.proof(&key()))).await;
    refused.error(400, "invalid_grant").reason("refresh_token_unbound");

    let first = key();
    let token = world.provision("public-binding", Confirmation::Unbound).await;
    let refresh = || world.refresh("public-binding", &token);
    world.send(refresh()).await.error(400, "invalid_request");
    world.send(refresh().dpop(world.proof(&first))).await.ok();
    world.send(refresh().dpop(world.proof(&key()))).await.error(400, "invalid_grant");
    world.send(refresh().dpop(world.proof(&first))).await.ok();
}

#[tokio::test]
async fn another_clients_refresh_token_is_refused() {
    let world = world().await;
    let own = key();
    let token = world.provision("public-client", dpop_binding(&own)).await;
    world
        .send(world.refresh("public-binding", &token).dpop(world.proof(&own)))
        .await
        .error(400, "invalid_grant");
    let call =
        Call::token("refresh_token").with("refresh_token", &token).assertion(world.assertion("jwt-client"));
    world.send(call.dpop(world.proof(&own))).await.error(400, "invalid_grant");
    world.send(world.refresh("public-client", &token).dpop(world.proof(&own))).await.ok();
}

#[tokio::test]
async fn a_spent_refresh_token_that_comes_back_late_ends_the_family() {
    let world = world().await;
    let own = key();
    let first = world.provision("public-rotating", dpop_binding(&own)).await;
    let refresh = |token: &str| world.refresh("public-rotating", token).dpop(world.proof(&own));
    let body = world.send(refresh(&first)).await.ok();
    let second = refresh_token(&body);
    assert_ne!(first, second);
    let access_token = body["access_token"].as_str().unwrap();
    world.advance(61);
    assert_eq!(world.introspect(access_token).await["active"], true);
    world.send(refresh(&first)).await.error(400, "invalid_grant");
    world.send(refresh(&second)).await.error(400, "invalid_grant");
    assert_eq!(world.introspect(access_token).await, json!({"active": false}));
}

#[tokio::test]
async fn a_stranger_with_a_spent_token_and_no_key_cannot_end_the_family() {
    let world = world().await;
    let own = key();
    let first = world.provision("public-rotating", dpop_binding(&own)).await;
    let refresh = |token: &str, key: &bindery_crypto::SigningKey| {
        world.refresh("public-rotating", token).dpop(world.proof(key))
    };
    let second = refresh_token(&world.send(refresh(&first, &own)).await.ok());
    world.advance(61);
    world.send(refresh(&first, &key())).await.error(400, "invalid_grant");
    world.send(refresh(&second, &own)).await.ok();
}

#[tokio::test]
async fn an_answer_that_was_lost_can_be_asked_for_again_within_the_grace() {
    let world = world().await;
    let own = key();
    let first = world.provision("public-rotating", dpop_binding(&own)).await;
    let refresh = |token: &str| world.refresh("public-rotating", token).dpop(world.proof(&own));
    let lost = refresh_token(&world.send(refresh(&first)).await.ok());
    world.advance(30);
    let third = refresh_token(&world.send(refresh(&first)).await.ok());
    // The retry took the place of the lost answer: there is one live token, not two.
    world.send(refresh(&third)).await.ok();
    world.advance(61);
    world.send(refresh(&lost)).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn the_grace_is_over_when_the_successor_was_used() {
    let world = world().await;
    let own = key();
    let first = world.provision("public-rotating", dpop_binding(&own)).await;
    let refresh = |token: &str| world.refresh("public-rotating", token).dpop(world.proof(&own));
    let second = refresh_token(&world.send(refresh(&first)).await.ok());
    let third = refresh_token(&world.send(refresh(&second)).await.ok());
    world.send(refresh(&first)).await.error(400, "invalid_grant");
    world.send(refresh(&third)).await.ok();
}

#[tokio::test]
async fn concurrent_refreshes_leave_one_live_token() {
    let world = Arc::new(world().await);
    let own = key();
    let first = world.provision("public-rotating", dpop_binding(&own)).await;
    let refresh = |token: &str| world.refresh("public-rotating", token).dpop(world.proof(&own));
    let answers = futures_util::future::join_all((0..20).map(|_| world.send(refresh(&first)))).await;
    let won: Vec<_> = answers.into_iter().filter(|answer| answer.status.is_success()).collect();
    assert!((1..=2).contains(&won.len()), "the winner, and at most one retry of a lost answer");
    let tokens: Vec<_> = won.iter().map(|answer| refresh_token(&answer.body)).collect();
    let mut live = 0;
    for token in &tokens {
        live += usize::from(world.introspect_as_public(token).await);
    }
    assert_eq!(live, 1);
}

impl World {
    /// Whether the store holds the token as live.
    async fn introspect_as_public(&self, token: &str) -> bool {
        use bindery_core::crypto::Cryptography as _;
        use bindery_http::Clock as _;
        use bindery_store::authorization::RefreshTokenState;
        let digest = bindery_crypto::AwsLc.sha256(&[token.as_bytes()]);
        let state = self.store.find_refresh_token(&digest, self.clock.now(), std::time::Duration::ZERO).await;
        matches!(state.unwrap(), RefreshTokenState::Live { .. })
    }
}

#[tokio::test]
async fn a_public_client_under_an_exception_rotates_and_a_bound_grant_stays_bound() {
    let world = world().await;
    let token = world.provision("public-exception", Confirmation::Unbound).await;
    let body = world.send(world.refresh("public-exception", &token)).await.ok();
    assert_eq!(body["token_type"], "Bearer");
    assert_ne!(refresh_token(&body), token);
    let own = key();
    let bound = world.provision("public-exception", dpop_binding(&own)).await;
    world
        .send(world.refresh("public-exception", &bound))
        .await
        .error(400, "invalid_grant")
        .reason("refresh_token_binding");
    world.send(world.refresh("public-exception", &bound).dpop(world.proof(&own))).await.ok();
}

#[tokio::test]
async fn a_refresh_never_widens_scope_or_audience_and_may_narrow_them() {
    let world = world().await;
    let own = key();
    let token = world.provision("public-client", dpop_binding(&own)).await;
    let refresh = || world.refresh("public-client", &token).dpop(world.proof(&own));
    world.send(refresh().with("scope", "read admin")).await.error(400, "invalid_scope");
    world.send(refresh().with("resource", "https://evil.example")).await.error(400, "invalid_target");
    let body = world.send(refresh().with("scope", "read").with("resource", API)).await.ok();
    assert_eq!(
        (body["scope"].as_str(), claims(&body["access_token"])["aud"].as_str()),
        (Some("read"), Some(API))
    );
    let body = world.send(refresh()).await.ok();
    assert_eq!(body["scope"], "read write");
}

#[tokio::test]
async fn no_token_outlives_its_grant() {
    let world = world().await;
    let own = key();
    let token = world.provision("public-client", dpop_binding(&own)).await;
    world.advance(14 * 24 * 3600 - 100);
    let body = world.send(world.refresh("public-client", &token).dpop(world.proof(&own))).await.ok();
    assert_eq!(body["expires_in"], 100);
    world.advance(100);
    world
        .send(world.refresh("public-client", &token).dpop(world.proof(&own)))
        .await
        .error(400, "invalid_grant");
}

#[tokio::test]
async fn unknown_empty_and_huge_refresh_tokens_are_refused() {
    let world = world().await;
    let call = |token: &str| world.refresh("public-client", token).dpop(world.proof(&key()));
    world.send(call("unknown")).await.error(400, "invalid_grant");
    world.send(call("")).await.error(400, "invalid_request");
    world.send(call(&"a".repeat(10_000))).await.error(400, "invalid_request");
}
