//! Profiles are closed: what contradicts one does not start, and the error names the option; what one leaves
//! open is decided by it and advertised so.

use bindery_authorization_server::{AuthorizationServer, SealingKey, ServerConfiguration, ServerParts};
use serde_json::{Value, json};

use crate::configuration::{parts, start, store};
use crate::support::{Call, Setup, key};

/// A configuration without clients.
fn of(profile: &str, options: Value) -> Value {
    let mut configuration = json!({"issuer": "https://id.example", "profile": profile});
    configuration.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    configuration
}

#[tokio::test]
async fn an_option_that_makes_the_profile_laxer_does_not_start() {
    for fapi in ["fapi2-security", "fapi2-message-signing"] {
        for (options, option) in [
            (json!({"assertion_audience": "own_urls"}), "assertion_audience"),
            (json!({"pkce": "unless_nonce"}), "pkce"),
            (
                json!({"require_pushed_authorization_requests": false}),
                "require_pushed_authorization_requests",
            ),
            (json!({"request_by_reference": true}), "request_by_reference"),
            (json!({"response_modes": ["fragment"]}), "response_modes"),
            (json!({"registration": {"access": "open"}}), "registration.access"),
            (json!({"bearer": {"reason": "old", "until": "2027-06-30"}}), "bearer"),
            (json!({"code_lifetime": 61}), "code_lifetime"),
            (json!({"request_uri_lifetime": 600}), "request_uri_lifetime"),
            (json!({"signing_algorithms": ["RS256"]}), "signing_algorithms"),
            (json!({"assertion_algorithms": ["ES384"]}), "assertion_algorithms"),
            (json!({"dpop": {"algorithms": ["RS256"]}}), "dpop.algorithms"),
        ] {
            let error = start(of(fapi, options.clone())).await.expect_err(&options.to_string());
            assert!(error.contains(&format!("`{option}`")), "{options}: {error}");
            assert!(option.ends_with("lifetime") || error.contains(fapi), "{error}");
        }
        start(of(fapi, json!({"openid": true, "code_lifetime": 30}))).await.unwrap();
    }
}

#[tokio::test]
async fn what_means_nothing_does_not_start() {
    for (profile, options, option) in [
        ("openid", json!({"openid": false}), "openid"),
        ("oauth2.1", json!({"pkce": "public_clients"}), "pkce"),
        ("oauth2.1", json!({"bearer": {"reason": "old", "until": "2027-06-30"}}), "bearer"),
        ("openid", json!({"bearer": {"reason": " ", "until": "2027-06-30"}}), "bearer.reason"),
        ("openid", json!({"bearer": {"reason": "old", "until": "next year"}}), "bearer.until"),
        (
            "fapi2-message-signing",
            json!({"message_signing": {"requests": false, "responses": false, "introspection": false}}),
            "message_signing",
        ),
        (
            "oauth2.1",
            json!({"message_signing": {"responses": true}, "response_modes": ["query"]}),
            "response_modes",
        ),
        ("oauth2.1", json!({"response_modes": []}), "response_modes"),
        ("oauth2.1", json!({"response_modes": ["pigeon"]}), "response_modes"),
        ("oauth2.1", json!({"grants": ["password"]}), "grants"),
        ("oauth2.1", json!({"scope": [{"name": "a b"}]}), "scope a b"),
        ("oauth2.1", json!({"scope": [{"name": "a"}, {"name": "a"}]}), "scope a"),
        ("oauth2.1", json!({"acr": [{"value": "a"}, {"value": "a"}]}), "acr"),
        (
            "oauth2.1",
            json!({"authorization_details": [{"type": "a"}, {"type": "a"}]}),
            "authorization_details",
        ),
        (
            "oauth2.1",
            json!({"authorization_details": [{"type": "a", "required": ["b"], "members": ["b"]}]}),
            "authorization_details a",
        ),
        ("oauth2.1", json!({"resources": ["api"]}), "resources"),
        ("oauth2.1", json!({"resources": ["https://api.example#x"]}), "resources"),
        ("oauth2.1", json!({"subject_types": []}), "subject_types"),
        ("oauth2.1", json!({"registration": {"scope": "a  b"}}), "registration.scope"),
        ("oauth2.1", json!({"replicas": 0}), "replicas"),
        ("oauth2.1", json!({"sender_constraints": ["tls"]}), "tls"),
        ("oauth2.1", json!({"device": {"interval": 0}}), "device.interval"),
        ("fapi2", json!({}), "fapi2"),
    ] {
        let error = start(of(profile, options.clone())).await.expect_err(&options.to_string());
        assert!(error.contains(&format!("`{option}`")), "{options}: {error}");
    }
}

