//! Several change one client at the same moment, at nodes that share nothing but the store: nobody overwrites
//! what he has not seen, and what must happen at once (disabling, offboarding) happens whatever others do.

use bindery_store::authorization::ClientStore as _;
use bindery_store::record::ClientRecord;
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Ask, Operator, ask, setup};
use crate::outage::Outage;
use crate::registration::{machine, management, open};
use crate::support::{API, key};

/// A client called `batch`, and an administrator at this node.
async fn ready() -> (Outage, Operator) {
    let outage = Outage::of(setup()).await;
    let operator = outage.world.operator("operator").await;
    let batch = json!({
        "client_id": "batch", "grant_types": ["client_credentials"], "audiences": [API], "scope": "read",
        "token_endpoint_auth_method": "client_secret_basic",
    });
    outage.world.administer(&operator, ask(Method::POST, "/clients", batch)).await.is(201);
    (outage, operator)
}

/// What the administrator at the other node does.
fn renamed(record: &mut ClientRecord) {
    record.metadata["client_name"] = json!("Renamed at the other node");
}

impl Outage {
    async fn stored(&self, client_id: &str) -> ClientRecord {
        self.store.find_client(client_id).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn an_administrator_overwrites_nothing_that_another_node_has_changed_meanwhile() {
    let (outage, operator) = ready().await;
    let registration = json!({
        "grant_types": [], "audiences": [API], "token_endpoint_auth_method": "client_secret_basic",
    });
    let any = |ask: Ask| ask.header("if-match", "*");
    let patch = ask(Method::PATCH, "/clients/batch", json!({"scope": null}));
    let calls: [(&str, Ask); 6] = [
        ("update_client", any(ask(Method::PUT, "/clients/batch", registration))),
        ("update_client", any(patch).header("content-type", "application/merge-patch+json")),
        (
            "update_client",
            any(ask(Method::PUT, "/clients/batch/policy", json!({"sender_constraint": "dpop"}))),
        ),
        ("update_client", ask(Method::POST, "/clients/batch/secret", json!({}))),
        ("update_client", Ask::new(Method::POST, "/clients/batch/enable")),
        ("delete_client", any(Ask::new(Method::DELETE, "/clients/batch"))),
    ];
    for (operation, call) in calls {
        let (path, before) = (call.path.clone(), outage.stored("batch").await);
        outage.store.change_before(operation, "batch", renamed);
        outage.world.administer(&operator, call).await.problem(412, "changed-meanwhile", Some("If-Match"));
        assert!(outage.store.nothing_waits(), "{path}");
        let mut expected = ClientRecord { revision: before.revision + 1, ..before };
        renamed(&mut expected);
        assert_eq!(outage.stored("batch").await, expected, "{path}");
    }
}

#[tokio::test]
async fn two_states_of_a_client_within_one_second_have_two_tags() {
    let (outage, operator) = ready().await;
    let tag = async || {
        let shown = outage.world.get(&operator, "/clients/batch").await;
        shown.headers["etag"].to_str().unwrap().to_owned()
    };
    // A new secret changes nothing that is shown.
    let first = tag().await;
    let rotate = ask(Method::POST, "/clients/batch/secret", json!({}));
    outage.world.administer(&operator, rotate).await.is(200);
    assert_ne!(first, tag().await);
    let delete = Ask::new(Method::DELETE, "/clients/batch").header("if-match", first);
    outage.world.administer(&operator, delete).await.problem(412, "changed-meanwhile", Some("If-Match"));
}

#[tokio::test]
async fn disabling_and_offboarding_happen_whatever_others_change() {
    let (outage, operator) = ready().await;
    outage.store.change_before("disable_client", "batch", renamed);
    let disable = Ask::new(Method::POST, "/clients/batch/disable");
    let shown = outage.world.administer(&operator, disable).await.is(200);
    assert_eq!(
        (&shown["disabled"], &shown["metadata"]["client_name"]),
        (&json!(true), &json!("Renamed at the other node"))
    );
    outage.store.change_before("update_client", "batch", |record| record.disabled = false);
    let offboard = ask(Method::POST, "/clients/batch/offboard", json!({"reason": "contract ended"}));
    let done = outage.world.administer(&operator, offboard).await.is(200);
    assert!(outage.store.nothing_waits());
    assert_eq!(done["verification"]["nothing_works"], true, "{done}");
    assert!(outage.stored("batch").await.disabled);
}

#[tokio::test]
async fn a_client_that_changes_itself_overwrites_nothing_of_the_operators() {
    let outage = Outage::of(open()).await;
    let world = &outage.world;
    let registered = world.register(&machine()).await.is(201);
    let id = registered["client_id"].as_str().unwrap();
    let (path, token) = management(&registered);
    let asked =
        json!({"client_id": id, "grant_types": ["client_credentials"], "client_name": "Another machine"});
    outage.store.change_before("update_client", id, |record| {
        record.metadata["sender_constraint"] = json!("mtls");
    });
    let changed = world.send_json(Method::PUT, &path, Some(&token), Some(&asked)).await.is(200);
    assert!(outage.store.nothing_waits());
    assert_eq!(changed["client_name"], "Another machine");
    assert_eq!(outage.stored(id).await.metadata["sender_constraint"], "mtls");
}

#[tokio::test]
async fn a_registration_access_token_that_was_replaced_meanwhile_changes_nothing() {
    let outage = Outage::of(open()).await;
    let world = &outage.world;
    let registered = world.register(&machine()).await.is(201);
    let id = registered["client_id"].as_str().unwrap();
    let (path, token) = management(&registered);
    let asked = json!({"client_id": id, "grant_types": ["client_credentials"], "client_name": "The second"});
    // The same token at another node, where it was first.
    outage.store.change_before("update_client", id, |record| {
        record.metadata["client_name"] = json!("The first");
        record.registration["registration_access_token_sha256"] = Value::Null;
    });
    let late = world.send_json(Method::PUT, &path, Some(&token), Some(&asked)).await;
    late.error(401, "invalid_token");
    assert_eq!(outage.stored(id).await.metadata["client_name"], "The first");
}

#[tokio::test]
async fn a_client_that_is_used_while_it_is_removed_as_unused_stays() {
    let mut setup = open();
    setup.configuration["registration"]["unused_lifetime"] = json!(1000);
    let outage = Outage::of(setup).await;
    let world = &outage.world;
    let registered = world.register(&machine()).await.is(201);
    let id = registered["client_id"].as_str().unwrap();
    world.advance(1000);
    outage.store.change_before("delete_client", id, |record| {
        record.registration.as_object_mut().unwrap().remove("unused_until");
    });
    world.server.maintain().await.unwrap();
    assert!(outage.store.nothing_waits());
    world.server.maintain().await.unwrap();
    world.token_of(&registered, &key()).await.ok();
}
