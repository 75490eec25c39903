//! Revocation (RFC 7009): REV rows.

use bindery_core::token::confirmation::Confirmation;
use serde_json::json;

use crate::support::{Call, SECRET, Setup, World, dpop_binding, key, world};

fn revoke(world: &World, client: &str, token: &str) -> Call {
    Call::to("/revoke").with("token", token).assertion(world.assertion(client))
}

async fn issue(world: &World, client: &str) -> String {
    let call = Call::token("client_credentials").assertion(world.assertion(client)).dpop(world.proof(&key()));
    world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_revoked_access_token_is_inactive_and_others_live_on() {
    let world = world().await;
    for client in ["jwt-client", "jwt-opaque"] {
        let (dead, alive) = (issue(&world, client).await, issue(&world, client).await);
        let answer = world.send(revoke(&world, client, &dead)).await;
        answer.no_store();
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(world.introspect(&dead).await, json!({"active": false}));
        assert_eq!(world.introspect(&alive).await["active"], true);
    }
}

/// Its key is still published, so guards accept it: a 200 that did nothing would be a lie.
#[tokio::test]
async fn a_token_of_an_algorithm_that_signs_no_more_is_known_and_can_be_revoked() {
    let setup = Setup::new();
    let mut configuration = setup.configuration.clone();
    configuration["signing_algorithms"] = json!(["EdDSA"]);
    let mut world = setup.start().await;
    let token = issue(&world, "jwt-client").await;
    world.router = world.another(configuration).await.router();
    assert_eq!(world.introspect(&token).await["active"], true);
    assert_eq!(world.send(revoke(&world, "jwt-client", &token)).await.status.as_u16(), 200);
    assert_eq!(world.introspect(&token).await, json!({"active": false}));
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_every_token_of_its_grant() {
    let world = world().await;
    for client in ["jwt-client", "jwt-opaque"] {
        let token = world.provision(client, Confirmation::Unbound).await;
        let refresh = || {
            let call = Call::token("refresh_token").with("refresh_token", &token);
            call.assertion(world.assertion(client)).dpop(world.proof(&key()))
        };
        let access = world.send(refresh()).await.ok()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(world.introspect(&access).await["active"], true);
        assert_eq!(world.send(revoke(&world, client, &token)).await.status.as_u16(), 200);
        assert_eq!(world.introspect(&access).await, json!({"active": false}));
        world.send(refresh()).await.error(400, "invalid_grant");
    }
}

#[tokio::test]
async fn another_clients_token_is_refused_and_stays_valid() {
    let world = world().await;
    for client in ["jwt-client", "jwt-opaque"] {
        let token = issue(&world, client).await;
        world.send(revoke(&world, "jwt-dpop", &token)).await.error(400, "unauthorized_client");
        assert_eq!(world.introspect(&token).await["active"], true);
    }
    let own = key();
    let token = world.provision("public-client", dpop_binding(&own)).await;
    let call = Call::to("/revoke").with("token", &token).with("client_id", "public-binding");
    world.send(call).await.error(400, "unauthorized_client");
    world.send(world.refresh("public-client", &token).dpop(world.proof(&own))).await.ok();
}

#[tokio::test]
async fn unknown_and_dead_tokens_are_answered_like_revoked_ones_whatever_the_hint() {
    let world = world().await;
    let token = issue(&world, "jwt-client").await;
    world.send(revoke(&world, "jwt-client", &token)).await;
    for token in ["unknown", "a.b.c", &token] {
        let call = revoke(&world, "jwt-client", token).with("token_type_hint", "refresh_token");
        assert_eq!(world.send(call).await.status.as_u16(), 200, "{token}");
    }
}

#[tokio::test]
async fn a_public_client_that_lost_its_key_can_still_destroy_its_token() {
    let world = world().await;
    let own = key();
    let token = world.provision("public-client", dpop_binding(&own)).await;
    let call = Call::to("/revoke").with("token", &token).with("client_id", "public-client");
    assert_eq!(world.send(call).await.status.as_u16(), 200);
    world
        .send(world.refresh("public-client", &token).dpop(world.proof(&own)))
        .await
        .error(400, "invalid_grant");
}

#[tokio::test]
async fn a_spent_refresh_token_still_ends_its_family() {
    let world = world().await;
    let own = key();
    let first = world.provision("public-rotating", dpop_binding(&own)).await;
    let refresh = |token: &str| world.refresh("public-rotating", token).dpop(world.proof(&own));
    let body = world.send(refresh(&first)).await.ok();
    let call = Call::to("/revoke").with("token", &first).with("client_id", "public-rotating");
    assert_eq!(world.send(call).await.status.as_u16(), 200);
    world.send(refresh(body["refresh_token"].as_str().unwrap())).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn a_confidential_client_must_authenticate() {
    let world = world().await;
    let token = issue(&world, "jwt-client").await;
    for call in [
        Call::to("/revoke").with("token", &token),
        Call::to("/revoke").with("token", &token).with("client_id", "jwt-client"),
        Call::to("/revoke").with("token", &token).basic("jwt-client", SECRET),
    ] {
        world.send(call).await.error(401, "invalid_client");
    }
    assert_eq!(world.introspect(&token).await["active"], true);
}
