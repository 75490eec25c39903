//! Clients through the administration: what is registered works at once, what is changed counts from the next
//! request on, and nobody changes what somebody else has changed meanwhile.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::AwsLc;
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Ask, Operator, ask, setup};
use crate::support::{API, Answer, Call, START, World, key};

async fn ready() -> (World, Operator) {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    (world, operator)
}

fn batch() -> Value {
    json!({
        "client_id": "batch", "grant_types": ["client_credentials", "refresh_token"], "audiences": [API],
        "scope": "read", "token_endpoint_auth_method": "client_secret_basic",
    })
}

async fn create(world: &World, operator: &Operator, registration: Value) -> (String, String) {
    let answer = world.administer(operator, ask(Method::POST, "/clients", registration)).await;
    let tag = answer.headers["etag"].to_str().unwrap().to_owned();
    let secret = answer.is(201)["client_secret"].as_str().unwrap_or_default().to_owned();
    (secret, tag)
}

async fn token(world: &World, secret: &str) -> Answer {
    let key = key();
    world.send(Call::token("client_credentials").basic("batch", secret).dpop(world.proof(&key))).await
}

#[tokio::test]
async fn a_registered_client_works_and_its_secret_is_shown_once() {
    let (world, operator) = ready().await;
    let (secret, tag) = create(&world, &operator, batch()).await;
    token(&world, &secret).await.ok();
    let answer = world.get(&operator, "/clients/batch").await;
    assert_eq!(answer.headers["etag"], tag.as_str());
    let shown = answer.is(200);
    assert_eq!(shown["has_secret"], true);
    assert_eq!(shown["registered_by"], "operator");
    assert_eq!(shown["source"], "store");
    let digest = base64url::encode(AwsLc.sha256(&[secret.as_bytes()]));
    assert!(!shown.to_string().contains(&secret) && !shown.to_string().contains(&digest));
    let second = world.administer(&operator, ask(Method::POST, "/clients", batch())).await;
    second.problem(409, "conflict", None);
}

#[tokio::test]
async fn rejects_a_registration_that_the_server_would_not_run() {
    let (world, operator) = ready().await;
    let refused = async |changes: Value, member: &str| {
        let mut registration = batch();
        crate::support::merge(&mut registration, &changes);
        let answer = world.administer(&operator, ask(Method::POST, "/clients", registration)).await;
        answer.problem(422, "invalid-member", Some(member));
    };
    refused(json!({"grant_type": ["client_credentials"]}), "grant_type").await;
    refused(json!({"grant_types": ["password"]}), "grant_types").await;
    refused(json!({"token_endpoint_auth_method": "private_key_jwt"}), "jwks").await;
    refused(
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://a.example/k"}),
        "jwks_uri",
    )
    .await;
    refused(json!({"sender_constraint": "none"}), "sender_constraint_reason").await;
    refused(
        json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=a"}),
        "trust_anchors",
    )
    .await;
    assert_eq!(world.get(&operator, "/clients/batch").await.status, 404);
}

#[tokio::test]
async fn a_change_names_the_state_that_it_changes() {
    let (world, operator) = ready().await;
    let (secret, first) = create(&world, &operator, batch()).await;
    let patch = |tag: Option<&str>, changes: Value| {
        let ask = ask(Method::PATCH, "/clients/batch", changes);
        let ask = ask.header("content-type", "application/merge-patch+json");
        match tag {
            Some(tag) => ask.header("if-match", tag),
            None => ask,
        }
    };
    let narrower = json!({"scope": null, "client_name": "Nightly batch"});
    let without = world.administer(&operator, patch(None, narrower.clone())).await;
    without.problem(428, "if-match-required", Some("If-Match"));
    let changed = world.administer(&operator, patch(Some(&first), narrower.clone())).await;
    let second = changed.headers["etag"].to_str().unwrap().to_owned();
    assert_ne!(first, second);
    let changed = changed.is(200);
    assert_eq!(changed["metadata"]["client_name"], "Nightly batch");
    assert!(changed["metadata"].get("scope").is_none());
    let late = world.administer(&operator, patch(Some(&first), json!({"scope": "write"}))).await;
    late.problem(412, "changed-meanwhile", Some("If-Match"));
    // The secret stays, and the change counts at once.
    assert!(token(&world, &secret).await.ok().get("scope").is_none());
    let put = ask(Method::PUT, "/clients/batch", json!({"grant_types": [], "scope": "read"}));
    world.administer(&operator, put.header("if-match", second)).await.is(200);
    token(&world, &secret).await.error(400, "unauthorized_client");
    let renamed = ask(Method::PUT, "/clients/batch", json!({"client_id": "other", "grant_types": []}));
    let renamed = world.administer(&operator, renamed.header("if-match", "*")).await;
    renamed.problem(422, "invalid-member", Some("client_id"));
}

