//! The issuer's keys over time, as a client and a resource server see them: each test moves the clock or an
//! operator's hand, and looks at what is published, what signs, and what is still believed.

use bindery_authorization_server::key_schedule::{
    self, KeyAlgorithm, KeyChangeRefused, NextStep, Retirement, Rotation,
};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::encryption::KeyManagement;
use bindery_store::record::SigningKeyState;
use serde_json::{Value, json};

use crate::support::{Call, Setup, World, key, world};

const DAY: u64 = 24 * 3600;
const ES256: KeyAlgorithm = KeyAlgorithm::Signature(SignatureAlgorithm::Es256);

async fn token(world: &World) -> String {
    let call = Call::token("client_credentials").assertion(world.assertion("jwt-client"));
    let body = world.send(call.dpop(world.proof(&key()))).await.ok();
    body["access_token"].as_str().unwrap().to_owned()
}

fn kid(jwt: &str) -> String {
    let header = base64url::decode(jwt.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn published(world: &World) -> Vec<String> {
    let set = world.server.jwk_set();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn active(world: &World, token: &str) -> bool {
    world.introspect(token).await["active"] == true
}

#[tokio::test]
async fn a_successor_is_published_an_hour_before_it_signs_and_the_old_key_outlives_its_tokens() {
    let world = world().await;
    let first = kid(&token(&world).await);
    // The key is as old as the server: 100 seconds.
    world.advance(90 * DAY - 3600 - 101);
    world.server.maintain().await.unwrap();
    assert_eq!(published(&world), std::slice::from_ref(&first));
    world.advance(1);
    world.server.maintain().await.unwrap();
    assert_eq!(published(&world).len(), 2);
    world.advance(3599);
    world.server.maintain().await.unwrap();
    let last = token(&world).await;
    assert_eq!(kid(&last), first, "published is not used");
    world.advance(1);
    world.server.maintain().await.unwrap();
    let next = token(&world).await;
    assert_ne!(kid(&next), first);
    world.advance(298);
    assert!(active(&world, &last).await && active(&world, &next).await);
    // Tokens and ID tokens live for 300 seconds here, signed responses longer; five minutes go beyond.
    world.advance(1200);
    world.server.maintain().await.unwrap();
    assert_eq!(published(&world), [kid(&next)]);
}

#[tokio::test]
async fn how_long_a_retired_key_stays_follows_from_the_configured_lifetimes() {
    for (lifetime, retained) in [(120, 300 + 300), (900, 900 + 300)] {
        let mut setup = Setup::new();
        setup.configuration["access_token_lifetime"] = json!(lifetime);
        setup.configuration["id_token_lifetime"] = json!(300);
        setup.configuration["signed_response_lifetime"] = json!(300);
        let world = setup.start().await;
        let old = published(&world);
        key_schedule::rotate(&world.server, Some(ES256), Rotation::AtOnce).await.unwrap();
        world.advance(retained - 1);
        world.server.maintain().await.unwrap();
        assert!(published(&world).contains(&old[0]));
        world.advance(1);
        world.server.maintain().await.unwrap();
        assert!(!published(&world).contains(&old[0]));
    }
}

#[tokio::test]
async fn what_an_operator_rotates_reaches_every_process_before_it_signs() {
    let world = world().await;
    let configuration = Setup::new().configuration;
    let other = world.another(json!({"issuer": configuration["issuer"]})).await;
    let first = kid(&token(&world).await);
    let change = key_schedule::rotate(&other, Some(ES256), Rotation::Publish).await.unwrap();
    let made = change[0].made.clone().unwrap();
    assert_eq!(change[0].unknown_to_caches, None);
    world.server.maintain().await.unwrap();
    assert!(published(&world).contains(&made));
    assert_eq!(kid(&token(&world).await), first);
    let statuses = key_schedule::list(&world.server).await.unwrap();
    let next = |kid: &str| statuses.iter().find(|status| status.key_id == kid).unwrap().next.unwrap().0;
    assert_eq!((next(&first), next(&made)), (NextStep::Retirement, NextStep::Activation));
    // One at a time.
    let again = key_schedule::rotate(&world.server, None, Rotation::Publish).await;
    assert!(matches!(again, Err(KeyChangeRefused::Published { key_id, .. }) if key_id == made));
    world.advance(3600);
    world.server.maintain().await.unwrap();
    assert_eq!(kid(&token(&world).await), made);
}

/// An issuer that has run for a while gets another algorithm, even as its first one.
#[tokio::test]
async fn an_algorithm_that_is_added_to_a_running_issuer_is_published_before_it_signs() {
    let mut setup = Setup::new();
    setup.configuration["signing_algorithms"] = json!(["ES256"]);
    setup.configuration["openid"] = true.into();
    let mut changed = setup.configuration.clone();
    let mut world = setup.start().await;
    let before = published(&world);
    world.advance(1000);
    changed["signing_algorithms"] = json!(["PS256", "ES256"]);
    world.server = world.another(changed.clone()).await;
    world.router = world.server.router();
    world.advance(100);
    let advertised = async |world: &World| {
        let request = http::Request::get("/.well-known/openid-configuration");
        let document = world.dispatch(request.body(axum::body::Body::empty()).unwrap(), None).await.body;
        document["id_token_signing_alg_values_supported"].clone()
    };
    let keys = published(&world);
    assert_eq!((keys.len(), &keys[0]), (2, &before[0]));
    let old = token(&world).await;
    assert_eq!(kid(&old), before[0], "caches know this one");
    assert_eq!(advertised(&world).await, json!(["ES256"]));
    world.advance(3499);
    world.server.maintain().await.unwrap();
    assert_eq!(kid(&token(&world).await), before[0]);
    world.advance(1);
    world.server.maintain().await.unwrap();
    let next = token(&world).await;
    assert_eq!(kid(&next), keys[1], "the first configured algorithm signs now");
    assert_eq!(advertised(&world).await, json!(["PS256", "ES256"]));
    // An operator who can't wait says so.
    changed["signing_algorithms"] = json!(["EdDSA", "PS256", "ES256"]);
    world.advance(1000);
    world.server = world.another(changed).await;
    world.router = world.server.router();
    world.advance(100);
    assert_eq!(kid(&token(&world).await), keys[1]);
    let eddsa = KeyAlgorithm::Signature(SignatureAlgorithm::EdDsa);
    let change = key_schedule::rotate(&world.server, Some(eddsa), Rotation::AtOnce).await.unwrap().remove(0);
    assert_eq!(Some(kid(&token(&world).await)), change.activated);
    assert_eq!(change.unknown_to_caches.unwrap().as_secs(), 230);
}

#[tokio::test]
async fn a_rotation_at_once_says_for_how_long_caches_may_refuse() {
    let world = world().await;
    let before = token(&world).await;
    let change = key_schedule::rotate(&world.server, Some(ES256), Rotation::AtOnce).await.unwrap().remove(0);
    assert_eq!(change.unknown_to_caches.unwrap().as_secs(), 330);
    assert_eq!(change.retired, Some(kid(&before)));
    assert_eq!(Some(kid(&token(&world).await)), change.activated);
    assert!(active(&world, &before).await, "an orderly change costs no token");
    // A published key is taken, and what it has been published for counts.
    key_schedule::rotate(&world.server, Some(ES256), Rotation::Publish).await.unwrap();
    world.advance(200);
    let change = key_schedule::rotate(&world.server, Some(ES256), Rotation::AtOnce).await.unwrap().remove(0);
    assert_eq!((change.made, change.unknown_to_caches.unwrap().as_secs()), (None, 130));
}

#[tokio::test]
async fn a_compromised_key_is_unpublished_at_once_and_its_tokens_die() {
    let world = world().await;
    let stolen = token(&world).await;
    let change = key_schedule::retire(&world.server, &kid(&stolen), Retirement::Emergency).await.unwrap();
    assert_eq!(change.removed, Some(kid(&stolen)));
    assert_eq!(change.believed_by_caches.unwrap().as_secs(), 330);
    assert!(!published(&world).contains(&kid(&stolen)));
    assert!(!active(&world, &stolen).await);
    let fresh = token(&world).await;
    assert_eq!(Some(kid(&fresh)), change.activated);
    assert!(active(&world, &fresh).await);
    assert!(world.store.list_signing_keys().await.unwrap().iter().all(|key| key.key_id != kid(&stolen)));
}

#[tokio::test]
async fn retiring_is_refused_for_keys_that_are_not_there_or_are_retired() {
    let world = world().await;
    let first = kid(&token(&world).await);
    let unknown = key_schedule::retire(&world.server, "nobody", Retirement::Emergency).await;
    assert!(matches!(unknown, Err(KeyChangeRefused::UnknownKey(_))));
    let change = key_schedule::retire(&world.server, &first, Retirement::Orderly).await.unwrap();
    assert_eq!(change.retired.as_ref(), Some(&first));
    assert_ne!(kid(&token(&world).await), first);
    let again = key_schedule::retire(&world.server, &first, Retirement::Orderly).await;
    assert!(matches!(again, Err(KeyChangeRefused::RetiredBefore(_))));
    key_schedule::retire(&world.server, &first, Retirement::Emergency).await.unwrap();
    assert!(!published(&world).contains(&first));
    let ps256 = KeyAlgorithm::Signature(SignatureAlgorithm::Ps256);
    let absent = key_schedule::rotate(&world.server, Some(ps256), Rotation::Publish).await;
    assert!(matches!(absent, Err(KeyChangeRefused::NotConfigured(_))));
    // A key that was only published signed nothing, so nothing keeps it.
    let made =
        key_schedule::rotate(&world.server, None, Rotation::Publish).await.unwrap().remove(0).made.unwrap();
    let change = key_schedule::retire(&world.server, &made, Retirement::Orderly).await.unwrap();
    assert_eq!((change.removed, change.activated), (Some(made), None));
}

#[tokio::test]
async fn a_key_that_others_encrypt_to_decrypts_before_it_is_published_and_after() {
    let mut setup = Setup::new();
    setup.configuration["keys"] = json!({"encryption_algorithms": ["ECDH-ES"]});
    let world = setup.start().await;
    let published = |world: &World| -> Vec<String> {
        let set = world.server.jwk_set();
        let keys = set["keys"].as_array().unwrap().iter().filter(|key| key["use"] == "enc");
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let first = published(&world);
    let algorithm = KeyAlgorithm::Encryption(KeyManagement::EcdhEs);
    let change = key_schedule::rotate(&world.server, Some(algorithm), Rotation::Publish).await.unwrap();
    assert_eq!(published(&world), first);
    world.advance(3600);
    world.server.maintain().await.unwrap();
    assert_eq!(published(&world), [change[0].made.clone().unwrap()]);
    let keys = world.store.list_signing_keys().await.unwrap();
    let old = keys.iter().find(|key| key.key_id == first[0]).unwrap();
    assert_eq!(old.state, SigningKeyState::Retired);
}