#[tokio::test]
async fn a_client_that_the_profile_has_no_room_for_does_not_start() {
    let setup = Setup::new();
    let client = |id: &str| {
        let clients = setup.configuration["client"].as_array().unwrap();
        clients.iter().find(|client| client["client_id"] == id).unwrap().clone()
    };
    for (client_id, option) in [
        ("basic-client", "token_endpoint_auth_method"),
        ("public-client", "token_endpoint_auth_method"),
        ("jwt-exception", "sender_constraint"),
        ("jwt-rotating", "refresh_token_rotation"),
        ("jwt-mtls", "sender_constraint"),
        ("jwt-both", "sender_constraint"),
    ] {
        let error = start(of("fapi2-security", json!({"client": [client(client_id)]}))).await.unwrap_err();
        assert!(error.contains(&format!("`client {client_id}: {option}`")), "{error}");
    }
    start(of("fapi2-security", json!({"client": [client("jwt-client"), client("jwt-dpop")]}))).await.unwrap();
}

#[tokio::test]
async fn certificates_that_nobody_asks_for_and_stores_that_nobody_shares_do_not_start() {
    let refused = |options: Value, change: fn(&mut ServerParts)| async move {
        let configuration: ServerConfiguration =
            serde_json::from_value(of("fapi2-security", options)).unwrap();
        let mut parts = parts(SealingKey::ephemeral().unwrap(), &store());
        change(&mut parts);
        AuthorizationServer::start(&configuration, parts).await.map(drop).map_err(|error| error.to_string())
    };
    let mtls = json!({"mtls_base_url": "https://mtls.id.example"});
    let error = refused(mtls, |parts| parts.takes_certificates = false).await.unwrap_err();
    assert!(error.contains("`mtls_base_url`") && error.contains("mtls_listener"), "{error}");
    let only = json!({"sender_constraints": ["mtls"]});
    let error = refused(only.clone(), |parts| parts.takes_certificates = false).await.unwrap_err();
    assert!(error.contains("`sender_constraints`"), "{error}");
    refused(only, |_| ()).await.unwrap();
    let several = json!({"replicas": 2, "dpop": {"replay": "store"}});
    let error = refused(several.clone(), |_| ()).await.unwrap_err();
    assert!(error.contains("`replicas`"), "{error}");
    refused(several, |parts| parts.store_is_shared = true).await.unwrap();
    let error = refused(json!({"replicas": 2}), |parts| parts.store_is_shared = true).await.unwrap_err();
    assert!(error.contains("`dpop.replay`"), "{error}");
}

#[tokio::test]
async fn where_certificates_alone_were_chosen_proofs_are_neither_accepted_nor_advertised() {
    let mut setup = Setup::new();
    setup.configuration["sender_constraints"] = json!(["mtls"]);
    setup.configuration["client"]
        .as_array_mut()
        .unwrap()
        .retain(|client| ["jwt-client", "pki-client"].contains(&client["client_id"].as_str().unwrap()));
    let world = setup.start().await;
    let document = crate::metadata::document(&world).await;
    assert_eq!(document.get("dpop_signing_alg_values_supported"), None);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let call = || Call::token("client_credentials").assertion(world.assertion("jwt-client"));
    world.send(call().dpop(world.proof(&key()))).await.error(400, "invalid_dpop_proof");
    world.send(call()).await.error(400, "invalid_request");
    let body = world.send(call().certificate(&world.pki_certificate)).await.ok();
    assert_eq!(body["token_type"], "Bearer");
}

#[tokio::test]
async fn where_dpop_alone_was_chosen_a_certificate_binds_nothing() {
    let mut setup = Setup::new();
    setup.configuration["profile"] = json!("fapi2-security");
    setup.configuration["client"]
        .as_array_mut()
        .unwrap()
        .retain(|client| ["jwt-client", "pki-client"].contains(&client["client_id"].as_str().unwrap()));
    let world = setup.start().await;
    let document = crate::metadata::document(&world).await;
    assert_eq!(document.get("tls_client_certificate_bound_access_tokens"), None);
    let call = || Call::token("client_credentials").assertion(world.assertion("jwt-client"));
    let refused = world.send(call().certificate(&world.pki_certificate)).await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.body);
    let by_certificate = || {
        Call::token("client_credentials").with("client_id", "pki-client").certificate(&world.pki_certificate)
    };
    let body = world.send(by_certificate().dpop(world.proof(&key()))).await.ok();
    assert_eq!(body["token_type"], "DPoP");
}

#[tokio::test]
async fn the_issuers_own_exception_covers_confidential_clients_that_say_nothing_and_ends() {
    let mut setup = Setup::new();
    setup.configuration["profile"] = json!("openid");
    setup.configuration["bearer"] =
        json!({"reason": "relying parties of the old portal", "until": "2027-06-30"});
    let world = setup.start().await;
    let secret = || Call::token("client_credentials").basic("basic-client", crate::support::SECRET);
    let body = world.send(secret()).await.ok();
    assert_eq!(body["token_type"], "Bearer");
    // Whoever proves a key has its tokens bound all the same.
    assert_eq!(world.send(secret().dpop(world.proof(&key()))).await.ok()["token_type"], "DPoP");
    // Who registered a constraint keeps it, and a public client is never covered.
    let bound = Call::token("client_credentials").assertion(world.assertion("jwt-dpop"));
    world.send(bound).await.error(400, "invalid_dpop_proof");
    let own = key();
    let token = world.provision("public-client", crate::support::dpop_binding(&own)).await;
    let unproven = world.send(world.refresh("public-client", &token)).await;
    assert_eq!(unproven.status.as_u16(), 400, "{}", unproven.body);
    world.advance(365 * 24 * 3600);
    world.send(secret()).await.error(400, "invalid_request");
}

