//! Attacks on authorization codes: races, injection into another flow, values of one kind used as another. Each
//! test is named after the rule that stops the attack (docs/attacks.md).

use bindery_crypto::random_token;
use serde_json::json;

use crate::authorization::{CALLBACK, VERIFIER, challenge, world, world_with};
use crate::support::{Call, key};

#[tokio::test]
async fn of_one_code_redeemed_many_times_at_once_one_gets_a_token() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    let calls: Vec<Call> = (0..16).map(|_| world.redeem("web", &code, &key)).collect();
    let answers = futures_util::future::join_all(calls.into_iter().map(|call| world.send(call))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(won <= 1, "{won} tokens for one code");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.error(400, "invalid_grant");
    }
    // Two used it, so what the first one got is dead (FSP-AS-23).
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        let token = answer.body["access_token"].as_str().unwrap();
        assert_eq!(world.introspect(token).await["active"], false);
    }
}

/// Code injection (RFC 9700 section 4.5): the attacker's code in the victim's flow, whose verifier is another.
#[tokio::test]
async fn rejects_code_injected_into_a_flow_with_another_verifier() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    let other = random_token().unwrap();
    let injected = world.redeem_without_verifier("web", &code, &key).with("code_verifier", other.as_str());
    world.send(injected).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn rejects_code_with_another_redirect_uri_than_the_request_had() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    for redirect_uri in ["https://client.example/callback", "https://evil.example/callback?registered=1"] {
        let call = Call::token("authorization_code")
            .assertion(world.assertion("web"))
            .with("code", &code)
            .with("redirect_uri", redirect_uri)
            .with("code_verifier", VERIFIER)
            .dpop(world.proof(&key));
        world.send(call).await.error(400, "invalid_grant");
    }
}

/// CVE-2024-23647, CVE-2025-4144: whoever removed the challenge on the way must not be able to go on.
#[tokio::test]
async fn rejects_a_verifier_for_a_code_without_challenge() {
    let world = world().await;
    let key = key();
    let push = Call::to("/par")
        .assertion(world.assertion("web"))
        .with("response_type", "code")
        .with("redirect_uri", CALLBACK)
        .with("scope", "openid")
        .with("nonce", "a nonce takes the place of a challenge here");
    let code = world.code(push).await;
    world.send(world.redeem("web", &code, &key)).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn rejects_a_request_without_challenge_or_nonce() {
    let world = world().await;
    let push = Call::to("/par")
        .assertion(world.assertion("web"))
        .with("response_type", "code")
        .with("redirect_uri", CALLBACK)
        .with("scope", "openid read");
    world.send(push).await.error(400, "invalid_request");
}

/// CVE-2026-4282: what is single-use of one kind is nothing of another.
#[tokio::test]
async fn a_value_of_one_kind_is_worth_nothing_as_another() {
    let world = world().await;
    let key = key();
    let request_uri = world.pushed(world.push("web")).await;
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &world.code(world.push("web")).await, &key)).await.ok();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let access_token = tokens["access_token"].as_str().unwrap();
    let reference = request_uri.rsplit(':').next().unwrap();
    // An access token is longer than any code may be.
    assert_eq!(world.send(world.redeem("web", access_token, &key)).await.status, 400);
    for value in [request_uri.as_str(), reference, refresh_token] {
        world.send(world.redeem("web", value, &key)).await.error(400, "invalid_grant");
    }
    for value in [&code, request_uri.as_str(), reference] {
        world
            .send(world.refresh("web", value).assertion(world.assertion("web")).dpop(world.proof(&key)))
            .await
            .error(400, "invalid_grant");
    }
    // None of these attempts burnt anything.
    world.send(world.redeem("web", &code, &key)).await.ok();
    let refresh = world.refresh("web", refresh_token).assertion(world.assertion("web"));
    world.send(refresh.dpop(world.proof(&key))).await.ok();
}

/// AMB-29: a stranger who has an old code can't end somebody's grant with it.
#[tokio::test]
async fn a_stranger_with_a_used_code_ends_nobodys_grant() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &key)).await.ok();
    world.send(world.redeem("other-web", &code, &key)).await.error(400, "invalid_grant");
    let nobody = Call::token("authorization_code").with("client_id", "web").with("code", &code);
    assert!(world.send(nobody).await.status.is_client_error());
    assert_eq!(world.introspect(tokens["access_token"].as_str().unwrap()).await["active"], true);
}

/// A code is stolen before its client uses it: without the key that PAR proved it buys nothing.
#[tokio::test]
async fn rejects_a_stolen_code_without_the_key_that_the_request_named() {
    let world = world().await;
    let (own, thief) = (key(), key());
    let push = world.push("web").with("dpop_jkt", own.thumbprint().to_string());
    let code = world.code(push).await;
    world.send(world.redeem("web", &code, &thief)).await.error(400, "invalid_grant");
    let unproven = Call::token("authorization_code")
        .assertion(world.assertion("web"))
        .with("code", &code)
        .with("redirect_uri", CALLBACK)
        .with("code_verifier", VERIFIER);
    assert_eq!(world.send(unproven).await.status, 400);
    world.send(world.redeem("web", &code, &own)).await.ok();
}

/// A public client's code is as good as its verifier and its key: without DPoP it gets nothing.
#[tokio::test]
async fn a_public_clients_code_gives_bound_tokens_alone() {
    let world = world_with(json!({"token_endpoint_auth_method": "none", "jwks": null})).await;
    let push = Call::to("/par")
        .with("client_id", "web")
        .with("response_type", "code")
        .with("redirect_uri", CALLBACK)
        .with("scope", "openid read")
        .with("code_challenge", challenge())
        .with("code_challenge_method", "S256");
    let code = world.code(push).await;
    let redeem = Call::token("authorization_code")
        .with("client_id", "web")
        .with("code", &code)
        .with("redirect_uri", CALLBACK)
        .with("code_verifier", VERIFIER);
    assert_eq!(world.send(redeem.clone()).await.status, 400);
    let own = key();
    let tokens = world.send(redeem.dpop(world.proof(&own))).await.ok();
    assert_eq!(tokens["token_type"], "DPoP");
    // And so is what comes after it.
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let refresh =
        || Call::token("refresh_token").with("client_id", "web").with("refresh_token", refresh_token);
    world.send(refresh().dpop(world.proof(&key()))).await.error(400, "invalid_grant");
    world.send(refresh().dpop(world.proof(&own))).await.ok();
}
