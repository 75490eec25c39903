//! What administrators do to grants, sessions, accounts, keys and initial access tokens, and what becomes of
//! those who held them.

use std::time::Duration;

use bindery_core::oauth::sender_constraint::ProvenKeys;
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::SigningKey;
use bindery_store::record::{AccountRecord, SessionRecord};
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Ask, ask, setup};
use crate::support::{Call, World, key};

fn bound_to(key: &SigningKey) -> Confirmation {
    let keys = ProvenKeys { dpop: Some(key.thumbprint()), mtls: None };
    let constraint = bindery_core::oauth::sender_constraint::SenderConstraint::Dpop;
    constraint.require(keys, UnixTime::from_seconds(0)).unwrap()
}

async fn refresh(world: &World, key: &SigningKey, token: &str) -> crate::support::Answer {
    world.send(world.refresh("public-client", token).dpop(world.proof(key))).await
}

#[tokio::test]
async fn a_revoked_grant_ends_everything_under_it() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let key = key();
    let token = world.provision("public-client", bound_to(&key)).await;
    let access = refresh(&world, &key, &token).await.ok()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.introspect(&access).await["active"], true);
    let listed = world.get(&operator, "/grants?client_id=public-client&live=true").await.is(200);
    let grant = &listed["items"][0];
    assert_eq!(grant["bound_to"]["jkt"], key.thumbprint().to_string());
    assert_eq!(grant["subject"], "alice");
    let path = format!("/grants/{}", grant["grant_id"].as_str().unwrap());
    assert_eq!(world.get(&operator, &path).await.is(200)["grant_id"], grant["grant_id"]);
    assert_eq!(world.administer(&operator, Ask::new(Method::DELETE, &path)).await.status, 204);
    refresh(&world, &key, &token).await.error(400, "invalid_grant");
    assert_eq!(world.introspect(&access).await["active"], false);
    assert!(world.get(&operator, &path).await.is(200)["revoked_at"].is_i64());
    let none = world.get(&operator, "/grants?client_id=public-client&live=true").await.is(200);
    assert_eq!(none["items"], json!([]));
    world.get(&operator, "/grants/nothing").await.problem(404, "not-found", None);
}

#[tokio::test]
async fn many_grants_are_revoked_by_a_filter_and_never_all_by_an_empty_one() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let key = key();
    for _ in 0..3 {
        world.provision("public-client", bound_to(&key)).await;
    }
    let other = world.provision("public-binding", Confirmation::Unbound).await;
    world.administer(&operator, Ask::new(Method::DELETE, "/grants")).await.problem(
        400,
        "invalid-request",
        None,
    );
    let ask = Ask::new(Method::DELETE, "/grants?client_id=public-client");
    assert_eq!(world.administer(&operator, ask).await.is(200)["revoked"], 3);
    let call = world.refresh("public-binding", &other).dpop(world.proof(&key));
    world.send(call).await.ok();
}

#[tokio::test]
async fn a_grant_is_given_to_a_key_and_shown_once() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let key = key();
    let body = json!({
        "client_id": "public-client", "subject": "bob", "scope": "read",
        "key_thumbprint": key.thumbprint().to_string(),
    });
    let given = world.administer(&operator, ask(Method::POST, "/grants", body.clone())).await.is(201);
    let token = given["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&world, &key, token).await.ok()["scope"], "read");
    for (member, value) in [
        ("client_id", json!("nobody")),
        ("subject", json!("client:jwt-client")),
        ("scope", json!("admin")),
        ("key_thumbprint", json!("short")),
    ] {
        let mut body = body.clone();
        body[member] = value;
        let answer = world.administer(&operator, ask(Method::POST, "/grants", body)).await;
        answer.problem(422, "invalid-member", Some(member));
    }
}

