//! What is stored of what happened: decisions about clients and keys, never the ordinary course unless asked
//! for, never without bound, and not for ever.

use bindery_core::time::UnixTime;
use bindery_store::record::{AuditFilter, AuditRecord};
use http::Method;
use serde_json::json;

use crate::administration::Ask;
use crate::registration::{machine, management, open};
use crate::support::{Call, START, Setup, World, key, world};

async fn records(world: &World, event: &str) -> Vec<AuditRecord> {
    world.server.flush_audit().await;
    let filter = AuditFilter { event: Some(event.into()), ..AuditFilter::default() };
    world.store.list_audit(&filter, None, 1000).await.unwrap()
}

fn issue(world: &World) -> Call {
    Call::token("client_credentials").assertion(world.assertion("jwt-client")).dpop(world.proof(&key()))
}

#[tokio::test]
async fn a_decision_about_a_client_is_stored_with_its_parties_and_its_time() {
    let world = world().await;
    let wrong = Call::token("client_credentials").basic("basic-client", "wrong-secret");
    world.send(wrong).await.error(401, "invalid_client");
    let stored = records(&world, "client_authentication_failed").await;
    let [record] = stored.as_slice() else { panic!("{stored:?}") };
    assert_eq!(record.client_id.as_deref(), Some("basic-client"));
    assert_eq!(record.at, UnixTime::from_seconds(START + 100));
    assert_eq!(record.fields["endpoint"], "/token");
    assert!(record.fields.get("client_id").is_none());
    assert!(!record.fields.to_string().contains("wrong-secret"));
}

#[tokio::test]
async fn issued_tokens_are_stored_only_where_the_configuration_says_so() {
    let world = world().await;
    world.send(issue(&world)).await.ok();
    assert_eq!(records(&world, "token_issued").await, []);
    let mut setup = Setup::new();
    setup.configuration["audit"] = json!({"store_issuance": true});
    let world = setup.start().await;
    world.send(issue(&world)).await.ok();
    let stored = records(&world, "token_issued").await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].fields["binding"], "dpop");
}

#[tokio::test]
async fn strangers_can_not_fill_the_store_with_records_of_their_failures() {
    let mut setup = Setup::new();
    setup.configuration["audit"] = json!({"stored_per_second": 5});
    let world = setup.start().await;
    for _ in 0..20 {
        let wrong = Call::token("client_credentials").basic("basic-client", "wrong-secret");
        world.send(wrong).await.error(401, "invalid_client");
    }
    assert_eq!(records(&world, "client_authentication_failed").await.len(), 5);
    let page = world.server.metrics().render().unwrap();
    assert!(page.contains("bindery_audit_records_lost_total{issuer=\"https://id.example\"} 15"), "{page}");
    // The next second has room again.
    world.advance(1);
    let wrong = Call::token("client_credentials").basic("basic-client", "wrong-secret");
    world.send(wrong).await.error(401, "invalid_client");
    assert_eq!(records(&world, "client_authentication_failed").await.len(), 6);
}

#[tokio::test]
async fn records_are_kept_as_long_as_the_retention_says_and_no_longer() {
    let mut setup = Setup::new();
    setup.configuration["audit"] = json!({"retention_days": 30});
    let world = setup.start().await;
    let wrong = || Call::token("client_credentials").basic("basic-client", "wrong-secret");
    world.send(wrong()).await.error(401, "invalid_client");
    world.server.flush_audit().await;
    world.advance(29 * 24 * 3600);
    world.server.maintain().await.unwrap();
    world.send(wrong()).await.error(401, "invalid_client");
    assert_eq!(records(&world, "client_authentication_failed").await.len(), 2);
    world.advance(2 * 24 * 3600);
    world.server.maintain().await.unwrap();
    assert_eq!(records(&world, "client_authentication_failed").await.len(), 1);
}

#[tokio::test]
async fn rejects_a_flood_of_self_made_client_changes_from_the_audit_store() {
    let mut setup = open();
    setup.configuration["audit"] = json!({"stored_per_second": 5});
    let world = setup.start().await;
    let mut registered = world.register(&machine()).await.is(201);
    let id = registered["client_id"].clone();
    for _ in 0..12 {
        let (path, token) = management(&registered);
        let mut update = machine();
        update["client_id"] = id.clone();
        registered = world.send_json(Method::PUT, &path, Some(&token), Some(&update)).await.is(200);
    }
    assert_eq!(records(&world, "client_changed").await.len(), 5);
    // What administrators do is stored whatever it costs.
    let operator = world.operator("operator").await;
    for _ in 0..6 {
        let disable = Ask::new(Method::POST, &format!("/clients/{}/disable", id.as_str().unwrap()));
        world.administer(&operator, disable).await.is(200);
    }
    assert_eq!(records(&world, "client_changed").await.len(), 11);
}
