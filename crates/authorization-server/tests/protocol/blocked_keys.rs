//! What an operator has blocked opens nothing, at any endpoint and wherever a client keeps its keys; and what was
//! ended while it was blocked does not come back with it.

use std::sync::Arc;

use async_trait::async_trait;
use bindery_authorization_server::{KeySetFetcher, KeySetUnavailable};
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Ask, Operator, ask, setup};
use crate::authorization::{CALLBACK, challenge};
use crate::support::{API, Call, ISSUER, World, dpop_binding, key, sign};

async fn block(world: &World, operator: &Operator, kind: &str, thumbprint: &str) {
    let asked = json!({"thumbprint": thumbprint, "kind": kind, "reason": "stolen"});
    world.administer(operator, ask(Method::POST, "/blocked-keys", asked)).await.is(201);
}

async fn unblock(world: &World, operator: &Operator, thumbprint: &str) {
    let asked = Ask::new(Method::DELETE, &format!("/blocked-keys/{thumbprint}"));
    assert!(world.administer(operator, asked).await.status.is_success());
}

#[tokio::test]
async fn rejects_an_assertion_by_a_blocked_key() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let call = |path: &str| {
        let call = Call::to(path).with("token", "unknown").assertion(world.assertion("jwt-client"));
        call.with("grant_type", "client_credentials").dpop(world.proof_with(
            &key(),
            &format!("{ISSUER}{path}"),
            None,
        ))
    };
    let paths = ["/token", "/introspect", "/revoke"];
    for path in paths {
        assert_eq!(world.send(call(path)).await.status.as_u16(), 200, "{path}");
    }
    let thumbprint = world.assertion_key.thumbprint().to_string();
    block(&world, &operator, "dpop", &thumbprint).await;
    for path in paths {
        world.send(call(path)).await.error(401, "invalid_client");
    }
    unblock(&world, &operator, &thumbprint).await;
    world.send(call("/token")).await.ok();
}

#[tokio::test]
async fn rejects_a_request_object_by_a_blocked_key() {
    let mut setup = setup();
    let own = key();
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "app", "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"],
        "redirect_uris": [CALLBACK], "scope": "read", "audiences": [API],
        "jwks": {"keys": [own.public_key().to_jwk()]},
    }));
    let world = setup.start().await;
    let operator = world.operator("operator").await;
    let push = || {
        let object = json!({
            "iss": "app", "aud": ISSUER, "client_id": "app", "exp": world.now() + 60, "response_type": "code",
            "redirect_uri": CALLBACK, "scope": "read", "code_challenge": challenge(), "code_challenge_method": "S256",
        });
        let object = sign(&own, &json!({"alg": "ES256"}), &object);
        Call::to("/par").with("client_id", "app").with("request", object)
    };
    assert_eq!(world.send(push()).await.status.as_u16(), 201);
    block(&world, &operator, "dpop", &own.thumbprint().to_string()).await;
    let refused = world.send(push()).await;
    refused.error(400, "invalid_request_object").reason("request_object_unknown_key");
}

#[tokio::test]
async fn rejects_a_blocked_certificate_at_introspection() {
    for (client, own_key) in
        [("self-signed-client", false), ("self-signed-client", true), ("pki-client", false)]
    {
        let world = setup().start().await;
        let operator = world.operator("operator").await;
        let certificate = match client {
            "pki-client" => world.pki_certificate.clone(),
            _ => world.self_signed.clone(),
        };
        let call = |path: &str| {
            let call = Call::to(path).with("client_id", client).with("token", "unknown");
            call.with("grant_type", "client_credentials").certificate(&certificate)
        };
        let paths = ["/introspect", "/revoke", "/token"];
        for path in paths {
            assert_eq!(world.send(call(path)).await.status.as_u16(), 200, "{client} {path}");
        }
        if own_key {
            // The key in the registered set: its certificate goes with it.
            let jwk = crate::support::certificate_jwk(&certificate).to_string();
            let jwk = bindery_core::jose::jwk::Jwk::parse(jwk.as_bytes()).unwrap();
            let jkt = bindery_core::jose::thumbprint::JwkThumbprint::of(&jwk.key, &bindery_crypto::AwsLc);
            block(&world, &operator, "dpop", &jkt.to_string()).await;
        } else {
            block(&world, &operator, "certificate", &certificate.thumbprint().to_string()).await;
        }
        for path in paths {
            world.send(call(path)).await.error(401, "invalid_client");
        }
    }
}

struct Served(Value);

#[async_trait]
impl KeySetFetcher for Served {
    async fn fetch(&self, _: &str) -> Result<Vec<u8>, KeySetUnavailable> {
        Ok(self.0.to_string().into_bytes())
    }
}

#[tokio::test]
async fn rejects_an_offboarded_clients_keys_behind_a_jwks_uri() {
    let (own, mut setup) = (key(), setup());
    setup.key_fetcher = Some(Arc::new(Served(json!({"keys": [own.public_key().to_jwk()]}))));
    let client = |id: &str| {
        json!({
            "client_id": id, "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://client.example/jwks", "grant_types": ["client_credentials"], "audiences": [API],
        })
    };
    setup.configuration["client"].as_array_mut().unwrap().push(client("again"));
    let world = setup.start().await;
    let operator = world.operator("operator").await;
    world.administer(&operator, ask(Method::POST, "/clients", client("partner"))).await.is(201);
    let call = |id: &str| {
        let call = Call::token("client_credentials").assertion(world.assertion_signed_by(&own, id));
        world.send(call.dpop(world.proof(&key())))
    };
    for id in ["partner", "again"] {
        call(id).await.ok();
    }
    let offboard = ask(Method::POST, "/clients/partner/offboard", json!({"reason": "contract ended"}));
    world.administer(&operator, offboard).await.is(200);
    // Under another name, behind an address that serves the same key.
    for id in ["partner", "again"] {
        call(id).await.error(401, "invalid_client");
    }
}

#[tokio::test]
async fn rejects_a_revoked_grant_after_its_key_is_unblocked() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let own = key();
    let revoke =
        |token: &str| world.send(Call::to("/revoke").with("client_id", "public-client").with("token", token));
    for ends_the_grant in [true, false] {
        let refresh = world.provision("public-client", dpop_binding(&own)).await;
        let renew = || world.send(world.refresh("public-client", &refresh).dpop(world.proof(&own)));
        let access = renew().await.ok()["access_token"].as_str().unwrap().to_owned();
        let thumbprint = own.thumbprint().to_string();
        block(&world, &operator, "dpop", &thumbprint).await;
        let revoked = if ends_the_grant { &refresh } else { &access };
        assert_eq!(revoke(revoked).await.status.as_u16(), 200);
        unblock(&world, &operator, &thumbprint).await;
        assert_eq!(world.introspect(&access).await, json!({"active": false}));
        assert_eq!(renew().await.status.is_success(), !ends_the_grant);
    }
}