#[tokio::test]
async fn who_only_reads_changes_nothing() {
    let world = setup().start().await;
    let auditor = world.operator("auditor").await;
    for (method, path) in [
        (Method::POST, "/clients"),
        (Method::DELETE, "/grants?client_id=public-client"),
        (Method::POST, "/keys/rotate"),
        (Method::POST, "/initial-access-tokens"),
        (Method::POST, "/clients/jwt-client/offboard"),
    ] {
        let answer = world.administer(&auditor, ask(method, path, json!({}))).await;
        answer.error(403, "insufficient_scope");
    }
    world.get(&auditor, "/posture").await.is(200);
}

#[tokio::test]
async fn an_ended_session_takes_its_grants_with_it_and_a_disabled_account_its_sessions() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let now = UnixTime::from_seconds(world.now());
    let session = |id: &str, cookie: u8| SessionRecord {
        session_id: id.into(),
        cookie_sha256: [cookie; 32],
        subject: "alice".into(),
        details: json!({}),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(3600)),
        ended_at: None,
    };
    for (id, cookie) in [("one", 1), ("two", 2)] {
        world.store.insert_session(&session(id, cookie)).await.unwrap();
    }
    let token = world.provision("public-client", bound_to(&key())).await;
    let listed = world.get(&operator, "/grants?subject=alice").await.is(200);
    let mut grant =
        world.store.find_grant(listed["items"][0]["grant_id"].as_str().unwrap()).await.unwrap().unwrap();
    (grant.grant_id, grant.session_id) = ("in-session".into(), Some("one".into()));
    world.store.insert_grant(&grant).await.unwrap();
    assert_eq!(world.administer(&operator, Ask::new(Method::DELETE, "/sessions/one")).await.status, 204);
    assert!(world.store.find_session_by_id("one").await.unwrap().unwrap().ended_at.is_some());
    assert!(world.store.find_grant("in-session").await.unwrap().unwrap().revoked_at.is_some());
    let nothing = world.administer(&operator, Ask::new(Method::DELETE, "/sessions/none")).await;
    nothing.problem(404, "not-found", None);

    let account = AccountRecord {
        subject: "alice".into(),
        username: "alice".into(),
        password_hash: None,
        user_code_hash: None,
        claims: json!({}),
        passkeys: json!([]),
        disabled: false,
        failed_logins: 0,
        failed_at: None,
        locked_until: None,
        revision: 0,
        created_at: now,
        updated_at: now,
    };
    world.store.insert_account(&account).await.unwrap();
    let disable = Ask::new(Method::POST, "/accounts/alice/disable");
    assert_eq!(world.administer(&operator, disable).await.is(200)["disabled"], true);
    assert!(world.store.find_session_by_id("two").await.unwrap().unwrap().ended_at.is_some());
    let live = world.get(&operator, "/grants?subject=alice&live=true").await.is(200);
    assert_eq!(live["items"], json!([]), "{token:.4}");
    let enable = Ask::new(Method::POST, "/accounts/alice/enable");
    assert_eq!(world.administer(&operator, enable).await.is(200)["disabled"], false);
    assert_eq!(world.get(&operator, "/accounts").await.is(200)["items"][0]["username"], "alice");
    assert_eq!(
        world.get(&operator, "/sessions?subject=alice").await.is(200)["items"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn a_blocked_key_gets_no_token_and_opens_nothing() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let thief = world.operator("operator").await;
    let thumbprint = thief.key.thumbprint().to_string();
    world.get(&thief, "/clients").await.is(200);
    let block = json!({"thumbprint": thumbprint, "kind": "dpop", "reason": "found in a paste"});
    world.administer(&operator, ask(Method::POST, "/blocked-keys", block)).await.is(201);
    world.get(&thief, "/clients").await.error(401, "invalid_token").reason("token_inactive");
    let call = Call::token("client_credentials").assertion(world.assertion("jwt-client"));
    let call = call.with("client_id", "jwt-client").dpop(world.proof(&thief.key));
    world.send(call).await.error(400, "invalid_dpop_proof").reason("key_blocked");
    assert_eq!(world.introspect(&thief.token).await["active"], false);
    // Another process on the same store takes it over with its next round.
    let other = world.another(setup().configuration).await;
    drop(other);
    let registration = json!({
        "client_id": "again", "grant_types": [], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [thief.key.public_key().to_jwk()]},
    });
    let answer = world.administer(&operator, ask(Method::POST, "/clients", registration)).await;
    answer.problem(422, "invalid-member", Some("jwks"));
    let listed = world.get(&operator, "/blocked-keys").await.is(200);
    assert_eq!(listed["items"][0]["thumbprint"], thumbprint);
    let unblock = Ask::new(Method::DELETE, &format!("/blocked-keys/{thumbprint}"));
    assert_eq!(world.administer(&operator, unblock).await.status, 204);
    world.get(&thief, "/clients").await.is(200);
    let wrong = json!({"thumbprint": "abc", "kind": "dpop", "reason": "x"});
    let wrong = world.administer(&operator, ask(Method::POST, "/blocked-keys", wrong)).await;
    wrong.problem(422, "invalid-member", Some("thumbprint"));
    let silent = json!({"thumbprint": thumbprint, "kind": "dpop", "reason": " "});
    let silent = world.administer(&operator, ask(Method::POST, "/blocked-keys", silent)).await;
    silent.problem(422, "invalid-member", Some("reason"));
}

