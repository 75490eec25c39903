//! Keys that a client serves itself (`jwks_uri`): rotation without a change here, and no flood (MTLS-2.2-03, -04).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bindery_authorization_server::{KeySetFetcher, KeySetUnavailable};
use bindery_core::mtls::certificate::ClientCertificate;
use serde_json::{Value, json};

use crate::support::{Answer, Call, Setup, World, certificate, certificate_jwk};

#[derive(Default)]
struct Served {
    set: Mutex<Option<Value>>,
    fetches: AtomicUsize,
    /// Fetches end when nobody holds this.
    hold: tokio::sync::RwLock<()>,
}

#[async_trait]
impl KeySetFetcher for Served {
    async fn fetch(&self, uri: &str) -> Result<Vec<u8>, KeySetUnavailable> {
        assert_eq!(uri, "https://client.example/jwks");
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let set = self.set.lock().unwrap().clone();
        let _held = self.hold.read().await;
        set.map(|set| set.to_string().into_bytes()).ok_or(KeySetUnavailable)
    }
}

impl Served {
    fn serve(&self, certificates: &[&ClientCertificate]) {
        let keys: Vec<_> = certificates.iter().map(|certificate| certificate_jwk(certificate)).collect();
        *self.set.lock().unwrap() = Some(json!({ "keys": keys }));
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

async fn start(served: &Arc<Served>) -> World {
    let mut setup = Setup::new();
    setup.key_fetcher = Some(served.clone());
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "serving", "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks_uri": "https://client.example/jwks", "grant_types": ["client_credentials"],
        "audiences": ["https://api.example"],
    }));
    setup.start().await
}

async fn request(world: &World, certificate: &ClientCertificate) -> Answer {
    let call = Call::token("client_credentials").with("client_id", "serving").certificate(certificate);
    world.send(call).await
}

#[tokio::test]
async fn a_new_certificate_is_found_by_fetching_again_and_a_removed_one_dies() {
    let served = Arc::new(Served::default());
    let world = start(&served).await;
    let (old, new) = (certificate("old", Vec::new(), None).0, certificate("new", Vec::new(), None).0);
    served.serve(&[&old]);
    request(&world, &old).await.ok();
    request(&world, &old).await.ok();
    assert_eq!(served.fetches(), 1);
    served.serve(&[&old, &new]);
    world.advance(30);
    request(&world, &new).await.ok();
    request(&world, &old).await.ok();
    served.serve(&[&new]);
    world.advance(300);
    request(&world, &old).await.error(401, "invalid_client");
    request(&world, &new).await.ok();
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_in_half_a_minute() {
    let served = Arc::new(Served::default());
    let world = start(&served).await;
    let (own, stranger) = (certificate("own", Vec::new(), None).0, certificate("x", Vec::new(), None).0);
    served.serve(&[&own]);
    request(&world, &own).await.ok();
    world.advance(30);
    for _ in 0..20 {
        request(&world, &stranger).await.error(401, "invalid_client");
    }
    assert_eq!(served.fetches(), 2);
}

#[tokio::test]
async fn an_outage_of_the_key_set_refuses_at_first_and_uses_what_was_known_later() {
    let served = Arc::new(Served::default());
    let world = start(&served).await;
    let own = certificate("own", Vec::new(), None).0;
    request(&world, &own).await.error(503, "temporarily_unavailable");
    served.serve(&[&own]);
    request(&world, &own).await.error(503, "temporarily_unavailable");
    world.advance(30);
    request(&world, &own).await.ok();
    *served.set.lock().unwrap() = None;
    world.advance(300);
    request(&world, &own).await.ok();
}

#[tokio::test]
async fn a_served_certificate_beside_another_key_authenticates_nobody() {
    let served = Arc::new(Served::default());
    let world = start(&served).await;
    let (own, other) = (certificate("own", Vec::new(), None).0, certificate("other", Vec::new(), None).0);
    let mut mixed = certificate_jwk(&own);
    mixed["x5c"] = certificate_jwk(&other)["x5c"].clone();
    *served.set.lock().unwrap() = Some(json!({ "keys": [mixed] }));
    request(&world, &own).await.error(401, "invalid_client");
    request(&world, &other).await.error(401, "invalid_client");
}

#[tokio::test]
async fn an_outage_outlasts_the_stale_limit_and_the_key_set_is_used_no_more() {
    let served = Arc::new(Served::default());
    let world = start(&served).await;
    let own = certificate("own", Vec::new(), None).0;
    served.serve(&[&own]);
    request(&world, &own).await.ok();
    *served.set.lock().unwrap() = None;
    world.advance(3599);
    request(&world, &own).await.ok();
    // Half a minute after a failure it is tried again, not only when the set would be due.
    let before = served.fetches();
    world.advance(30);
    request(&world, &own).await.error(503, "temporarily_unavailable");
    assert_eq!(served.fetches(), before + 1);
    served.serve(&[&own]);
    world.advance(30);
    request(&world, &own).await.ok();
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_end_the_fetch_for_others() {
    let served = Arc::new(Served::default());
    let world = start(&served).await;
    let own = certificate("own", Vec::new(), None).0;
    served.serve(&[&own]);
    let held = served.hold.write().await;
    let begun = async {
        while served.fetches() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = request(&world, &own) => unreachable!("its keys are not there yet"),
        () = begun => {}
    }
    drop(held);
    request(&world, &own).await.ok();
    assert_eq!(served.fetches(), 1);
}
