//! Client authentication at every endpoint: private_key_jwt, secrets, public clients (RFC 7523, RFC 6749).

use std::sync::Arc;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use bindery_http::Clock as _;
use serde_json::{Value, json};

use crate::support::{Answer, Call, ISSUER, MTLS, SECRET, Setup, World, base64_standard, key, sign, world};

async fn with_assertion(world: &World, assertion: String) -> Answer {
    world.send(Call::token("client_credentials").assertion(assertion).dpop(world.proof(&key()))).await
}

#[tokio::test]
async fn an_assertion_is_good_once_at_whatever_endpoint() {
    let world = world().await;
    let assertion = world.assertion("jwt-client");
    with_assertion(&world, assertion.clone()).await.ok();
    with_assertion(&world, assertion.clone()).await.error(401, "invalid_client");
    let call = Call::to("/introspect").with("token", "x").assertion(assertion);
    world.send(call).await.error(401, "invalid_client");
}

#[tokio::test]
async fn of_an_assertion_sent_many_times_at_once_one_passes() {
    let world = Arc::new(world().await);
    let assertion = world.assertion("jwt-client");
    let calls = (0..50).map(|_| with_assertion(&world, assertion.clone()));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1);
}

#[tokio::test]
async fn an_assertion_that_may_predate_a_volatile_memory_is_refused() {
    let world = world().await;
    world.clock.set(bindery_core::time::UnixTime::from_seconds(crate::support::START));
    let spent_before_the_restart = world.assertion("jwt-client");
    world.advance(2);
    let revoke = |assertion: String| world.send(Call::to("/revoke").with("token", "x").assertion(assertion));
    for assertion in [spent_before_the_restart, world.assertion_with("jwt-client", &json!({"iat": null}))] {
        revoke(assertion).await.error(401, "invalid_client");
    }
    assert_eq!(revoke(world.assertion("jwt-client")).await.status.as_u16(), 200);
    // What lies ahead now could be used again after a restart, so it is not taken.
    let ahead = world.assertion_with("jwt-client", &json!({"iat": crate::support::START + 3}));
    revoke(ahead).await.error(401, "invalid_client");
}

#[tokio::test]
async fn the_same_jti_of_two_clients_is_two_assertions() {
    let world = world().await;
    for client in ["jwt-client", "jwt-dpop"] {
        let assertion = world.assertion_with(client, &json!({"jti": "the-same"}));
        with_assertion(&world, assertion).await.ok();
    }
}

#[tokio::test]
async fn each_defect_of_an_assertion_fails_authentication() {
    let world = world().await;
    let now = world.clock.now().as_seconds();
    for changes in [
        json!({"iss": "jwt-dpop"}),
        json!({"iss": null}),
        json!({"sub": "jwt-dpop"}),
        json!({"aud": "https://other.example"}),
        json!({"aud": null}),
        json!({"aud": []}),
        json!({"aud": [ISSUER, "https://other.example"]}),
        json!({"aud": 1}),
        json!({"aud": format!("{ISSUER}/")}),
        json!({"exp": null}),
        json!({"exp": now}),
        json!({"exp": now + 301}),
        json!({"exp": (now + 60).to_string()}),
        json!({"exp": i64::MAX}),
        json!({"iat": now + 31}),
        json!({"nbf": now + 31}),
        json!({"iat": "now"}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"jti": "j".repeat(257)}),
        json!({"jti": 7}),
    ] {
        let assertion = world.assertion_with("jwt-client", &changes);
        let answer = with_assertion(&world, assertion).await;
        assert_eq!(answer.status.as_u16(), 401, "{changes}: {}", answer.body);
        answer.error(401, "invalid_client");
    }
}

#[tokio::test]
async fn the_audience_may_be_any_of_our_own_urls_unless_the_profile_says_issuer_only() {
    let own = [
        json!(ISSUER),
        json!(format!("{ISSUER}/token")),
        json!(format!("{MTLS}/token")),
        json!([ISSUER, format!("{ISSUER}/token")]),
    ];
    let world = world().await;
    for audience in &own {
        let assertion = world.assertion_with("jwt-client", &json!({"aud": audience}));
        with_assertion(&world, assertion).await.ok();
    }
    let mut setup = Setup::new();
    setup.configuration["assertion_audience"] = json!("issuer");
    let world = setup.start().await;
    for audience in &own {
        let assertion = world.assertion_with("jwt-client", &json!({"aud": audience}));
        let answer = with_assertion(&world, assertion).await;
        assert_eq!(answer.status.is_success(), *audience == json!(ISSUER), "{audience}");
    }
    let assertion = world.assertion_with("jwt-client", &json!({"aud": [ISSUER]}));
    with_assertion(&world, assertion).await.error(401, "invalid_client");
}

