//! A server on SQLite that is stopped and started again: what was spent stays spent, what was given stays good.

use std::sync::Arc;

use bindery_core::time::UnixTime;
use bindery_http::ManualClock;
use bindery_store::sqlite::{SqliteOptions, SqliteStore};

use crate::support::{Call, ISSUER, START, Setup, dpop_binding, key};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spent_before_a_restart_stays_spent_and_what_was_given_stays_good() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bindery.db");
    let open = || SqliteStore::open(&path, SqliteOptions::default());
    let setup = Setup::new();
    let configuration = setup.configuration.clone();
    let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(START)));
    let mut world = setup.start_on(Arc::new(open().await.unwrap()), clock).await;
    let own = key();
    let (assertion, proof) = (world.assertion("jwt-client"), world.proof(&own));
    let call = |proof: &str| Call::token("client_credentials").assertion(&assertion).dpop(proof);
    let issued = world.send(call(&proof)).await.ok();
    let first = world.provision("public-rotating", dpop_binding(&own)).await;
    let second = world.send(world.refresh("public-rotating", &first).dpop(world.proof(&own))).await.ok();
    let keys = world.server.jwk_set();

    world.store = Arc::new(open().await.unwrap());
    let restarted = world.another(configuration).await;
    world.router = restarted.router();
    assert_eq!(restarted.jwk_set(), keys);
    assert_eq!(world.introspect(issued["access_token"].as_str().unwrap()).await["active"], true);
    // The proof might have been used before the restart: only a nonce shows that one was not.
    let challenge = world.send(call(&proof)).await;
    challenge.error(400, "use_dpop_nonce");
    world.advance(2);
    let nonce = world.send(call(&proof)).await.nonce();
    let fresh = world.proof_with(&own, &format!("{ISSUER}/token"), Some(&nonce));
    world.send(call(&fresh)).await.error(401, "invalid_client");
    world.advance(62);
    let reused = world.refresh("public-rotating", &first).dpop(world.proof(&own));
    world.send(reused).await.error(400, "invalid_grant");
    let second = second["refresh_token"].as_str().unwrap();
    let ended = world.refresh("public-rotating", second).dpop(world.proof(&own));
    world.send(ended).await.error(400, "invalid_grant");
}