#[tokio::test]
async fn what_a_client_holds_dies_with_it() {
    let (world, operator) = ready().await;
    let (secret, _) = create(&world, &operator, batch()).await;
    let access = token(&world, &secret).await.ok()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.introspect(&access).await["active"], true);
    let disable = || Ask::new(Method::POST, "/clients/batch/disable");
    assert_eq!(world.administer(&operator, disable()).await.is(200)["disabled"], true);
    token(&world, &secret).await.error(401, "invalid_client");
    assert_eq!(world.introspect(&access).await["active"], false);
    world.administer(&operator, Ask::new(Method::POST, "/clients/batch/enable")).await.is(200);
    assert_eq!(world.introspect(&access).await["active"], true);
    let delete = Ask::new(Method::DELETE, "/clients/batch");
    assert_eq!(world.administer(&operator, delete.header("if-match", "*")).await.status, 204);
    token(&world, &secret).await.error(401, "invalid_client");
    assert_eq!(world.introspect(&access).await["active"], false);
    world.get(&operator, "/clients/batch").await.problem(404, "not-found", None);
}

#[tokio::test]
async fn two_secrets_work_until_the_old_one_ends() {
    let (world, operator) = ready().await;
    let (old, _) = create(&world, &operator, batch()).await;
    let rotate = async |body: Value| {
        let answer = world.administer(&operator, ask(Method::POST, "/clients/batch/secret", body)).await;
        answer.is(200)["client_secret"].as_str().unwrap().to_owned()
    };
    let until = world.now() + 100;
    let new = rotate(json!({"keep_old_until": until})).await;
    assert_eq!(world.get(&operator, "/clients/batch").await.is(200)["former_secret_until"], until);
    token(&world, &old).await.ok();
    token(&world, &new).await.ok();
    world.advance(100);
    token(&world, &old).await.error(401, "invalid_client");
    token(&world, &new).await.ok();
    let newest = rotate(json!({})).await;
    token(&world, &new).await.error(401, "invalid_client");
    token(&world, &newest).await.ok();
    for until in [world.now(), world.now() + 91 * 24 * 3600] {
        let body = ask(Method::POST, "/clients/batch/secret", json!({"keep_old_until": until}));
        world.administer(&operator, body).await.problem(422, "invalid-member", Some("keep_old_until"));
    }
}

#[tokio::test]
async fn an_exception_has_reason_and_end_and_stops_at_its_end() {
    let (world, operator) = ready().await;
    let (secret, tag) = create(&world, &operator, batch()).await;
    let bearer = async || world.send(Call::token("client_credentials").basic("batch", &secret)).await;
    bearer().await.error(400, "invalid_request");
    let policy = |body: Value| ask(Method::PUT, "/clients/batch/policy", body).header("if-match", "*");
    let until = START + 500;
    for (body, member) in [
        (json!({"sender_constraint": "none", "sender_constraint_until": until}), "sender_constraint_reason"),
        (json!({"sender_constraint": "none", "sender_constraint_reason": "old"}), "sender_constraint_until"),
    ] {
        world.administer(&operator, policy(body)).await.problem(422, "invalid-member", Some(member));
    }
    let exception = json!({
        "sender_constraint": "none", "sender_constraint_reason": "the partner moves in spring",
        "sender_constraint_until": until,
    });
    let stale = ask(Method::PUT, "/clients/batch/policy", exception.clone()).header("if-match", "\"other\"");
    world.administer(&operator, stale).await.problem(412, "changed-meanwhile", Some("If-Match"));
    let set = ask(Method::PUT, "/clients/batch/policy", exception).header("if-match", tag);
    world.administer(&operator, set).await.is(200);
    let listed = world.get(&operator, "/clients?sender_constraint=none").await.is(200);
    let names: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|one| one["client_id"].clone()).collect();
    assert!(names.contains(&json!("batch")) && !names.contains(&json!("operator")), "{names:?}");
    let issued = bearer().await.ok();
    assert_eq!(issued["token_type"], "Bearer");
    // No bearer token outlives its exception, whatever the usual lifetime.
    world.advance(200);
    let issued = bearer().await.ok();
    assert_eq!(issued["expires_in"], until - world.now());
    let access = issued["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.introspect(&access).await["active"], true);
    // Ended early, it ends for what is out already.
    let ended = json!({"sender_constraint": "any"});
    world.administer(&operator, policy(ended)).await.is(200);
    assert_eq!(world.introspect(&access).await["active"], false);
    bearer().await.error(400, "invalid_request");
}

