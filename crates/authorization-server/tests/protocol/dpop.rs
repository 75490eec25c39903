//! DPoP at the token endpoint: RFC 9449 sections 5, 8 and 11 (DPOP-5, DPOP-8, DPOP-11 rows).

use std::sync::Arc;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use bindery_http::Clock as _;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use serde_json::json;

use crate::support::{API, Call, ISSUER, MTLS, SECRET, Setup, World, claims, key, merge, sign, world};

fn call(world: &World, client: &str) -> Call {
    Call::token("client_credentials").assertion(world.assertion(client))
}

#[tokio::test]
async fn a_bound_token_is_announced_as_dpop_and_names_the_proofs_key() {
    let world = world().await;
    for algorithm in [SignatureAlgorithm::Es256, SignatureAlgorithm::EdDsa, SignatureAlgorithm::Es384] {
        let key = SigningKey::generate(algorithm).unwrap();
        let answer = world.send(call(&world, "jwt-client").dpop(world.proof(&key))).await;
        answer.no_store();
        let body = answer.ok();
        assert_eq!(body["token_type"], "DPoP");
        let claims = claims(&body["access_token"]);
        assert_eq!(claims["cnf"], json!({"jkt": key.thumbprint().to_string()}));
    }
}

#[tokio::test]
async fn a_jwt_access_token_has_the_claims_of_rfc_9068() {
    let world = world().await;
    let body =
        world.send(call(&world, "jwt-client").dpop(world.proof(&key())).with("scope", "read")).await.ok();
    let claims = claims(&body["access_token"]);
    let now = world.clock.now().as_seconds();
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], API);
    assert_eq!(claims["client_id"], "jwt-client");
    assert_eq!(claims["sub"], "client:jwt-client", "no client can pass for a person");
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 300)));
    assert_eq!((claims["scope"].as_str(), body["scope"].as_str()), (Some("read"), Some("read")));
    assert!(claims["jti"].is_string());
    assert_eq!(body["expires_in"], 300);
    assert!(body["access_token"].as_str().unwrap().len() < 1536);
}

#[tokio::test]
async fn a_client_that_must_be_bound_gets_no_token_without_its_proof_under_any_grant() {
    let world = world().await;
    for (client, code, reason) in [
        ("jwt-client", "invalid_request", "sender_constraint_missing"),
        ("jwt-dpop", "invalid_dpop_proof", "dpop_proof_missing"),
        ("jwt-mtls", "invalid_request", "certificate_missing"),
        ("jwt-both", "invalid_request", "sender_constraint_missing"),
        ("jwt-opaque", "invalid_request", "sender_constraint_missing"),
    ] {
        world.send(call(&world, client)).await.error(400, code).reason(reason);
        let token = world.provision(client, bindery_core::token::confirmation::Confirmation::Unbound).await;
        let refresh =
            Call::token("refresh_token").with("refresh_token", token).assertion(world.assertion(client));
        world.send(refresh).await.error(400, code).reason(reason);
    }
    world
        .send(Call::token("client_credentials").basic("basic-client", SECRET))
        .await
        .error(400, "invalid_request")
        .reason("sender_constraint_missing");
}

