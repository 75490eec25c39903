//! Tokens, proofs, assertions and secrets reach the wire and nothing else: every error of every kind and every
//! `Debug` is searched for them. The log has a test of its own, `tests/log.rs`.

use bindery_client::*;
use serde_json::json;

use crate::server::*;

/// Fragments that occur in what must stay secret, and in nothing that may be shown.
fn assert_clean(text: &str) {
    for secret in ["SECRET", "eyJ", "hunter2", "refresh-0", "n-secret"] {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
}

fn look_at(error: &Error) {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{}", error.remedy());
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(&format!("\n{inner}\n{inner:?}"));
        source = inner.source();
    }
    assert_clean(&text);
}

#[tokio::test]
async fn no_error_of_the_token_endpoint_repeats_what_the_server_echoes() {
    for field in ["error", "error_description", "token_type", "access_token", "expires_in", "scope"] {
        for status in [200, 400, 401, 500] {
            let server = authority(move |seen, _| {
                let echo = format!("{} {}", seen.proof().unwrap(), seen.authorization().unwrap());
                let mut body =
                    json!({"error": "invalid_request", "token_type": "DPoP", "access_token": "a b"});
                body[field] = json!(echo);
                json_reply(status, &[("retry-after", &seen.jti())], &body)
            })
            .await;
            let builder = ClientConfiguration::builder(issuer(&server), "client-1")
                .authentication(ClientAuthentication::ClientSecretBasic {
                    secret: "hunter2hunter2hunter2".into(),
                })
                .sender_constraint(SenderConstraint::Dpop { signer: key() })
                .trust_roots(roots());
            look_at(&source(builder).token().await.unwrap_err());
        }
    }
}

#[tokio::test]
async fn no_error_of_metadata_or_network_repeats_the_server() {
    for (member, value) in [
        ("issuer", json!("https://SECRET.example")),
        ("token_endpoint", json!("http://SECRET.example")),
        ("token_endpoint", json!("SECRET")),
        ("mtls_endpoint_aliases", json!("SECRET")),
        ("dpop_signing_alg_values_supported", json!({"SECRET": 1})),
        ("dpop_signing_alg_values_supported", json!(["SECRET"])),
    ] {
        let server = authority_with(
            |mut metadata| {
                metadata[member] = value;
                metadata
            },
            |_, count| granted(count),
        )
        .await;
        look_at(&source(confidential(&server)).token().await.unwrap_err());
    }
    let dropping = authority(|_, _| Reply::Drop).await;
    let error = source(confidential(&dropping)).token().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }));
    look_at(&error);
    let source = source(confidential(&dropping).resource("https://api.example/"));
    for url in
        ["https://api.example:1/?SECRET", "http://api.example/SECRET", "https://a:hunter2@api.example/"]
    {
        look_at(&source.token_for(&url.parse().unwrap()).await.unwrap_err());
    }
}

#[test]
fn no_debug_shows_a_secret() {
    let secret = Secret::from("SECRET");
    assert_clean(&format!("{secret:?} {:?}", Grant::RefreshToken { initial: secret.clone() }));
    assert_clean(&format!("{:?} {:?}", identity(), roots()));
    assert_clean(&format!("{:?}", ServerNonce::parse("n-secret")));
    let configuration = ClientConfiguration::builder("https://as.example", "c")
        .authentication(ClientAuthentication::ClientSecretBasic { secret: "hunter2".into() })
        .sender_constraint(SenderConstraint::Dpop { signer: key() })
        .build()
        .unwrap();
    let endpoint = "https://as.example/token".parse().unwrap();
    let signer = key();
    let target = TokenRequestTarget {
        endpoint: &endpoint,
        resource: None,
        refresh_token: Some(&secret),
        dpop: Some(&signer),
        nonce: None,
        now: SystemClock.now(),
    };
    let request = build_token_request(&configuration, &target).unwrap();
    assert!(request.body.contains("SECRET"));
    assert_clean(&format!("{request:?} {:?}", request.headers));
}
