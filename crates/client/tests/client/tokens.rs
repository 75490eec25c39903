//! The client at the token endpoint.

use bindery_client::{
    Blame, ClientAuthentication, ClientConfiguration, ConfigurationInvalid, Error, MetadataRefused,
    SenderConstraint, TokenRefused, TokenSource,
};
use serde_json::json;

use crate::server::*;

fn refused(error: Error) -> TokenRefused {
    match error {
        Error::Token { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn asks_with_proof_and_assertion_and_keeps_the_token() {
    let server = authority(|_, count| granted(count)).await;
    let source = source(confidential(&server).scope("read write"));
    assert_eq!(source.token().await.unwrap().expose(), token(0));
    assert_eq!(source.token().await.unwrap().expose(), token(0));
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    let proof = seen[0].claims();
    assert_eq!(proof["htm"], "POST");
    assert_eq!(proof["htu"], server.at("/token").as_str());
    assert!(proof.get("ath").is_none() && proof.get("nonce").is_none());
    let header = decoded(seen[0].proof().unwrap(), 0);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    let form = seen[0].form();
    assert_eq!((form["grant_type"].as_str(), form["scope"].as_str()), ("client_credentials", "read write"));
    let assertion = claims(&form["client_assertion"]);
    // FSP-C-05: the issuer, as a string, not a list.
    assert_eq!(assertion["aud"], json!(issuer(&server)));
    assert_eq!((&assertion["iss"], &assertion["sub"]), (&json!("client-1"), &json!("client-1")));
    let life = assertion["exp"].as_i64().unwrap() - assertion["iat"].as_i64().unwrap();
    assert!(life > 0 && life <= 60);
}

#[tokio::test]
async fn answers_a_nonce_challenge_with_a_new_proof_and_a_new_assertion() {
    let server = authority(|seen, count| match seen.nonce().as_deref() {
        Some("n-1") => granted(count),
        _ => json_reply(400, &[("dpop-nonce", "n-1")], &json!({"error": "use_dpop_nonce"})),
    })
    .await;
    let source = source(confidential(&server));
    let first = source.token().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_every_proof_is_new(&seen);
    let assertions: Vec<_> =
        seen.iter().map(|seen| claims(&seen.form()["client_assertion"])["jti"].clone()).collect();
    assert_ne!(assertions[0], assertions[1]);
    // DPOP-8.2-02: known from now on, no further challenge.
    source.replace(&first).await.unwrap();
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn stops_when_the_nonce_does_not_change() {
    let server =
        authority(|_, _| json_reply(400, &[("dpop-nonce", "same")], &json!({"error": "use_dpop_nonce"})))
            .await;
    let error = source(confidential(&server)).token().await.unwrap_err();
    assert_eq!(refused(error), TokenRefused::NonceUnchanged);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn stops_after_two_new_nonces() {
    let server = authority(|_, count| {
        json_reply(400, &[("dpop-nonce", &format!("n-{count}"))], &json!({"error": "use_dpop_nonce"}))
    })
    .await;
    let error = source(confidential(&server)).token().await.unwrap_err();
    assert_eq!(error.blame(), Blame::AuthorizationServer);
    assert_eq!(refused(error), TokenRefused::NonceLimit);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn discards_a_token_that_was_downgraded_to_bearer() {
    let server = authority(|_, _| {
        json_reply(200, &[], &json!({"access_token": "unbound", "token_type": "Bearer", "expires_in": 300}))
    })
    .await;
    let source = source(confidential(&server));
    for attempt in 1..=2 {
        let error = source.token().await.unwrap_err();
        assert_eq!(refused(error), TokenRefused::Downgraded { expected: "DPoP" });
        assert_eq!(server.seen().len(), attempt, "nothing was stored");
    }
}

#[tokio::test]
async fn discards_metadata_of_another_issuer() {
    for other in ["https://evil.example".to_owned(), "trailing".to_owned()] {
        let server = authority_with(
            |mut metadata| {
                let own = metadata["issuer"].as_str().unwrap().to_owned();
                metadata["issuer"] = if other == "trailing" { json!(own + "/") } else { json!(other) };
                metadata
            },
            |_, count| granted(count),
        )
        .await;
        let error = source(confidential(&server)).token().await.unwrap_err();
        assert!(matches!(error, Error::Metadata { reason: MetadataRefused::IssuerDiffers, .. }), "{error}");
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn fails_before_any_token_request_when_the_server_lacks_what_is_needed() {
    let cases = [
        ("dpop_signing_alg_values_supported", json!(["PS256"])),
        ("dpop_signing_alg_values_supported", json!([])),
        ("token_endpoint_auth_methods_supported", json!(["tls_client_auth"])),
        ("token_endpoint_auth_signing_alg_values_supported", json!(["PS256", "none", "HS256"])),
        ("grant_types_supported", json!(["authorization_code"])),
    ];
    for (member, value) in cases {
        let server = authority_with(
            |mut metadata| {
                metadata[member] = value;
                metadata
            },
            |_, count| granted(count),
        )
        .await;
        match source(confidential(&server)).token().await.unwrap_err() {
            Error::Metadata { reason: MetadataRefused::NotOffered { member: named, .. }, .. } => {
                assert_eq!(named, member);
            }
            other => panic!("{other}"),
        }
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn refuses_endpoints_that_are_not_https() {
    let server = authority_with(
        |mut metadata| {
            metadata["token_endpoint"] = json!("http://localhost/token");
            metadata
        },
        |_, count| granted(count),
    )
    .await;
    let error = source(confidential(&server)).token().await.unwrap_err();
    assert!(matches!(error, Error::Metadata { reason: MetadataRefused::Endpoint { .. }, .. }), "{error}");
}

#[tokio::test]
async fn does_not_follow_redirects_of_the_authorization_server() {
    let elsewhere = authority(|_, count| granted(count)).await;
    let target = elsewhere.at("/token").to_string();
    let server = authority(move |_, _| reply(307, &[("location", &target)], "")).await;
    let error = source(confidential(&server)).token().await.unwrap_err();
    assert!(matches!(refused(error), TokenRefused::Status { status: 307, .. }));
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn uses_the_alias_over_mutual_tls_and_says_its_client_id() {
    let server = authority_with(
        |mut metadata| {
            let alias = metadata["token_endpoint"].as_str().unwrap().replace("/token", "/mtls/token");
            metadata["mtls_endpoint_aliases"] =
                json!({"token_endpoint": alias, "authorization_endpoint": 7, "unknown": "http://x"});
            metadata
        },
        |seen, count| {
            assert!(seen.certificate.is_some());
            let body = json!({"access_token": token(count), "token_type": "bearer", "expires_in": 300});
            json_reply(200, &[], &body)
        },
    )
    .await;
    let identity = identity();
    let builder = ClientConfiguration::builder(issuer(&server), "client-1")
        .authentication(ClientAuthentication::TlsClientAuth { identity: identity.clone() })
        .sender_constraint(SenderConstraint::Mtls { identity: identity.clone() })
        .trust_roots(roots());
    let token = source(builder).token().await.unwrap();
    assert!(token.authorization().to_str().unwrap().starts_with("Bearer "));
    let seen = server.seen();
    assert_eq!(seen[0].path, "/mtls/token");
    assert_eq!(seen[0].form()["client_id"], "client-1");
    assert!(seen[0].proof().is_none());
    assert_eq!(seen[0].certificate.as_deref(), Some(identity.certificate()));
}

#[tokio::test]
async fn without_an_alias_mutual_tls_uses_the_usual_endpoint() {
    let server = authority(|_, count| {
        json_reply(200, &[], &json!({"access_token": token(count), "token_type": "Bearer"}))
    })
    .await;
    let builder = ClientConfiguration::builder(issuer(&server), "client-1")
        .authentication(ClientAuthentication::ClientSecretBasic { secret: "p:w ä".into() })
        .sender_constraint(SenderConstraint::Mtls { identity: identity() })
        .trust_roots(roots());
    source(builder).token().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].path, "/token");
    // RFC 6749 section 2.3.1: `client-1:p%3Aw+%C3%A4`.
    assert_eq!(seen[0].authorization(), Some("Basic Y2xpZW50LTE6cCUzQXcrJUMzJUE0"));
}

#[tokio::test]
async fn renews_before_expiry_while_the_old_token_is_used_on() {
    let server = authority(|_, count| granted(count)).await;
    let clock = HandClock::behind(0);
    let source = source(confidential(&server).clock(clock.clone()));
    source.token().await.unwrap();
    clock.advance(200);
    assert_eq!(source.token().await.unwrap().expose(), token(0));
    assert_eq!(server.seen().len(), 1);
    // 270 of 300 seconds: past every jittered renewal time, before expiry.
    clock.advance(71);
    for _ in 0..50 {
        assert_eq!(source.token().await.unwrap().expose(), token(0));
        if server.seen().len() > 1 {
            break;
        }
    }
    eventually(|| server.seen().len() == 2).await;
    while source.token().await.unwrap().expose() == token(0) {
        tokio::task::yield_now().await;
    }
    // Renewed tokens are renewed in turn: no finished flight is taken for one that is under way.
    clock.advance(299);
    assert_eq!(source.token().await.unwrap().expose(), token(2));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn waiting_callers_share_one_failure() {
    let server = authority(|_, _| json_reply(503, &[], &json!({"error": "temporarily_unavailable"}))).await;
    let source = source(confidential(&server));
    let results = futures_util::future::join_all((0..100).map(|_| source.token())).await;
    assert!(results.into_iter().all(|result| result.unwrap_err().blame() == Blame::Network));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let server = authority(|_, count| match count {
        0 => reply(429, &[("retry-after", "60")], ""),
        _ => granted(count),
    })
    .await;
    let clock = HandClock::behind(0);
    let source = source(confidential(&server).clock(clock.clone()));
    for _ in 0..3 {
        assert_eq!(source.token().await.unwrap_err().blame(), Blame::Network);
        clock.advance(19);
    }
    assert_eq!(server.seen().len(), 1);
    clock.advance(4);
    source.token().await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_configuration_that_breaks_a_rule_is_not_built() {
    let builder = |issuer: &str| {
        ClientConfiguration::builder(issuer, "c")
            .authentication(ClientAuthentication::PrivateKeyJwt { signer: key(), key_id: None })
            .sender_constraint(SenderConstraint::Dpop { signer: key() })
    };
    let bad = [
        "http://as.example",
        "http://127.0.0.1:1",
        "https://as.example/?a",
        "https://as.example/#f",
        "as.example",
        "https://u:p@as.example",
    ];
    for issuer in bad {
        let refused = builder(issuer).build().unwrap_err();
        assert!(matches!(refused, ConfigurationInvalid::Issuer { .. }), "{issuer}");
        assert!(!refused.to_string().contains("u:p"));
    }
    assert!(builder("http://127.0.0.1:1").dangerous_allow_http_loopback().build().is_ok());
    assert!(builder("http://as.example").dangerous_allow_http_loopback().build().is_err());
    let own = builder("https://as.example");
    assert_eq!(
        own.clone().authentication(ClientAuthentication::None).build().unwrap_err(),
        ConfigurationInvalid::GrantNeedsAuthentication
    );
    let (one, other) = (identity(), identity());
    let two = own
        .clone()
        .authentication(ClientAuthentication::TlsClientAuth { identity: one })
        .sender_constraint(SenderConstraint::Mtls { identity: other });
    assert_eq!(two.build().unwrap_err(), ConfigurationInvalid::IdentitiesDiffer);
    let same = key();
    let one_key = own
        .clone()
        .authentication(ClientAuthentication::PrivateKeyJwt { signer: same.clone(), key_id: None })
        .sender_constraint(SenderConstraint::Dpop { signer: same });
    assert_eq!(one_key.build().unwrap_err(), ConfigurationInvalid::OneKeyForBoth);
    assert!(own.clone().resource("http://api.example/").build().is_err());
    assert!(own.clone().scope("a\"b").build().is_err());
    let unbound = ClientConfiguration::builder("https://as.example", "c");
    assert!(
        unbound.authentication(ClientAuthentication::None).build().is_err(),
        "there is no unbound client"
    );
    assert!(TokenSource::new(own.build().unwrap()).is_ok());
}
