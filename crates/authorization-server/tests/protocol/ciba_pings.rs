//! Pings (CIBA Core section 10.2): a client that can't be reached is told later, rarer each time and not for ever;
//! one that says no is left alone; of several processes one tells it.

use bindery_core::time::UnixTime;
use bindery_store::record::ClientRecord;
use serde_json::json;

use crate::ciba::{GRANT, Pings, approve, setup, world_with};
use crate::support::{API, World, key};

/// How many pings each delivery sent, one every five seconds, until well after the request is over.
async fn attempts(world: &World, pings: &Pings) -> Vec<usize> {
    let mut attempts = Vec::new();
    for _ in 0..40 {
        let before = pings.told().len();
        world.server.deliver_pings().await.unwrap();
        attempts.push(pings.told().len() - before);
        world.advance(5);
    }
    attempts
}

#[tokio::test]
async fn a_client_that_cannot_be_reached_is_pinged_rarer_each_time_and_until_the_request_is_over() {
    for trouble in [None, Some(500), Some(503), Some(429)] {
        let (world, pings) = world_with(json!({})).await;
        pings.answering(trouble);
        let id = world.requested(world.usual("pinged")).await;
        approve(&world, "allow").await;
        crate::logging::seen();
        let made: Vec<usize> = attempts(&world, &pings)
            .await
            .iter()
            .enumerate()
            .filter(|(_, made)| **made == 1)
            .map(|(at, _)| 5 * at)
            .collect();
        // Pauses of 5, 10, 20 and 40 seconds; the next one would come after the 120 seconds of the request.
        assert_eq!(made, [0, 5, 15, 35, 75], "{trouble:?}");
        assert!(pings.told().iter().all(|(uri, bearer, body)| uri == "https://client.example/ping"
            && bearer == "the-clients-own-token"
            && *body == json!({"auth_req_id": id})));
        assert_eq!(crate::logging::seen().matches("ping_failed").count(), 1, "the operator hears it once");
    }
}

#[tokio::test]
async fn a_ping_that_arrives_late_is_the_last() {
    let (world, pings) = world_with(json!({})).await;
    let key = key();
    pings.answering(Some(503));
    let id = world.requested(world.usual("pinged")).await;
    approve(&world, "allow").await;
    world.server.deliver_pings().await.unwrap();
    pings.answering(Some(200));
    world.advance(5);
    assert_eq!(attempts(&world, &pings).await.iter().sum::<usize>(), 1);
    // A client that asks without having been told is answered all the same.
    let id2 = world.requested(world.usual("pinged")).await;
    approve(&world, "allow").await;
    world.poll_for("pinged", &id2, &key).await.ok();
    assert_ne!(id, id2);
}

#[tokio::test]
async fn a_client_that_says_no_is_not_pinged_again() {
    for refusal in [400, 401, 404, 302, 307] {
        let (world, pings) = world_with(json!({})).await;
        pings.answering(Some(refusal));
        world.requested(world.usual("pinged")).await;
        approve(&world, "deny").await;
        assert_eq!(attempts(&world, &pings).await.iter().sum::<usize>(), 1, "{refusal}");
    }
}

#[tokio::test]
async fn of_several_processes_one_pings_and_a_restart_loses_none() {
    let configuration = setup(json!({})).configuration;
    let (world, pings) = world_with(json!({})).await;
    world.requested(world.usual("pinged")).await;
    approve(&world, "allow").await;
    let (one, two) = (
        world.another_that_calls(configuration.clone(), pings.clone()).await,
        world.another_that_calls(configuration, pings.clone()).await,
    );
    let (first, second) = tokio::join!(one.deliver_pings(), two.deliver_pings());
    first.unwrap();
    second.unwrap();
    assert_eq!(pings.told().len(), 1);
}

/// The registration counts as it is by now: neither a former address nor a client that is gone is called.
#[tokio::test]
async fn a_ping_goes_to_what_the_client_has_registered_by_now() {
    let (world, pings) = world_with(json!({})).await;
    let record = ClientRecord {
        client_id: "stored".into(),
        metadata: json!({
            "client_name": "Teller", "token_endpoint_auth_method": "private_key_jwt", "grant_types": [GRANT],
            "jwks": {"keys": [world.assertion_key.public_key().to_jwk()]}, "scope": "openid read",
            "audiences": [API], "backchannel_token_delivery_mode": "ping",
            "backchannel_client_notification_endpoint": "https://client.example/former",
        }),
        secret_sha256: None,
        disabled: false,
        created_at: UnixTime::from_seconds(world.now()),
        updated_at: UnixTime::from_seconds(world.now()),
        registration: json!({}),
        revision: 0,
    };
    world.store.insert_client(&record).await.unwrap();
    world.requested(world.usual("stored")).await;
    let mut moved = record;
    moved.metadata["backchannel_client_notification_endpoint"] = json!("https://client.example/new");
    let _updated = world.store.update_client(&moved).await.unwrap();
    approve(&world, "allow").await;
    world.server.deliver_pings().await.unwrap();
    assert_eq!(pings.told().pop().unwrap().0, "https://client.example/new");
    world.requested(world.usual("stored")).await;
    approve(&world, "allow").await;
    world.store.disable_client("stored", UnixTime::from_seconds(world.now())).await.unwrap();
    assert_eq!(attempts(&world, &pings).await.iter().sum::<usize>(), 0);
}
