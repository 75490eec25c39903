//! Nonces and restarts (RFC 9449 sections 8, 9, 11.1 to 11.3): what a guard without memory may not accept,
//! it meets with a nonce; nodes that share nothing but nonce keys accept each other's.

use std::time::Duration;

use bindery_core::encoding::base64url;
use bindery_http::Clock as _;
use http::StatusCode;

use crate::world::{Client, START, configuration, memory_since, old_memory, with_proof};
use crate::{Scene, call};

/// Writes nonce keys to files; the first is the current one.
fn nonce_keys(directory: &std::path::Path, keys: &[(u8, u8)]) -> String {
    let mut tables = String::new();
    for (id, byte) in keys {
        let file = directory.join(format!("nonce-{id}"));
        std::fs::write(&file, base64url::encode([*byte; 32])).unwrap();
        tables.push_str(&format!("[[nonce_key]]\nid = {id}\nfile = \"{}\"\n", file.display()));
    }
    tables
}

const REQUIRED: &str = "[[route]]\npath = \"/fresh\"\nnonce_required = true\n";

#[tokio::test]
async fn a_nonce_challenge_has_one_nonce_and_is_never_stored() {
    let scene = Scene::with("", REQUIRED);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let challenge = scene.call(client.get("/fresh", &token)).await;
    assert_eq!((challenge.status, challenge.reason()), (StatusCode::UNAUTHORIZED, "nonce_missing"));
    assert_eq!(challenge.header("cache-control"), "no-store");
    assert!(challenge.challenges().iter().any(|text| text.contains("error=\"use_dpop_nonce\"")));
    let proof = client.proof_with_nonce("/fresh", &token, challenge.nonce());
    assert_eq!(scene.call(with_proof("/fresh", &token, &proof)).await.reason(), "dpop");
}

#[tokio::test]
async fn the_next_nonce_replaces_the_application_s_and_forbids_storing() {
    let scene = Scene::with("", REQUIRED);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let challenge = scene.call(client.get("/fresh", &token)).await;
    scene.clock.advance(Duration::from_secs(151));
    let proof = client.proof_with_nonce("/fresh", &token, challenge.nonce());
    let answer = scene.call(with_proof("/fresh", &token, &proof)).await;
    assert_eq!(answer.reason(), "dpop");
    assert_ne!(answer.nonce(), "of-the-application");
    assert_ne!(answer.nonce(), challenge.nonce());
    assert_eq!(answer.header("cache-control"), "no-store");
    // The one in use goes on working: requests in flight survive the rotation (DPOP-8-09).
    let proof = client.proof_with_nonce("/fresh", &token, challenge.nonce());
    assert_eq!(scene.call(with_proof("/fresh", &token, &proof)).await.reason(), "dpop");
    let proof = client.proof_with_nonce("/fresh", &token, answer.nonce());
    assert_eq!(scene.call(with_proof("/fresh", &token, &proof)).await.reason(), "dpop");
}

#[tokio::test]
async fn refuses_nonces_that_are_stale_tampered_with_or_another_server_s() {
    let scene = Scene::with("", REQUIRED);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let nonce = scene.call(client.get("/fresh", &token)).await.nonce().to_owned();
    let stranger = Scene::with("", REQUIRED);
    let other_token = stranger.issuer.token(client.cnf());
    let foreign = stranger.call(client.get("/fresh", &other_token)).await.nonce().to_owned();
    let mut tampered = nonce.clone();
    tampered.replace_range(10..11, if &nonce[10..11] == "A" { "B" } else { "A" });
    for wrong in [&foreign, &tampered, &nonce[1..].to_owned(), &"unknown".to_owned()] {
        let proof = client.proof_with_nonce("/fresh", &token, wrong);
        let answer = scene.call(with_proof("/fresh", &token, &proof)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert_eq!(answer.body["error"], "use_dpop_nonce", "{wrong}");
        answer.nonce();
        // On a route that needs none, a nonce that is not ours is refused all the same.
        let proof = client.proof_with_nonce("/items", &token, wrong);
        assert_eq!(scene.call(with_proof("/items", &token, &proof)).await.body["error"], "use_dpop_nonce");
    }
    scene.clock.advance(Duration::from_secs(301));
    let proof = client.proof_with_nonce("/fresh", &token, &nonce);
    assert_eq!(scene.call(with_proof("/fresh", &token, &proof)).await.reason(), "nonce_stale");
}

#[tokio::test]
async fn a_proof_made_ahead_of_time_fails_where_a_nonce_is_required() {
    let scene = Scene::with("", REQUIRED);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let tomorrow = START.plus(Duration::from_secs(3600));
    let prepared = client.proof_with("GET", "/fresh", &token, None, "prepared", tomorrow);
    scene.clock.set(tomorrow);
    assert_eq!(scene.call(with_proof("/fresh", &token, &prepared)).await.reason(), "nonce_missing");
}

#[tokio::test]
async fn a_nonce_serves_many_proofs_and_no_proof_twice() {
    let scene = Scene::with("", REQUIRED);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let nonce = scene.call(client.get("/fresh", &token)).await.nonce().to_owned();
    for _ in 0..10 {
        let proof = client.proof_with_nonce("/fresh", &token, &nonce);
        assert_eq!(scene.call(with_proof("/fresh", &token, &proof)).await.reason(), "dpop");
        assert_eq!(scene.call(with_proof("/fresh", &token, &proof)).await.reason(), "proof_replayed");
    }
}

#[tokio::test]
async fn after_a_restart_an_old_proof_is_met_with_a_nonce_and_an_old_nonce_refused() {
    let directory = tempfile::tempdir().unwrap();
    let keys = nonce_keys(directory.path(), &[(1, 1)]);
    let scene = Scene::with("", &format!("{keys}{REQUIRED}"));
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let old_nonce = scene.call(client.get("/fresh", &token)).await.nonce().to_owned();
    let captured = client.proof("GET", "/items", &token);
    let with_old_nonce = client.proof_with_nonce("/items", &token, &old_nonce);
    for proof in [&captured, &with_old_nonce] {
        assert_eq!(scene.call(with_proof("/items", &token, proof)).await.reason(), "dpop");
    }

    scene.clock.advance(Duration::from_secs(2));
    let settings = configuration("", &format!("{}{keys}{REQUIRED}", scene.issuer.table()));
    let restarted = scene.another(settings, memory_since(scene.clock.now()));
    // In the very second of the start no nonce is given: it could not be told from an older one.
    let early = call(&restarted, with_proof("/items", &token, &captured)).await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    scene.clock.advance(Duration::from_secs(1));
    for proof in [&captured, &with_old_nonce] {
        let answer = call(&restarted, with_proof("/items", &token, proof)).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (StatusCode::UNAUTHORIZED, &"use_dpop_nonce".into())
        );
        assert_ne!(answer.nonce(), old_nonce);
    }
    let again = client.proof_with_nonce("/items", &token, &old_nonce);
    assert_ne!(call(&restarted, with_proof("/items", &token, &again)).await.reason(), "dpop");
    let nonce = call(&restarted, with_proof("/items", &token, &captured)).await.nonce().to_owned();
    let proof = client.proof_with_nonce("/items", &token, &nonce);
    assert_eq!(call(&restarted, with_proof("/items", &token, &proof)).await.reason(), "dpop");
}

