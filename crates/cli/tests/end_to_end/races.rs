//! Races for what may be used once: of a hundred copies that arrive together exactly one is honoured, at the
//! gateway and at the token endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::RequestBuilder;
use tokio::runtime::Runtime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::estate::Estate;
use crate::support::forgery::{self, Proof};
use crate::support::upstream::Upstream;
use crate::support::wire;

const COPIES: usize = 100;

/// Sends all requests at once and counts the answers by status.
fn race(runtime: &Runtime, requests: Vec<RequestBuilder>) -> BTreeMap<u16, usize> {
    let race = async {
        let start = Arc::new(Barrier::new(requests.len()));
        let mut racers = JoinSet::new();
        for request in requests {
            let start = Arc::clone(&start);
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
    outcome
}

#[test]
fn of_a_hundred_copies_of_one_proof_exactly_one_is_let_through() {
    let estate = Estate::start();
    let stage = &estate.stage;
    let upstream = Upstream::start();
    let gateway = estate.gateway("a", &upstream, None);
    let key = forgery::key(stage, "the client's DPoP key");
    let token = estate.token(&key);
    let http = wire::http_client(stage);
    let runtime = Runtime::new().unwrap();
    let nonce = gateway.nonce(stage, &key, &token);
    for round in 1..=3 {
        let proof = gateway.proof(&key, "/orders", &token).with_nonce(&nonce).sign(stage);
        let copy = || {
            http.get(format!("{}/orders", gateway.url))
                .header("authorization", format!("DPoP {token}"))
                .header("dpop", &proof)
        };
        let outcome = race(&runtime, (0..COPIES).map(|_| copy()).collect());
        assert_eq!(outcome, BTreeMap::from([(200, 1), (401, COPIES - 1)]), "round {round}");
        assert_eq!(upstream.count(), round);
    }
}

#[test]
fn of_a_hundred_copies_of_one_client_assertion_exactly_one_gets_a_token() {
    let estate = Estate::start();
    let stage = &estate.stage;
    let http = wire::http_client(stage);
    let runtime = Runtime::new().unwrap();
    let url = format!("{}/token", estate.issuer);
    // One key for each: a thief races with proofs of his own, not with copies of the victim's.
    let keys: Vec<_> = (0..COPIES).map(|_| forgery::key(stage, "a racer's key")).collect();
    let nonce = runtime.block_on(async {
        let proof = Proof::of(&keys[0], "POST", &url).sign(stage);
        let form = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", "none")];
        let answer = http.post(&url).form(&form).header("dpop", proof).send().await.unwrap();
        answer.headers()["dpop-nonce"].to_str().unwrap().to_owned()
    });
    let assertion = forgery::assertion(stage, &estate.billing_key, "billing", &estate.issuer);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    let requests = keys.iter().map(|key| {
        let proof = Proof::of(key, "POST", &url).with_nonce(&nonce).sign(stage);
        http.post(&url).form(&form).header("dpop", proof)
    });
    assert_eq!(race(&runtime, requests.collect()), BTreeMap::from([(200, 1), (401, COPIES - 1)]));
}
