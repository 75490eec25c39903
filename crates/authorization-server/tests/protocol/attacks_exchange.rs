//! Laundering by token exchange (RFC 8693 section 5, RFC 9449 section 11): what one exchange refuses, several in a
//! row must refuse too. Who may exchange what at all stands in `token_exchange`.

use bindery_crypto::SigningKey;
use bindery_store::record::GrantFilter;
use serde_json::{Value, json};

use crate::support::{API, Answer, OTHER_API, World, claims, key};
use crate::token_exchange::{ACCESS_TOKEN, setup, world};

fn refused(answer: &Answer, reason: &str) {
    answer.error(400, "invalid_request").reason(reason);
}

fn token_of(body: &Value) -> String {
    body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_chain_of_exchanges_gains_scope_or_audience() {
    let world = world().await;
    let key = key();
    let first = world.subject_token("bearer", None).await;
    let second = world.exchange("narrow", &first).with("scope", "read").with("audience", API);
    let second = token_of(&world.exchanged(second, &key).await.ok());
    // What was given up does not come back, though the first token had it and the client may have it.
    let wider = world.exchange("narrow", &second).with("scope", "read write");
    world.exchanged(wider, &key).await.error(400, "invalid_scope");
    let elsewhere = world.exchange("narrow", &second).with("audience", OTHER_API);
    world.exchanged(elsewhere, &key).await.error(400, "invalid_target");
    let same = world.exchanged(world.exchange("narrow", &second), &key).await.ok();
    assert_eq!((&same["scope"], &claims(&same["access_token"])["aud"]), (&json!("read"), &json!(API)));
    // Onwards is a way without return: who may go from here to there does not come back with more.
    let there = token_of(&world.exchanged(world.exchange("service", &first), &key).await.ok());
    let back = world.exchange("service", &there).with("audience", API);
    world.exchanged(back, &key).await.error(400, "invalid_target");
    refused(&world.exchanged(world.exchange("narrow", &there), &key).await, "subject_token_of_another");
}

#[tokio::test]
async fn no_chain_of_exchanges_outlives_its_first_token() {
    let world = world().await;
    let key = key();
    let mut token = world.subject_token("holder", Some(&key)).await;
    let ends = claims(&json!(token))["exp"].clone();
    for _ in 0..5 {
        world.advance(50);
        token = token_of(&world.exchanged(world.exchange("holder", &token), &key).await.ok());
        assert_eq!(claims(&json!(token))["exp"], ends);
    }
    world.advance(50);
    refused(&world.exchanged(world.exchange("holder", &token), &key).await, "subject_token");
}

#[tokio::test]
async fn what_was_bound_once_is_bound_for_ever() {
    let world = world().await;
    let (own, thief) = (key(), key());
    // A bearer token becomes a bound one, and there is no way back.
    let bearer = world.subject_token("bearer", None).await;
    let bound = token_of(&world.exchanged(world.exchange("lax", &bearer), &own).await.ok());
    assert_eq!(claims(&json!(bound))["cnf"]["jkt"], own.thumbprint().to_string());
    refused(&world.send(world.exchange("lax", &bound)).await, "possession");
    refused(&world.exchanged(world.exchange("lax", &bound), &thief).await, "possession");
    // Nor does an unbound actor token, or one bound to the thief, vouch for a bound subject token.
    for actor in [world.subject_token("lax", None).await, world.subject_token("lax", Some(&thief)).await] {
        let call = world.exchange("lax", &bound).with("actor_token", actor);
        let call = call.with("actor_token_type", ACCESS_TOKEN);
        refused(&world.exchanged(call, &thief).await, "possession");
    }
}

#[tokio::test]
async fn nobody_says_who_acts_but_tokens() {
    let world = world().await;
    let key = key();
    let subject = world.subject_token("bearer", None).await;
    let forged = [
        ("act", json!({"sub": "root"}).to_string()),
        ("may_act", json!({"sub": "client:service"}).to_string()),
        ("cnf", json!({"jkt": "another"}).to_string()),
        ("sub", "root".into()),
        ("subject", "root".into()),
        ("actor", "root".into()),
        ("gid", "another".into()),
    ];
    let call = forged
        .iter()
        .fold(world.exchange("service", &subject), |call, (name, value)| call.with(name, value.as_str()));
    let issued = claims(&world.exchanged(call, &key).await.ok()["access_token"]);
    assert_eq!((&issued["sub"], &issued["act"]), (&json!("alice"), &json!({"sub": "client:service"})));
    assert_eq!((issued.get("may_act"), &issued["cnf"]["jkt"]), (None, &json!(key.thumbprint().to_string())));
    assert_eq!(issued["gid"], claims(&json!(subject))["gid"]);
}

#[tokio::test]
async fn a_chain_of_actors_has_an_end_and_forgets_nobody() {
    let world = world().await;
    let key = key();
    let first = world.subject_token("bearer", None).await;
    let mut token = token_of(&world.exchanged(world.exchange("service", &first), &key).await.ok());
    let mut acted = json!({"sub": "client:service"});
    for _ in 1..8 {
        let call = with_actor(&world, &token, &key).await;
        token = token_of(&world.exchanged(call, &key).await.ok());
        acted = json!({"sub": "alice", "act": acted});
        assert_eq!(claims(&json!(token))["act"], acted);
    }
    let call = with_actor(&world, &token, &key).await;
    refused(&world.exchanged(call, &key).await, "act_too_long");
}

async fn with_actor(world: &World, subject: &str, key: &SigningKey) -> crate::support::Call {
    let actor = world.subject_token("service", Some(key)).await;
    let call = world.exchange("service", subject);
    call.with("actor_token", actor).with("actor_token_type", ACCESS_TOKEN)
}

#[tokio::test]
async fn a_token_of_another_issuer_is_nobodys_here() {
    let world = world().await;
    let key = key();
    // The same names and the same issuer with other keys, and another issuer with the same clients.
    let mut elsewhere = setup();
    elsewhere.configuration["issuer"] = json!("https://other-id.example");
    for other in [setup().start().await, elsewhere.start().await] {
        for client in ["bearer", "opaque"] {
            let refresh =
                other.provision(client, bindery_core::token::confirmation::Confirmation::Unbound).await;
            let call = crate::support::Call::token("refresh_token").with("refresh_token", refresh);
            let issuer = other.server.issuer().to_owned();
            let assertion = other.assertion_with(client, &json!({"aud": issuer}));
            let proof = other.proof_with(&key, &format!("{issuer}/token"), None);
            let call = call.assertion(assertion);
            let call = if client == "bearer" { call } else { call.dpop(proof) };
            let token = token_of(&other.send(call).await.ok());
            let holder = if client == "bearer" { "service" } else { "opaque" };
            refused(&world.exchanged(world.exchange(holder, &token), &key).await, "subject_token");
            let own = world.subject_token("service", Some(&key)).await;
            let acting = world.exchange("service", &own).with("actor_token", token);
            let acting = acting.with("actor_token_type", ACCESS_TOKEN);
            refused(&world.exchanged(acting, &key).await, "actor_token");
        }
    }
}

#[tokio::test]
async fn a_revoked_grant_takes_the_whole_chain_with_it() {
    let world = world().await;
    let key = key();
    let first = world.subject_token("bearer", None).await;
    let second = token_of(&world.exchanged(world.exchange("service", &first), &key).await.ok());
    let third = token_of(&world.exchanged(world.exchange("service", &second), &key).await.ok());
    let grant = claims(&json!(first))["gid"].as_str().unwrap().to_owned();
    world.store.revoke_grant(&grant, bindery_core::time::UnixTime::from_seconds(world.now())).await.unwrap();
    for token in [&first, &second, &third] {
        let client = if *token == first { "bearer" } else { "service" };
        let call = crate::support::Call::to("/introspect").with("token", token.as_str());
        let answer = world.send(call.assertion(world.assertion(client))).await.ok();
        assert_eq!(answer, json!({"active": false}), "{client}");
        refused(&world.exchanged(world.exchange("service", token), &key).await, "subject_token");
    }
}

/// CVE-2026-9704, CVE-2026-1486.
#[tokio::test]
async fn an_exchange_that_is_refused_leaves_nothing_that_lives() {
    let world = world().await;
    let (own, thief) = (key(), key());
    let bound = world.subject_token("holder", Some(&own)).await;
    let bearer = world.subject_token("bearer", None).await;
    let before = world.store.list_grants(&GrantFilter::default(), None, 100).await.unwrap();
    crate::logging::seen();
    for (call, key) in [
        (world.exchange("service", &bound), &thief),
        (world.exchange("stranger", &bearer), &own),
        (world.exchange("service", &bearer).with("scope", "admin"), &own),
        (world.exchange("service", &bearer).with("audience", API), &own),
        (world.exchange("service", &bearer).with("actor_token", "x"), &own),
        (world.exchange("closed", &bearer), &own),
    ] {
        let answer = world.exchanged(call, key).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body.get("access_token").is_none());
    }
    assert!(!crate::logging::seen().contains("token_issued"));
    assert_eq!(world.store.list_grants(&GrantFilter::default(), None, 100).await.unwrap(), before);
}