#[tokio::test]
async fn keys_are_rotated_and_retired_while_tokens_go_on() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let keys = world.get(&operator, "/keys").await.is(200);
    let first = keys["items"][0]["key_id"].as_str().unwrap().to_owned();
    assert_eq!(keys["items"][0]["state"], "active");
    assert!(!keys.to_string().contains("\"d\""));
    let rotated =
        world.administer(&operator, ask(Method::POST, "/keys/rotate", json!({"now": true}))).await.is(200);
    assert_eq!(rotated[0]["retired"], first.as_str());
    // What the old key signed is good until it expires.
    world.get(&operator, "/keys").await.is(200);
    let again = format!("/keys/{first}/retire");
    let again = world.administer(&operator, ask(Method::POST, &again, json!({}))).await;
    again.problem(409, "conflict", None);
    let unknown = world.administer(&operator, ask(Method::POST, "/keys/none/retire", json!({}))).await;
    unknown.problem(404, "not-found", None);
    let name =
        world.administer(&operator, ask(Method::POST, "/keys/rotate", json!({"algorithm": "HS256"}))).await;
    name.problem(422, "invalid-member", Some("algorithm"));
}

#[tokio::test]
async fn what_administrators_do_is_on_record_with_their_names() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let registration =
        json!({"client_id": "noted", "grant_types": [], "token_endpoint_auth_method": "client_secret_basic"});
    let secret = world.administer(&operator, ask(Method::POST, "/clients", registration)).await.is(201)["client_secret"].clone();
    world.administer(&operator, Ask::new(Method::POST, "/clients/noted/disable")).await.is(200);
    world.server.flush_audit().await;
    let trail = world.get(&operator, "/audit?client_id=noted").await.is(200);
    let events: Vec<&Value> = trail["items"].as_array().unwrap().iter().collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["client_registered", "client_changed"]);
    assert!(events.iter().all(|event| event["fields"]["administrator"] == "operator"), "{trail}");
    assert!(!trail.to_string().contains(secret.as_str().unwrap()));
    let page = world.get(&operator, "/audit?client_id=noted&limit=1").await.is(200);
    let next = page["next"].as_str().unwrap();
    let rest = world.get(&operator, &format!("/audit?client_id=noted&after={next}")).await.is(200);
    assert_eq!(rest["items"], json!([events[1]]));
    let changed = world.get(&operator, "/audit?event=client_changed&client_id=noted").await.is(200);
    assert_eq!(changed["items"].as_array().unwrap().len(), 1);
    let future = world.get(&operator, &format!("/audit?since={}", world.now() + 1)).await.is(200);
    assert_eq!(future["items"], json!([]));
}