#[tokio::test]
async fn an_assertion_is_pinned_to_the_clients_own_keys_and_algorithms() {
    let world = world().await;
    let now = world.clock.now().as_seconds();
    let claims = |jti: &str| json!({"iss": "jwt-client", "sub": "jwt-client", "aud": ISSUER, "jti": jti, "iat": now, "exp": now + 60});
    let other = key();
    let ed25519 = SigningKey::generate(SignatureAlgorithm::EdDsa).unwrap();
    let embedded = json!({"alg": "ES256", "jwk": other.public_key().to_jwk()});
    for (key, header) in [
        (&other, json!({"alg": "ES256"})),
        (&other, embedded),
        (&other, json!({"alg": "ES256", "jku": "https://evil.example/jwks"})),
        (&ed25519, json!({"alg": "EdDSA"})),
        (&world.assertion_key, json!({"alg": "none"})),
        (&world.assertion_key, json!({"alg": "HS256"})),
        (&world.assertion_key, json!({"alg": "RS256"})),
        (&world.assertion_key, json!({"alg": "ES384"})),
        (&world.assertion_key, json!({})),
        (&world.assertion_key, json!({"alg": "ES256", "kid": "unknown"})),
        (&world.assertion_key, json!({"alg": "ES256", "typ": "dpop+jwt"})),
        (&world.assertion_key, json!({"alg": "ES256", "typ": "at+jwt"})),
        (&world.assertion_key, json!({"alg": "ES256", "crit": ["exp"]})),
        (&world.assertion_key, json!({"alg": "ES256", "b64": false})),
    ] {
        let answer = with_assertion(&world, sign(key, &header, &claims(&world.unique()))).await;
        assert_eq!(answer.status.as_u16(), 401, "{header}");
    }
    for header in [
        json!({"alg": "ES256"}),
        json!({"alg": "ES256", "typ": "JWT"}),
        json!({"alg": "ES256", "typ": "client-authentication+jwt"}),
        // Steering members are read past, so a good signature passes with them.
        json!({"alg": "ES256", "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"}),
    ] {
        with_assertion(&world, sign(&world.assertion_key, &header, &claims(&world.unique()))).await.ok();
    }
}

