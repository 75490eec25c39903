//! Introspection (RFC 7662, RFC 9449 section 6.2, RFC 8705 section 3.2): INT rows.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::{API, Call, OTHER_API, SECRET, World, dpop_binding, key, sign, world};

const INACTIVE: &str = r#"{"active":false}"#;

async fn issue(world: &World, client: &str, key: &bindery_crypto::SigningKey) -> String {
    let call = Call::token("client_credentials").assertion(world.assertion(client)).dpop(world.proof(key));
    world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned()
}

async fn ask(world: &World, caller: &str, token: &str) -> Value {
    world.send(Call::to("/introspect").with("token", token).basic(caller, SECRET)).await.ok()
}

#[tokio::test]
async fn the_answer_carries_the_binding_for_jwt_and_opaque_tokens() {
    let world = world().await;
    let key = key();
    for client in ["jwt-client", "jwt-opaque"] {
        let token = issue(&world, client, &key).await;
        assert_eq!(token.contains('.'), client == "jwt-client");
        let answer = ask(&world, "api", &token).await;
        assert_eq!(answer["active"], true);
        assert_eq!(answer["token_type"], "DPoP");
        assert_eq!(answer["cnf"], json!({"jkt": key.thumbprint().to_string()}));
        assert_eq!((answer["client_id"].as_str(), answer["aud"].as_str()), (Some(client), Some(API)));
        assert_eq!(answer["scope"], "read write");
    }
    let call =
        Call::token("client_credentials").with("client_id", "pki-client").certificate(&world.pki_certificate);
    let body = world.send(call).await.ok();
    let answer = ask(&world, "api", body["access_token"].as_str().unwrap()).await;
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["cnf"], json!({"x5t#S256": world.pki_certificate.thumbprint().to_string()}));
}

#[tokio::test]
async fn a_resource_server_is_told_nothing_of_tokens_for_another() {
    let world = world().await;
    for client in ["jwt-client", "jwt-opaque"] {
        let token = issue(&world, client, &key()).await;
        assert_eq!(ask(&world, "other-api", &token).await.to_string(), INACTIVE);
        assert_eq!(ask(&world, "basic-client", &token).await.to_string(), INACTIVE, "a client posing as one");
        assert_eq!(ask(&world, "api", &token).await["active"], true);
    }
    let call = Call::token("client_credentials")
        .assertion(world.assertion("jwt-client"))
        .with("resource", OTHER_API)
        .dpop(world.proof(&key()));
    let token = world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&world, "api", &token).await.to_string(), INACTIVE);
    assert_eq!(ask(&world, "other-api", &token).await["active"], true);
}

#[tokio::test]
async fn unknown_malformed_expired_and_forged_tokens_get_the_same_bytes() {
    let world = world().await;
    let key = key();
    let good = issue(&world, "jwt-client", &key).await;
    let opaque = issue(&world, "jwt-opaque", &key).await;
    let forged = {
        let claims = serde_json::to_value(crate::support::claims(&json!(good))).unwrap();
        sign(&key, &json!({"alg": "ES256", "typ": "at+jwt"}), &claims)
    };
    let retyped = {
        let mut segments: Vec<_> = good.split('.').map(str::to_owned).collect();
        segments[0] = bindery_core::encoding::base64url::encode(r#"{"alg":"ES256","typ":"JWT"}"#);
        segments.join(".")
    };
    for token in ["unknown", "a.b.c", &forged, &retyped, &world.proof(&key), &world.assertion("jwt-client")] {
        let answer = world.send(Call::to("/introspect").with("token", token).basic("api", SECRET)).await;
        answer.no_store();
        assert_eq!(answer.ok().to_string(), INACTIVE);
    }
    world.advance(300);
    for token in [&good, &opaque] {
        assert_eq!(ask(&world, "api", token).await.to_string(), INACTIVE);
    }
}

#[tokio::test]
async fn a_wrong_hint_finds_the_token_all_the_same() {
    let world = world().await;
    let token = issue(&world, "jwt-opaque", &key()).await;
    for hint in ["refresh_token", "access_token", "nonsense"] {
        let call =
            Call::to("/introspect").with("token", &token).with("token_type_hint", hint).basic("api", SECRET);
        assert_eq!(world.send(call).await.ok()["active"], true);
    }
}

#[tokio::test]
async fn the_caller_must_authenticate_and_saying_a_name_is_not_enough() {
    let world = world().await;
    let token = issue(&world, "jwt-client", &key()).await;
    let ask = || Call::to("/introspect").with("token", &token);
    world.send(ask()).await.error(401, "invalid_client");
    world.send(ask().basic("api", "wrong")).await.error(401, "invalid_client");
    world.send(ask().with("client_id", "public-client")).await.error(401, "invalid_client");
    world.send(ask().with("client_id", "api")).await.error(401, "invalid_client");
    world.send(ask().header("authorization", format!("DPoP {token}"))).await.error(401, "invalid_client");
    let get = Request::get(format!("/introspect?token={token}")).body(Body::empty()).unwrap();
    assert_eq!(world.dispatch(get, None).await.status.as_u16(), 405);
}

#[tokio::test]
async fn a_stray_proof_is_not_the_tokens_proof_and_not_looked_at() {
    let world = world().await;
    let token = issue(&world, "jwt-client", &key()).await;
    let ask = |proof: String| {
        world.send(Call::to("/introspect").with("token", &token).basic("api", SECRET).dpop(proof))
    };
    assert_eq!(ask(world.proof(&key())).await.ok()["active"], true);
    assert_eq!(ask("garbage".into()).await.ok()["active"], true);
}

#[tokio::test]
async fn a_refresh_token_is_shown_to_its_own_client_alone() {
    let world = world().await;
    let token = world.provision("jwt-client", dpop_binding(&key())).await;
    assert_eq!(ask(&world, "api", &token).await.to_string(), INACTIVE);
    let own = Call::to("/introspect").with("token", &token).assertion(world.assertion("jwt-client"));
    let answer = world.send(own).await.ok();
    assert_eq!(answer["active"], true);
    assert!(answer.get("token_type").is_none());
}