#[tokio::test]
async fn each_defect_of_a_proof_is_an_invalid_dpop_proof() {
    let world = world().await;
    let (key, other) = (key(), key());
    let now = world.clock.now().as_seconds();
    let proof = |header: serde_json::Value, claims: serde_json::Value| {
        let mut good_header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public_key().to_jwk()});
        let mut good_claims =
            json!({"jti": world.unique(), "htm": "POST", "htu": format!("{ISSUER}/token"), "iat": now});
        merge(&mut good_header, &header);
        merge(&mut good_claims, &claims);
        sign(&key, &good_header, &good_claims)
    };
    let mut private = key.public_key().to_jwk();
    private.insert("d".into(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into());
    for (proof, reason) in [
        (proof(json!({"typ": "JWT"}), json!({})), "proof_type"),
        (proof(json!({"alg": "none"}), json!({})), "proof_algorithm"),
        (proof(json!({"alg": "HS256"}), json!({})), "proof_algorithm"),
        (proof(json!({"alg": "RS256"}), json!({})), "proof_algorithm"),
        (proof(json!({"jwk": private}), json!({})), "proof_key"),
        (proof(json!({"jwk": other.public_key().to_jwk()}), json!({})), "proof_signature"),
        (proof(json!({}), json!({"htm": "GET"})), "proof_method"),
        (proof(json!({}), json!({"htu": "https://evil.example/token"})), "proof_target"),
        (proof(json!({}), json!({"htu": format!("{ISSUER}/revoke")})), "proof_target"),
        (proof(json!({}), json!({"htu": format!("{ISSUER}:8443/token")})), "proof_target"),
        (proof(json!({}), json!({"iat": now - 61})), "proof_expired"),
        (proof(json!({}), json!({"iat": now + 31})), "proof_from_future"),
        (proof(json!({}), json!({"jti": null})), "proof_incomplete"),
        (proof(json!({"crit": ["x"]}), json!({})), "proof_malformed"),
        ("not-a-proof".into(), "proof_malformed"),
        ("a".repeat(9000), "proof_malformed"),
    ] {
        let answer = world.send(call(&world, "jwt-client").dpop(proof)).await;
        answer.error(400, "invalid_dpop_proof").reason(reason);
        assert_eq!(answer.body["server_time"], now);
        assert_eq!(answer.body["accepted_past_seconds"], 60);
    }
    // The good one passes, so each defect above was the reason.
    world.send(call(&world, "jwt-client").dpop(proof(json!({}), json!({"ath": "ignored"})))).await.ok();
}

#[tokio::test]
async fn two_dpop_headers_are_refused() {
    let world = world().await;
    let key = key();
    let call = call(&world, "jwt-client").dpop(world.proof(&key)).dpop(world.proof(&key));
    world.send(call).await.error(400, "invalid_dpop_proof").reason("proof_duplicate");
}

#[tokio::test]
async fn a_proof_for_the_alias_url_is_good_at_the_token_endpoint() {
    let world = world().await;
    let proof = world.proof_with(&key(), &format!("{MTLS}/token"), None);
    world.send(call(&world, "jwt-client").dpop(proof)).await.ok();
}

#[tokio::test]
async fn a_proof_is_good_once_also_when_sent_many_times_at_once() {
    let world = Arc::new(world().await);
    let proof = world.proof(&key());
    let calls = (0..50).map(|_| world.send(call(&world, "jwt-client").dpop(proof.clone())));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1);
    let refused = answers.iter().find(|answer| !answer.status.is_success()).unwrap();
    refused.error(400, "invalid_dpop_proof").reason("proof_replayed");
}

#[tokio::test]
async fn a_proof_refused_with_its_client_is_not_burnt() {
    let world = world().await;
    let proof = world.proof(&key());
    let stranger = Call::token("client_credentials").basic("basic-client", "wrong").dpop(proof.clone());
    world.send(stranger).await.error(401, "invalid_client");
    world.send(call(&world, "jwt-client").dpop(proof)).await.ok();
}