#[tokio::test]
async fn clients_of_the_configuration_are_shown_and_not_changed() {
    let (world, operator) = ready().await;
    let shown = world.get(&operator, "/clients/basic-client").await.is(200);
    assert_eq!(shown["source"], "configuration");
    assert!(shown["metadata"].get("client_secret_sha256").is_none());
    for (method, path) in
        [(Method::POST, "/clients/basic-client/secret"), (Method::DELETE, "/clients/basic-client")]
    {
        let asked = ask(method, path, json!({})).header("if-match", "*");
        let answer = world.administer(&operator, asked).await;
        answer.problem(409, "read-only", Some("client_id"));
    }
    let mut same = batch();
    same["client_id"] = json!("basic-client");
    let answer = world.administer(&operator, ask(Method::POST, "/clients", same)).await;
    answer.problem(409, "read-only", Some("client_id"));
}

#[tokio::test]
async fn lists_come_in_pages_that_join_without_gaps() {
    let (world, operator) = ready().await;
    let all = world.get(&operator, "/clients?limit=500").await.is(200);
    assert!(all.get("next").is_none());
    let mut joined = Vec::new();
    let mut path = "/clients?limit=4".to_owned();
    loop {
        let page = world.get(&operator, &path).await.is(200);
        joined.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => path = format!("/clients?limit=4&after={next}"),
            None => break,
        }
    }
    assert_eq!(json!(joined), all["items"]);
    for query in ["limit=0", "limit=501", "limit=x", "lmit=5"] {
        let answer = world.get(&operator, &format!("/clients?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn rejects_bodies_of_another_type_twice_said_or_too_long() {
    let (world, operator) = ready().await;
    let send = async |content_type: &'static str, body: &str| {
        let path = "/clients";
        let target = format!("{}{path}", crate::administration::ADMIN);
        let proof = world.resource_proof(&operator.key, "POST", &target, &operator.token);
        let request = http::Request::post("/admin/v1/clients")
            .header("content-type", content_type)
            .header("authorization", format!("DPoP {}", operator.token))
            .header("dpop", proof)
            .body(axum::body::Body::from(body.to_owned()))
            .unwrap();
        world.dispatch(request, None).await
    };
    let good = batch().to_string();
    send("text/plain", &good).await.problem(415, "unsupported-media-type", Some("Content-Type"));
    let twice = good.replacen('{', "{\"client_id\":\"x\",", 1);
    send("application/json", &twice).await.problem(400, "invalid-request", Some("body"));
    let long = format!("{{\"client_name\":\"{}\"}}", "a".repeat(65 * 1024));
    send("application/json", &long).await.problem(400, "invalid-request", Some("body"));
    send("application/json", "[]").await.problem(400, "invalid-request", Some("body"));
    send("application/json; charset=utf-8", &good).await.is(201);
}

#[tokio::test]
async fn shows_no_digest_of_a_secret_that_the_configuration_holds() {
    let mut setup = setup();
    let digest = base64url::encode(AwsLc.sha256(&[b"the secret before"]));
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    let basic = clients.iter_mut().find(|client| client["client_id"] == "basic-client").unwrap();
    basic["previous_client_secret_sha256"] = digest.clone().into();
    basic["previous_client_secret_until"] = (START + 1000).into();
    let current = basic["client_secret_sha256"].as_str().unwrap().to_owned();
    let world = setup.start().await;
    let auditor = world.operator("auditor").await;
    let shown = world.get(&auditor, "/clients/basic-client").await.is(200).to_string();
    assert!(!shown.contains(&digest) && !shown.contains(&current), "{shown}");
}
