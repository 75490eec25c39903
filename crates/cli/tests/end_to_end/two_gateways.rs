//! Gateways that share nothing but the files of their nonce keys, and one that dies: nonces travel, proofs don't.

use crate::support::estate::{Estate, require_status};
use crate::support::forgery;
use crate::support::upstream::Upstream;

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