#[tokio::test]
async fn a_restart_never_lets_a_captured_proof_pass_whenever_it_happens() {
    for at in [0, 1, 29, 30, 31, 59, 60, 61, 90] {
        let scene = Scene::new();
        let client = Client::new(&scene.clock);
        let token = scene.issuer.token(client.cnf());
        let ahead = START.plus(Duration::from_secs(30));
        let captured = client.proof_with("GET", "/", &token, None, "captured", ahead);
        assert_eq!(scene.call(with_proof("/", &token, &captured)).await.reason(), "dpop");
        scene.clock.set(START.plus(Duration::from_secs(at)));
        let settings = configuration("", &scene.issuer.table());
        let restarted = scene.another(settings, memory_since(scene.clock.now()));
        for second in at..=100 {
            scene.clock.set(START.plus(Duration::from_secs(second)));
            let answer = call(&restarted, with_proof("/", &token, &captured)).await;
            assert_ne!(answer.status, StatusCode::OK, "restart after {at} s, replay after {second} s");
        }
    }
}

#[tokio::test]
async fn guards_that_share_only_nonce_keys_accept_each_other_s_nonces() {
    let directory = tempfile::tempdir().unwrap();
    let keys = nonce_keys(directory.path(), &[(1, 1)]);
    let scene = Scene::with("", &format!("{keys}{REQUIRED}"));
    let second =
        scene.another(configuration("", &format!("{}{keys}{REQUIRED}", scene.issuer.table())), old_memory());
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let of_first = scene.call(client.get("/fresh", &token)).await.nonce().to_owned();
    let of_second = call(&second, client.get("/fresh", &token)).await.nonce().to_owned();
    let proof = client.proof_with_nonce("/fresh", &token, &of_first);
    assert_eq!(call(&second, with_proof("/fresh", &token, &proof)).await.reason(), "dpop");
    let proof = client.proof_with_nonce("/fresh", &token, &of_second);
    assert_eq!(scene.call(with_proof("/fresh", &token, &proof)).await.reason(), "dpop");
}

#[tokio::test]
async fn a_key_rotation_refuses_no_request_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let before = nonce_keys(directory.path(), &[(1, 1)]);
    let after = nonce_keys(directory.path(), &[(2, 2), (1, 1)]);
    let scene = Scene::with("", &format!("{before}{REQUIRED}"));
    let rotated =
        scene.another(configuration("", &format!("{}{after}{REQUIRED}", scene.issuer.table())), old_memory());
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let nonce = scene.call(client.get("/fresh", &token)).await.nonce().to_owned();
    for _ in 0..50 {
        let proof = client.proof_with_nonce("/fresh", &token, &nonce);
        assert_eq!(call(&rotated, with_proof("/fresh", &token, &proof)).await.reason(), "dpop");
    }
}

#[tokio::test]
async fn a_client_with_a_wrong_clock_passes_with_a_nonce_and_is_told_the_time_without() {
    let scene = Scene::with("", REQUIRED);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let wrong = scene.clock.now().minus(Duration::from_secs(86_400));
    let proof = client.proof_with("GET", "/items", &token, None, "a", wrong);
    let refused = scene.call(with_proof("/items", &token, &proof)).await;
    assert_eq!(refused.reason(), "proof_expired");
    assert_eq!(refused.body["server_time"], START.as_seconds());
    let nonce = scene.call(client.get("/fresh", &token)).await.nonce().to_owned();
    let proof = client.proof_with("GET", "/items", &token, Some(&nonce), "b", wrong);
    assert_eq!(scene.call(with_proof("/items", &token, &proof)).await.reason(), "dpop");
}
