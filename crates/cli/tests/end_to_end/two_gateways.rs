//! Gateways that share nothing but the files of their nonce keys, one that dies, and a race for one proof.

use std::collections::BTreeMap;

use crate::support::estate::{Estate, require_status};
use crate::support::forgery;
use crate::support::upstream::Upstream;
use crate::support::wire;

/// What a load balancer in front of both is called.
const PUBLIC: &str = "https://api.shop.example";

#[test]
fn a_nonce_of_one_gateway_is_good_at_the_other_and_no_proof_survives_a_crash() {
    let estate = Estate::start();
    let stage = &estate.stage;
    let upstream = Upstream::start();
    let mut a = estate.gateway("a", &upstream, Some(PUBLIC));
    let b = estate.gateway("b", &upstream, Some(PUBLIC));
    let key = forgery::key(stage, "the client's DPoP key");
    let token = estate.token(&key);

    let nonce = a.nonce(stage, &key, &token);
    let at_b = b.proof(&key, "/payments", &token).with_nonce(&nonce).sign(stage);
    require_status(b.get(stage, "/payments", &token, &at_b), 200);

    let captured = a.proof(&key, "/payments", &token).with_nonce(&nonce).sign(stage);
    require_status(a.get(stage, "/payments", &token, &captured), 200);
    let replayed = require_status(a.get(stage, "/payments", &token, &captured), 401);
    assert!(replayed.text.contains("proof_replayed"), "{replayed:?}");
    let elsewhere = a.proof(&key, "/orders", &token).with_nonce(&nonce).sign(stage);
    require_status(a.get(stage, "/orders", &token, &elsewhere), 200);
    // Made before the crash without a nonce, and kept for afterwards.
    let kept = a.proof(&key, "/orders", &token).sign(stage);
    assert_eq!(upstream.count(), 3);

    a.process.kill();
    a.restart(stage);
    for (path, proof) in [("/payments", &captured), ("/orders", &elsewhere), ("/orders", &kept)] {
        let reply = require_status(a.get(stage, path, &token, proof), 401);
        assert!(reply.header("www-authenticate").unwrap().contains("use_dpop_nonce"), "{path}: {reply:?}");
        assert!(reply.header("dpop-nonce").is_some(), "{path}: {reply:?}");
    }
    assert_eq!(upstream.count(), 3);

    // The honest client goes on with the nonce that it was just given.
    let nonce = a.nonce(stage, &key, &token);
    let proof = a.proof(&key, "/payments", &token).with_nonce(&nonce).sign(stage);
    require_status(a.get(stage, "/payments", &token, &proof), 200);
    assert_eq!(upstream.count(), 4);
}

#[test]
fn of_a_hundred_copies_of_one_proof_exactly_one_is_let_through() {
    const COPIES: usize = 100;
    let estate = Estate::start();
    let stage = &estate.stage;
    let upstream = Upstream::start();
    let gateway = estate.gateway("a", &upstream, None);
    let key = forgery::key(stage, "the client's DPoP key");
    let token = estate.token(&key);
    let http = wire::http_client(stage);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();

    let nonce = gateway.nonce(stage, &key, &token);
    for round in 1..=3 {
        let proof = gateway.proof(&key, "/orders", &token).with_nonce(&nonce).sign(stage);
        let race = async {
            let start = std::sync::Arc::new(tokio::sync::Barrier::new(COPIES));
            let mut racers = tokio::task::JoinSet::new();
            for _ in 0..COPIES {
                let request = http
                    .get(format!("{}/orders", gateway.url))
                    .header("authorization", format!("DPoP {token}"))
                    .header("dpop", &proof);
                let start = std::sync::Arc::clone(&start);
                racers.spawn(async move {
                    start.wait().await;
                    request.send().await.unwrap().status().as_u16()
                });
            }
            racers.join_all().await
        };
        let mut outcome = BTreeMap::new();
        for status in runtime.block_on(race) {
            *outcome.entry(status).or_insert(0) += 1;
        }
        assert_eq!(outcome, BTreeMap::from([(200, 1), (401, COPIES - 1)]), "round {round}");
        assert_eq!(upstream.count(), round);
    }
}
