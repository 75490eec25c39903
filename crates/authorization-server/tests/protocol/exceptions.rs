//! An exception from sender constraint ends at its date, everywhere: no bearer token is issued, renewed,
//! reported as alive or taken at userinfo from that second on, and nothing is left to remember to end it.

use axum::body::Body;
use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::AwsLc;
use http::Request;
use serde_json::{Value, json};

use crate::administration::setup;
use crate::support::{API, Answer, Call, SECRET, START, World, key};

/// The second from which on the exception does not count.
const END: i64 = START + 700;

async fn world(format: &str) -> World {
    let mut setup = setup();
    setup.configuration["openid"] = json!(true);
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "legacy", "client_secret_sha256": base64url::encode(AwsLc.sha256(&[SECRET.as_bytes()])),
        "grant_types": ["client_credentials", "refresh_token"], "scope": "openid read", "audiences": [API],
        "access_token_format": format, "sender_constraint": "none",
        "sender_constraint_reason": "the partner moves in spring", "sender_constraint_until": END,
    }));
    setup.start().await
}

async fn refresh(world: &World, token: &str) -> Answer {
    let call = Call::token("refresh_token").with("refresh_token", token).basic("legacy", SECRET);
    world.send(call).await
}

async fn userinfo(world: &World, token: &str) -> Answer {
    let request = Request::get("/userinfo").header("authorization", format!("Bearer {token}"));
    world.dispatch(request.body(Body::empty()).unwrap(), None).await
}

fn access(answer: Value) -> String {
    assert_eq!(answer["token_type"], "Bearer");
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_bearer_token_ends_with_its_exception_at_every_door() {
    for format in ["jwt", "opaque"] {
        let world = world(format).await;
        let grant = world.provision("legacy", Confirmation::Unbound).await;
        // Issued so late that its usual life would reach beyond the end.
        world.clock.advance(std::time::Duration::from_secs(u64::try_from(END - 100 - world.now()).unwrap()));
        let renewed = refresh(&world, &grant).await.ok();
        assert_eq!(renewed["expires_in"], 100);
        let token = access(renewed);
        let own = access(world.send(Call::token("client_credentials").basic("legacy", SECRET)).await.ok());
        world.advance(99);
        assert_eq!(userinfo(&world, &token).await.ok()["sub"], "alice", "{format}");
        for token in [&token, &own] {
            assert_eq!(world.introspect(token).await["active"], true, "{format}");
        }
        world.advance(1);
        assert_eq!(world.now(), END);
        refresh(&world, &grant).await.error(400, "invalid_request");
        world
            .send(Call::token("client_credentials").basic("legacy", SECRET))
            .await
            .error(400, "invalid_request");
        assert_eq!(userinfo(&world, &token).await.status, 401, "{format}");
        for token in [&token, &own] {
            assert_eq!(world.introspect(token).await["active"], false, "{format}");
        }
        // With a key the client goes on, and its tokens are bound.
        let call = Call::token("refresh_token").with("refresh_token", &grant).basic("legacy", SECRET);
        let bound = world.send(call.dpop(world.proof(&key()))).await.ok();
        assert_eq!(bound["token_type"], "DPoP");
    }
}

#[tokio::test]
async fn an_exception_ended_early_ends_the_tokens_that_are_out() {
    for format in ["jwt", "opaque"] {
        let mut setup = setup();
        setup.configuration["openid"] = json!(true);
        let world = setup.start().await;
        let operator = world.operator("operator").await;
        let registration = json!({
            "client_id": "legacy", "grant_types": ["refresh_token"], "scope": "openid", "audiences": [API],
            "client_secret_sha256": base64url::encode(AwsLc.sha256(&[SECRET.as_bytes()])),
            "access_token_format": format, "sender_constraint": "none", "sender_constraint_reason": "old",
            "sender_constraint_until": END,
        });
        let create = crate::administration::ask(http::Method::POST, "/clients", registration);
        world.administer(&operator, create).await.is(201);
        let grant = world.provision("legacy", Confirmation::Unbound).await;
        let token = access(refresh(&world, &grant).await.ok());
        userinfo(&world, &token).await.ok();
        let policy = json!({"sender_constraint": "dpop"});
        let policy = crate::administration::ask(http::Method::PUT, "/clients/legacy/policy", policy);
        world.administer(&operator, policy.header("if-match", "*")).await.is(200);
        userinfo(&world, &token).await.error(401, "invalid_token").reason("token_inactive");
        assert_eq!(world.introspect(&token).await["active"], false, "{format}");
        refresh(&world, &grant).await.error(400, "invalid_dpop_proof");
    }
}

/// POST to userinfo with this form, and a token in the header too if there is one.
async fn userinfo_by_form(world: &World, body: String, header: Option<&str>) -> Answer {
    let mut request =
        Request::post("/userinfo").header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    if let Some(token) = header {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    world.dispatch(request.body(Body::from(body)).unwrap(), None).await
}

#[tokio::test]
async fn a_form_brings_a_bearer_token_to_userinfo_in_plain_openid_connect_alone_and_never_a_second_or_bound_one()
 {
    for profile in ["openid", "oauth2.1"] {
        let mut setup = setup();
        setup.configuration["openid"] = json!(true);
        setup.configuration["profile"] = json!(profile);
        setup.configuration["client"].as_array_mut().unwrap().push(json!({
            "client_id": "legacy", "client_secret_sha256": base64url::encode(AwsLc.sha256(&[SECRET.as_bytes()])),
            "grant_types": ["refresh_token"], "scope": "openid", "audiences": [API],
            "sender_constraint": "none", "sender_constraint_reason": "certification",
            "sender_constraint_until": END,
        }));
        let world = setup.start().await;
        let grant = world.provision("legacy", Confirmation::Unbound).await;
        let token = access(refresh(&world, &grant).await.ok());
        let body = format!("access_token={token}");
        let answer = userinfo_by_form(&world, body.clone(), None).await;
        if profile == "oauth2.1" {
            assert_eq!(answer.status, 401, "the header is the one place");
            continue;
        }
        assert_eq!(answer.ok()["sub"], "alice");
        userinfo_by_form(&world, body.clone(), Some(&token)).await.error(400, "invalid_request");
        assert_eq!(userinfo_by_form(&world, format!("{body}&{body}"), None).await.status, 401);
        assert_eq!(userinfo_by_form(&world, format!("{body}%0d%0aX:%20y"), None).await.status, 401);
        assert_eq!(
            userinfo_by_form(&world, format!("{body}&x={}", "y".repeat(30_000)), None).await.status,
            401
        );
        let call = Call::token("refresh_token").with("refresh_token", &grant).basic("legacy", SECRET);
        let bound = world.send(call.dpop(world.proof(&key()))).await.ok();
        let body = format!("access_token={}", bound["access_token"].as_str().unwrap());
        assert_eq!(userinfo_by_form(&world, body, None).await.status, 401, "without its key");
    }
}

#[tokio::test]
async fn an_exception_is_on_the_record_with_its_reason_and_its_end() {
    let world = world("jwt").await;
    let operator = world.operator("operator").await;
    let posture = world.get(&operator, "/posture").await.is(200);
    let exceptions = posture["exceptions"].as_array().unwrap();
    let legacy = exceptions.iter().find(|one| one["client_id"] == "legacy").unwrap();
    assert_eq!((&legacy["reason"], &legacy["until"]), (&json!("the partner moves in spring"), &json!(END)));
}
