//! Every change that the administration offers leaves a record that names who made it. The table of operations
//! is the OpenAPI document's; an operation that is not here yet fails the test.

use std::collections::BTreeMap;
use std::time::Duration;

use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_store::record::{AuditFilter, SessionRecord};
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Ask, Operator, ask, setup};
use crate::support::{World, key};

/// What the operations act on.
async fn prepare(world: &World, operator: &Operator) {
    for id in ["one", "two"] {
        let client =
            json!({"client_id": id, "grant_types": [], "token_endpoint_auth_method": "client_secret_basic"});
        world.administer(operator, ask(Method::POST, "/clients", client)).await.is(201);
    }
    world.account("alice", "correct horse battery staple").await;
    let now = UnixTime::from_seconds(world.now());
    let session = SessionRecord {
        session_id: "session".into(),
        cookie_sha256: [1; 32],
        subject: "alice".into(),
        details: json!({}),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(3600)),
        ended_at: None,
    };
    world.store.insert_session(&session).await.unwrap();
    world.provision("public-client", Confirmation::Dpop(key().thumbprint())).await;
}

/// A request of each operation that succeeds, and the event that it leaves.
async fn requests(world: &World, operator: &Operator) -> BTreeMap<&'static str, (Ask, &'static str)> {
    let subject = world.store.find_account_by_username("alice").await.unwrap().unwrap().subject;
    let grants = world.get(operator, "/grants?client_id=public-client").await.is(200);
    let grant = grants["items"][0]["grant_id"].as_str().unwrap().to_owned();
    let label = json!({"label": "a partner"});
    let made = world.administer(operator, ask(Method::POST, "/initial-access-tokens", label.clone())).await;
    let initial = made.is(201)["id"].as_str().unwrap().to_owned();
    let keys = world.get(operator, "/keys").await.is(200);
    let kid = keys["items"][0]["key_id"].as_str().unwrap().to_owned();
    let thumbprint = key().thumbprint().to_string();
    let blocked = json!({"thumbprint": key().thumbprint().to_string(), "kind": "dpop", "reason": "a test"});
    world.administer(operator, ask(Method::POST, "/blocked-keys", blocked.clone())).await.is(201);
    let blocked = blocked["thumbprint"].as_str().unwrap().to_owned();
    let plain = |method: Method, path: String| Ask::new(method, &path);
    let any = |ask: Ask| ask.header("if-match", "*");
    let registration = |id: &str| json!({"client_id": id, "grant_types": [], "token_endpoint_auth_method": "client_secret_basic"});
    let patch = any(ask(Method::PATCH, "/clients/one", json!({"client_name": "One"})));
    BTreeMap::from([
        ("createClient", (ask(Method::POST, "/clients", registration("three")), "client_registered")),
        ("replaceClient", (any(ask(Method::PUT, "/clients/one", registration("one"))), "client_changed")),
        ("patchClient", (patch.header("content-type", "application/merge-patch+json"), "client_changed")),
        (
            "setClientPolicy",
            (
                any(ask(Method::PUT, "/clients/one/policy", json!({"sender_constraint": "dpop"}))),
                "client_changed",
            ),
        ),
        ("rotateClientSecret", (ask(Method::POST, "/clients/one/secret", json!({})), "client_changed")),
        ("disableClient", (plain(Method::POST, "/clients/one/disable".into()), "client_changed")),
        ("enableClient", (plain(Method::POST, "/clients/one/enable".into()), "client_changed")),
        (
            "offboardClient",
            (ask(Method::POST, "/clients/two/offboard", json!({"reason": "over"})), "client_offboarded"),
        ),
        ("deleteClient", (any(plain(Method::DELETE, "/clients/one".into())), "client_deleted")),
        (
            "createGrant",
            (
                ask(
                    Method::POST,
                    "/grants",
                    json!({
                        "client_id": "public-client", "subject": "bob", "key_thumbprint": thumbprint,
                    }),
                ),
                "grant_provisioned",
            ),
        ),
        ("revokeGrant", (plain(Method::DELETE, format!("/grants/{grant}")), "grant_revoked")),
        ("revokeGrants", (plain(Method::DELETE, "/grants?subject=bob".into()), "grants_revoked")),
        ("endSession", (plain(Method::DELETE, "/sessions/session".into()), "session_ended_by_administrator")),
        (
            "disableAccount",
            (plain(Method::POST, format!("/accounts/{subject}/disable")), "account_changed_by_administrator"),
        ),
        (
            "enableAccount",
            (plain(Method::POST, format!("/accounts/{subject}/enable")), "account_changed_by_administrator"),
        ),
        ("rotateKeys", (ask(Method::POST, "/keys/rotate", json!({})), "issuer_key_changed")),
        ("retireKey", (ask(Method::POST, &format!("/keys/{kid}/retire"), json!({})), "issuer_key_changed")),
        (
            "blockKey",
            (
                ask(
                    Method::POST,
                    "/blocked-keys",
                    json!({
                        "thumbprint": thumbprint, "kind": "dpop", "reason": "a test",
                    }),
                ),
                "key_blocked",
            ),
        ),
        ("unblockKey", (plain(Method::DELETE, format!("/blocked-keys/{blocked}")), "key_unblocked")),
        (
            "createInitialAccessToken",
            (ask(Method::POST, "/initial-access-tokens", label), "initial_access_token_made"),
        ),
        (
            "revokeInitialAccessToken",
            (
                plain(Method::DELETE, format!("/initial-access-tokens/{initial}")),
                "initial_access_token_revoked",
            ),
        ),
    ])
}

async fn recorded(world: &World, event: &str) -> Vec<Value> {
    world.server.flush_audit().await;
    let filter = AuditFilter { event: Some(event.into()), ..AuditFilter::default() };
    let records = world.store.list_audit(&filter, None, 1000).await.unwrap();
    records.into_iter().map(|record| record.fields).collect()
}

#[tokio::test]
async fn every_administrative_change_names_its_administrator() {
    let mut setup = setup();
    setup.configuration["registration"] = json!({"access": "initial_access_token"});
    let world = setup.start().await;
    let operator = world.operator("operator").await;
    prepare(&world, &operator).await;
    let mut requests = requests(&world, &operator).await;
    let document = world.get(&operator, "/openapi.json").await.is(200);
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
    let changes = operations.filter(|(method, _)| method.as_str() != "get");
    let mut names: Vec<&str> =
        changes.map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
    // What ends a thing comes after what changes it.
    names.sort_by_key(|name| (name.starts_with("delete"), name.starts_with("revoke")));
    for name in names {
        let (ask, event) = requests.remove(name).unwrap_or_else(|| panic!("{name} is not tried here"));
        let before = recorded(&world, event).await.len();
        let answer = world.administer(&operator, ask).await;
        assert!(answer.status.is_success(), "{name}: {} {}", answer.status, answer.body);
        let after = recorded(&world, event).await;
        assert!(after.len() > before, "{name} leaves no {event}");
        for fields in &after[before..] {
            assert_eq!(fields["administrator"], "operator", "{name}: {fields}");
        }
    }
    assert!(requests.is_empty(), "no such operations: {:?}", requests.keys());
}