#[tokio::test]
async fn the_openid_profile_has_an_rs256_key_beside_es256() {
    let world = {
        let mut setup = Setup::new();
        setup.configuration["profile"] = json!("openid");
        setup.start().await
    };
    let keys = world.server.jwk_set()["keys"].clone();
    let kinds: Vec<_> = keys.as_array().unwrap().iter().map(|key| key["kty"].clone()).collect();
    assert!(kinds.contains(&json!("RSA")) && kinds.contains(&json!("EC")), "{keys}");
}

#[tokio::test]
async fn a_client_may_keep_a_stricter_profile_and_never_a_laxer_one() {
    let setup = Setup::new();
    let client = |id: &str, members: Value| {
        let clients = setup.configuration["client"].as_array().unwrap();
        let mut client = clients.iter().find(|client| client["client_id"] == id).unwrap().clone();
        client.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        client
    };
    let judged = |profile: &'static str, client: Value| async move {
        start(of(profile, json!({"client": [client]}))).await.map(drop)
    };
    for (server, own, fits) in [
        ("openid", "oauth2.1", true),
        ("oauth2.1", "oauth2.1", true),
        ("oauth2.1", "fapi2-message-signing", true),
        ("oauth2.1", "openid", false),
        ("fapi2-message-signing", "fapi2-security", false),
        ("oauth2.1", "fapi2", false),
    ] {
        let outcome = judged(server, client("jwt-dpop", json!({"profile": own}))).await;
        assert_eq!(outcome.is_ok(), fits, "{server} {own}: {outcome:?}");
        let named = "`client jwt-dpop: profile`";
        assert!(fits || outcome.unwrap_err().contains(named));
    }
    // The stricter rules are the client's own: what they have no room for is refused for it alone.
    for (id, members, option) in [
        ("basic-client", json!({}), "token_endpoint_auth_method"),
        ("jwt-exception", json!({}), "sender_constraint"),
        ("jwt-rotating", json!({}), "refresh_token_rotation"),
        ("jwt-client", json!({"id_token_signed_response_alg": "RS256"}), "id_token_signed_response_alg"),
        ("jwt-client", json!({"request_object_signing_alg": "RS256"}), "request_object_signing_alg"),
        ("jwt-client", json!({"request_object_signing_alg": "none"}), "request_object_signing_alg"),
        ("jwt-client", json!({"response_modes": ["query"]}), "response_modes"),
    ] {
        let lax = of("openid", json!({"client": [client(id, members.clone())]}));
        start(lax).await.unwrap();
        let mut strict = client(id, members);
        strict["profile"] = json!("fapi2-message-signing");
        let error = judged("openid", strict).await.unwrap_err();
        assert!(error.contains(&format!("`client {id}: {option}`")), "{error}");
    }
}

#[tokio::test]
async fn a_stricter_client_authenticates_by_its_own_rules() {
    let mut setup = Setup::new();
    let mut strict = setup.configuration["client"][0].clone();
    strict["client_id"] = json!("strict");
    strict["profile"] = json!("fapi2-security");
    setup.configuration["client"].as_array_mut().unwrap().push(strict);
    let world = setup.start().await;
    let with = |client: &str, audience: &str| {
        Call::token("client_credentials")
            .assertion(world.assertion_with(client, &json!({"aud": audience})))
            .dpop(world.proof(&key()))
    };
    let token_endpoint = format!("{}/token", crate::support::ISSUER);
    world.send(with("jwt-client", &token_endpoint)).await.ok();
    world.send(with("strict", &token_endpoint)).await.error(401, "invalid_client");
    world.send(with("strict", crate::support::ISSUER)).await.ok();
    // Nor does it prove its key by an algorithm that its profile does not know.
    let other =
        bindery_crypto::SigningKey::generate(bindery_core::jose::algorithm::SignatureAlgorithm::Es384);
    let other = other.unwrap();
    let proving = |client: &str| {
        let assertion = world.assertion_with(client, &json!({"aud": crate::support::ISSUER}));
        Call::token("client_credentials").assertion(assertion).dpop(world.proof(&other))
    };
    world.send(proving("jwt-client")).await.ok();
    world.send(proving("strict")).await.error(400, "invalid_dpop_proof");
}

#[tokio::test]
async fn a_client_wants_to_be_answered_by_a_key_that_there_is() {
    let setup = Setup::new();
    let mut client = setup.configuration["client"][0].clone();
    client["userinfo_signed_response_alg"] = json!("PS256");
    let error = start(of("oauth2.1", json!({"client": [client.clone()]}))).await.unwrap_err();
    assert!(
        error.contains("userinfo_signed_response_alg") && error.contains("signing_algorithms"),
        "{error}"
    );
    start(of("oauth2.1", json!({"client": [client], "signing_algorithms": ["ES256", "PS256"]})))
        .await
        .unwrap();
}