#[tokio::test]
async fn the_nonce_is_demanded_before_the_assertion_is_spent() {
    let world = nonce_world().await;
    let (key, assertion) = (key(), world.assertion("jwt-client"));
    let call = |nonce: Option<&str>| {
        let proof = world.proof_with(&key, &format!("{ISSUER}/token"), nonce);
        Call::token("client_credentials").assertion(assertion.clone()).dpop(proof)
    };
    let challenge = world.send(call(None)).await;
    challenge.error(400, "use_dpop_nonce");
    let nonce = challenge.nonce();
    // The very same assertion passes now, and only now is it spent.
    let issued = world.send(call(Some(&nonce))).await;
    assert!(!issued.nonce().is_empty(), "the next nonce comes along where nonces are required");
    issued.ok();
    world.send(call(Some(&nonce))).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_nonce_that_is_altered_stale_or_foreign_is_met_with_a_fresh_one() {
    let world = nonce_world().await;
    let foreign = nonce_world().await;
    let key = key();
    let with = |nonce: &str| {
        call(&world, "jwt-client").dpop(world.proof_with(&key, &format!("{ISSUER}/token"), Some(nonce)))
    };
    let nonce = world.send(call(&world, "jwt-client").dpop(world.proof(&key))).await.nonce();
    let altered = format!("{}{}", &nonce[..nonce.len() - 1], if nonce.ends_with('A') { 'Q' } else { 'A' });
    let elsewhere = foreign.send(call(&foreign, "jwt-client").dpop(foreign.proof(&key))).await.nonce();
    for bad in [altered.as_str(), elsewhere.as_str(), "x"] {
        let answer = world.send(with(bad)).await;
        answer.error(400, "use_dpop_nonce");
        assert_ne!(answer.nonce(), bad);
    }
    // A nonce may be used again as long as the proof is new (DPOP-11.1-06).
    world.send(with(&nonce)).await.ok();
    world.send(with(&nonce)).await.ok();
    world.advance(301);
    world.send(with(&nonce)).await.error(400, "use_dpop_nonce");
}

#[tokio::test]
async fn a_nonce_outlives_the_rotation_of_its_key() {
    let world = nonce_world().await;
    let key = key();
    world.advance(3590);
    let nonce = world.send(call(&world, "jwt-client").dpop(world.proof(&key))).await.nonce();
    world.advance(20);
    world.server.maintain().await.unwrap();
    let proof = world.proof_with(&key, &format!("{ISSUER}/token"), Some(&nonce));
    world.send(call(&world, "jwt-client").dpop(proof)).await.ok();
    // Many rotations later the ring still is small, and new nonces still are good.
    for _ in 0..300 {
        world.advance(3601);
        world.server.maintain().await.unwrap();
    }
    let nonce = world.send(call(&world, "jwt-client").dpop(world.proof(&key))).await.nonce();
    let proof = world.proof_with(&key, &format!("{ISSUER}/token"), Some(&nonce));
    world.send(call(&world, "jwt-client").dpop(proof)).await.ok();
}

#[tokio::test]
async fn a_proof_that_may_predate_the_replay_memory_is_met_with_a_nonce() {
    let setup = Setup::new();
    let world = setup.start().await;
    // Two seconds after the start: a proof of now could have been made, and used, before it.
    world.clock.set(bindery_core::time::UnixTime::from_seconds(1_800_000_002));
    let key = key();
    let challenge = world.send(call(&world, "jwt-client").dpop(world.proof(&key))).await;
    challenge.error(400, "use_dpop_nonce");
    let proof = world.proof_with(&key, &format!("{ISSUER}/token"), Some(&challenge.nonce()));
    world.send(call(&world, "jwt-client").dpop(proof)).await.ok();
}

#[tokio::test]
async fn a_full_replay_memory_refuses_and_says_that_it_can_not_decide() {
    let mut setup = Setup::new();
    setup.configuration["dpop"] = json!({"replay_bound": 1});
    let world = setup.start().await;
    world.send(call(&world, "jwt-client").dpop(world.proof(&key()))).await.ok();
    world
        .send(call(&world, "jwt-client").dpop(world.proof(&key())))
        .await
        .error(503, "temporarily_unavailable");
}

#[tokio::test]
async fn strangers_who_say_the_name_of_a_public_client_fill_no_replay_memory() {
    let mut setup = Setup::new();
    setup.configuration["dpop"] = json!({"replay_bound": 1});
    let world = setup.start().await;
    for _ in 0..3 {
        let guess = world.refresh("public-client", "no-token-of-ours").dpop(world.proof(&key()));
        world.send(guess).await.error(400, "invalid_grant");
    }
    let other_grant = Call::token("client_credentials").with("client_id", "public-client");
    world.send(other_grant.dpop(world.proof(&key()))).await.error(400, "unauthorized_client");
    world.send(call(&world, "jwt-client").dpop(world.proof(&key()))).await.ok();
}

#[tokio::test]
async fn a_replay_memory_in_the_store_is_shared_by_all_servers_on_it() {
    let mut setup = Setup::new();
    setup.configuration["dpop"] = json!({"replay": "store"});
    let configuration = setup.configuration.clone();
    let mut world = setup.start().await;
    let second = world.another(configuration).await;
    let proof = world.proof(&key());
    world.send(call(&world, "jwt-client").dpop(proof.clone())).await.ok();
    let replay = call(&world, "jwt-client").dpop(proof);
    world.router = second.router();
    world.send(replay).await.error(400, "invalid_dpop_proof").reason("proof_replayed");
}

#[tokio::test]
async fn rejects_a_proof_from_before_the_restart_of_a_store_that_forgets() {
    let mut setup = Setup::new();
    setup.configuration["dpop"] = json!({"replay": "store"});
    let configuration = setup.configuration.clone();
    let mut world = setup.start().await;
    let proof = world.proof(&key());
    world.send(call(&world, "jwt-client").dpop(proof.clone())).await.ok();
    let claims = ReplayMemory::new(100, world.clock.now(), [8; 16]);
    world.store = Arc::new(MemoryStore::new(claims));
    let restarted = world.another(configuration).await;
    world.advance(1);
    let replay = call(&world, "jwt-client").dpop(proof);
    world.router = restarted.router();
    world.send(replay).await.error(400, "use_dpop_nonce").reason("proof_predates_memory");
}

#[tokio::test]
async fn a_nonce_of_one_server_is_good_at_every_server_on_the_same_store() {
    let mut setup = Setup::new();
    setup.configuration["dpop"] = json!({"nonce": "required"});
    let configuration = setup.configuration.clone();
    let mut world = setup.start().await;
    let second = world.another(configuration).await;
    world.advance(5);
    let key = key();
    let nonce = world.send(call(&world, "jwt-client").dpop(world.proof(&key))).await.nonce();
    world.router = second.router();
    let proof = world.proof_with(&key, &format!("{ISSUER}/token"), Some(&nonce));
    world.send(call(&world, "jwt-client").dpop(proof)).await.ok();
}

#[tokio::test]
async fn both_demands_both_and_the_token_names_both() {
    let world = world().await;
    let key = key();
    let certificate = world.self_signed.clone();
    world
        .send(call(&world, "jwt-both").dpop(world.proof(&key)))
        .await
        .error(400, "invalid_request")
        .reason("certificate_missing");
    world.send(call(&world, "jwt-both").certificate(&certificate)).await.error(400, "invalid_dpop_proof");
    let body =
        world.send(call(&world, "jwt-both").certificate(&certificate).dpop(world.proof(&key))).await.ok();
    assert_eq!(body["token_type"], "DPoP");
    let cnf = json!({"jkt": key.thumbprint().to_string(), "x5t#S256": certificate.thumbprint().to_string()});
    assert_eq!(claims(&body["access_token"])["cnf"], cnf);
}

#[tokio::test]
async fn a_bearer_exception_ends_on_its_day() {
    let world = world().await;
    let body = world.send(call(&world, "jwt-exception")).await.ok();
    assert_eq!(body["token_type"], "Bearer");
    assert!(!claims(&body["access_token"]).contains_key("cnf"));
    // A proof binds the token all the same: the way out of the exception is open.
    let bound = world.send(call(&world, "jwt-exception").dpop(world.proof(&key()))).await.ok();
    assert_eq!(bound["token_type"], "DPoP");
    world.advance(899);
    let last = world.send(call(&world, "jwt-exception")).await.ok();
    assert_eq!(last["expires_in"], 1, "no bearer token outlives the exception");
    world.advance(1);
    world
        .send(call(&world, "jwt-exception"))
        .await
        .error(400, "invalid_request")
        .reason("bearer_exception_ended");
    world.send(call(&world, "jwt-exception").dpop(world.proof(&key()))).await.ok();
}

async fn nonce_world() -> World {
    let mut setup = Setup::new();
    setup.configuration["dpop"] = json!({"nonce": "required"});
    setup.start().await
}