#[tokio::test]
async fn an_unsigned_assertion_of_empty_signature_is_refused() {
    let world = world().await;
    let assertion = world.assertion("jwt-client");
    let unsigned = format!("{}.", assertion.rsplit_once('.').unwrap().0);
    with_assertion(&world, unsigned).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_proof_or_an_access_token_is_no_assertion_and_an_assertion_no_proof() {
    let world = world().await;
    let proof_key = key();
    with_assertion(&world, world.proof(&proof_key)).await.error(401, "invalid_client");
    let issued = with_assertion(&world, world.assertion("jwt-client")).await.ok();
    let token = issued["access_token"].as_str().unwrap().to_owned();
    with_assertion(&world, token.clone()).await.error(401, "invalid_client");
    for not_a_proof in [world.assertion("jwt-client"), token] {
        let call =
            Call::token("client_credentials").assertion(world.assertion("jwt-client")).dpop(not_a_proof);
        world.send(call).await.error(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_client_cannot_use_another_method_than_its_own() {
    let world = world().await;
    let proof = || world.proof(&key());
    let calls = [
        Call::token("client_credentials").basic("jwt-client", SECRET),
        Call::token("client_credentials").with("client_id", "jwt-client"),
        Call::token("client_credentials").with("client_id", "jwt-client").certificate(&world.pki_certificate),
        Call::token("client_credentials").assertion(world.assertion("basic-client")),
        Call::token("client_credentials").with("client_id", "basic-client"),
        Call::token("client_credentials")
            .assertion(world.assertion("pki-client"))
            .certificate(&world.pki_certificate),
        Call::token("client_credentials").basic("pki-client", SECRET).certificate(&world.pki_certificate),
        Call::token("refresh_token").with("refresh_token", "x").basic("public-client", ""),
        Call::token("refresh_token").with("refresh_token", "x").assertion(world.assertion("public-client")),
        Call::token("client_credentials").with("client_id", "basic-client").with("client_secret", SECRET),
        Call::token("client_credentials").with("client_id", "post-client").with("client_secret", "wrong"),
        Call::token("client_credentials").with("client_secret", SECRET),
        Call::token("client_credentials").basic("post-client", SECRET),
        Call::token("client_credentials").with("client_id", "jwt-client").with("client_secret", SECRET),
    ];
    for call in calls {
        world.send(call.dpop(proof())).await.error(401, "invalid_client");
    }
}

#[tokio::test]
async fn more_than_one_method_is_an_invalid_request() {
    let world = world().await;
    let calls = [
        Call::token("client_credentials")
            .basic("basic-client", SECRET)
            .assertion(world.assertion("jwt-client")),
        Call::token("client_credentials").basic("basic-client", SECRET).with("client_secret", SECRET),
        Call::token("client_credentials").basic("basic-client", SECRET).basic("basic-client", SECRET),
        Call::token("client_credentials").assertion(world.assertion("jwt-client")).with("client_secret", "x"),
    ];
    for call in calls {
        world.send(call).await.error(400, "invalid_request").reason("several_client_authentications");
    }
}

#[tokio::test]
async fn a_secret_is_checked_and_unknown_clients_get_the_same_answer() {
    let world = world().await;
    let call = |id: &str, secret: &str| {
        world.send(Call::token("client_credentials").basic(id, secret).dpop(world.proof(&key())))
    };
    call("basic-client", SECRET).await.ok();
    let wrong = call("basic-client", "wrong").await;
    let unknown = call("nobody", SECRET).await;
    let empty = call("basic-client", "").await;
    for answer in [&wrong, &unknown, &empty] {
        answer.error(401, "invalid_client");
        assert_eq!(answer.headers["www-authenticate"], "Basic realm=\"authorization server\"");
        assert_eq!(answer.body, wrong.body);
    }
    let absent = world.send(Call::token("client_credentials").dpop(world.proof(&key()))).await;
    assert_eq!(absent.error(401, "invalid_client").body, wrong.body);
    assert!(!absent.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn basic_credentials_that_are_malformed_fail() {
    let world = world().await;
    for value in ["Basic", "Basic !", "Basic YQ==", "Bearer abc", "DPoP abc", "Basic  YTpi"] {
        let call = Call::token("client_credentials").header("authorization", value);
        world.send(call).await.error(401, "invalid_client");
    }
    let encoded = base64_standard(format!("basic%2Dclient:{SECRET}").as_bytes());
    let call = Call::token("client_credentials").header("authorization", format!("basic {encoded}"));
    world.send(call.dpop(world.proof(&key()))).await.ok();
}

#[tokio::test]
async fn a_disabled_client_fails_everywhere() {
    let world = world().await;
    for path in ["/token", "/introspect", "/revoke"] {
        let call = Call::to(path)
            .with("grant_type", "client_credentials")
            .with("token", "x")
            .assertion(world.assertion("jwt-disabled"))
            .dpop(world.proof(&key()));
        world.send(call).await.error(401, "invalid_client");
    }
}

#[tokio::test]
async fn disabling_a_stored_client_takes_effect_at_once_and_ends_its_tokens() {
    let world = world().await;
    let now = world.clock.now();
    let metadata: Value = json!({
        "token_endpoint_auth_method": "private_key_jwt", "grant_types": ["client_credentials"],
        "audiences": [crate::support::API],
        "jwks": {"keys": [world.assertion_key.public_key().to_jwk()]},
    });
    let record = bindery_store::record::ClientRecord {
        client_id: "stored".into(),
        metadata,
        secret_sha256: None,
        disabled: false,
        created_at: now,
        updated_at: now,
        registration: serde_json::json!({}),
        revision: 0,
    };
    world.store.insert_client(&record).await.unwrap();
    let issued = with_assertion(&world, world.assertion("stored")).await.ok();
    let token = issued["access_token"].as_str().unwrap();
    assert_eq!(world.introspect(token).await["active"], true);
    world.store.disable_client("stored", now).await.unwrap();
    with_assertion(&world, world.assertion("stored")).await.error(401, "invalid_client");
    assert_eq!(world.introspect(token).await, json!({"active": false}));
}

#[tokio::test]
async fn client_id_must_agree_with_the_credential() {
    let world = world().await;
    let call = Call::token("client_credentials")
        .with("client_id", "jwt-dpop")
        .assertion(world.assertion("jwt-client"));
    world.send(call.dpop(world.proof(&key()))).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_public_client_gets_no_client_credentials_token() {
    let world = world().await;
    let call = Call::token("client_credentials").with("client_id", "public-client").dpop(world.proof(&key()));
    world.send(call).await.error(400, "unauthorized_client");
}
