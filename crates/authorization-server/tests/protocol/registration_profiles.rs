//! Registration under a profile (DCR-2-04): FAPI takes keys and bound tokens alone; OpenID Connect takes what
//! its dynamic plan brings; redirect URIs of several hosts are one sector only if that sector says so.

use std::sync::Arc;

use async_trait::async_trait;
use bindery_authorization_server::{Notification, Outbound, OutboundFailed};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Operator, ask};
use crate::registration::{GRANTS, open};
use crate::support::{API, Answer, Call, START, Setup, World, key, merge};

/// A server of this profile with administrators and no other clients.
fn of(profile: &str, options: &Value) -> Setup {
    let mut setup = open();
    setup.configuration["client"]
        .as_array_mut()
        .unwrap()
        .retain(|client| client["client_id"].as_str().unwrap().starts_with("operator"));
    setup.configuration["profile"] = json!(profile);
    setup.configuration["registration"] =
        json!({"access": "open", "audiences": [API], "grants": GRANTS, "scope": "openid read"});
    setup.configuration["scope"] = json!([{"name": "read"}]);
    merge(&mut setup.configuration, options);
    setup
}

async fn fapi(options: &Value) -> (World, Operator) {
    let mut setup = of("fapi2-security", options);
    setup.configuration["registration"]["access"] = json!("initial_access_token");
    let world = setup.start().await;
    let operator = world.operator("operator").await;
    (world, operator)
}

async fn register(world: &World, operator: &Operator, asked: &Value) -> Answer {
    let made = ask(Method::POST, "/initial-access-tokens", json!({"label": "test"}));
    let made = world.administer(operator, made).await.is(201);
    world.send_json(Method::POST, "/register", made["initial_access_token"].as_str(), Some(asked)).await
}

fn with_key(changes: &Value) -> Value {
    let mut asked = json!({
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key().public_key().to_jwk()]},
    });
    merge(&mut asked, changes);
    asked
}

#[tokio::test]
async fn fapi_registers_keys_and_bound_tokens_alone() {
    let (world, operator) = fapi(&json!({"sender_constraints": ["dpop", "mtls"]})).await;
    let rsa = SigningKey::generate(SignatureAlgorithm::Rs256).unwrap().public_key().to_jwk();
    for (changes, wanted) in [
        (json!({"token_endpoint_auth_method": null, "jwks": null}), "token_endpoint_auth_method"),
        (
            json!({"token_endpoint_auth_method": "client_secret_basic", "jwks": null}),
            "token_endpoint_auth_method",
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_post", "jwks": null}),
            "token_endpoint_auth_method",
        ),
        (
            json!({
                "token_endpoint_auth_method": "none", "jwks": null, "grant_types": ["authorization_code"],
                "redirect_uris": ["https://a.example/cb"],
            }),
            "token_endpoint_auth_method",
        ),
        (
            json!({"token_endpoint_auth_signing_alg": "RS256", "jwks": {"keys": [rsa]}}),
            "token_endpoint_auth_signing_alg",
        ),
        (json!({"token_endpoint_auth_signing_alg": "none"}), "token_endpoint_auth_signing_alg"),
        (
            json!({"dpop_bound_access_tokens": true, "tls_client_certificate_bound_access_tokens": true}),
            "dpop_bound_access_tokens",
        ),
    ] {
        let answer = register(&world, &operator, &with_key(&changes)).await;
        answer.error(400, "invalid_client_metadata");
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.starts_with(wanted), "{changes}: {description}");
    }
    let plain = register(&world, &operator, &with_key(&json!({}))).await.is(201);
    assert!(plain.get("dpop_bound_access_tokens").is_none(), "either will do: {plain}");
    let flag = json!({"tls_client_certificate_bound_access_tokens": true});
    let bound = register(&world, &operator, &with_key(&flag)).await.is(201);
    assert_eq!(bound["tls_client_certificate_bound_access_tokens"], true);
}

#[tokio::test]
async fn where_one_confirmation_is_on_every_client_is_registered_with_it() {
    let (world, operator) = fapi(&json!({})).await;
    let registered = register(&world, &operator, &with_key(&json!({}))).await.is(201);
    assert_eq!(registered["dpop_bound_access_tokens"], true);
    let other = json!({"tls_client_certificate_bound_access_tokens": true});
    register(&world, &operator, &with_key(&other)).await.error(400, "invalid_client_metadata");
}

#[tokio::test]
async fn openid_registers_what_its_dynamic_plan_brings() {
    let bearer = json!({"bearer": {"reason": "clients of the plan prove no key", "until": "2030-01-01"}});
    let world = of("openid", &bearer).start().await;
    let asked = json!({
        "redirect_uris": ["https://suite.example/cb"], "contacts": ["a@suite.example"],
        "client_name": "Suite", "client_name#de": "Prüfstand", "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "client_credentials"], "response_types": ["code"],
        "logo_uri": "https://suite.example/logo.png", "policy_uri": "https://suite.example/policy",
        "tos_uri": "https://suite.example/tos", "initiate_login_uri": "https://suite.example/login",
        "id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": "RS256",
        "request_object_signing_alg": "RS256", "subject_type": "public",
    });
    let registered = world.register(&asked).await.is(201);
    for (member, value) in asked.as_object().unwrap() {
        assert_eq!(&registered[member], value, "{member}");
    }
    assert_eq!(registered["application_type"], "web");
    let (id, secret) =
        (registered["client_id"].as_str().unwrap(), registered["client_secret"].as_str().unwrap());
    let call = Call::token("client_credentials").with("client_id", id).with("client_secret", secret);
    assert_eq!(world.send(call.with("resource", API)).await.ok()["token_type"], "Bearer");
    const { assert!(START < 1_893_456_000, "the exception lasts") };
}

/// Serves one document.
struct Served(Value);

#[async_trait]
impl Outbound for Served {
    async fn get(&self, uri: &str, _: &'static str) -> Result<Vec<u8>, OutboundFailed> {
        match uri {
            "https://sector.example/uris" => Ok(self.0.to_string().into_bytes()),
            _ => Err(OutboundFailed),
        }
    }

    async fn post(&self, _: &str, _: Notification) -> Result<u16, OutboundFailed> {
        Err(OutboundFailed)
    }
}

#[tokio::test]
async fn a_sector_lists_every_redirect_uri_or_the_client_is_refused() {
    let start = async |served: Value| {
        let bearer = json!({"bearer": {"reason": "a test", "until": "2030-01-01"}, "subject_types": ["public", "pairwise"]});
        let mut setup = of("openid", &bearer);
        setup.outbound = Some(Arc::new(Served(served)));
        setup.start().await
    };
    let both = ["https://a.example/cb", "https://b.example/cb"];
    let asked =
        |uri: &str| json!({"redirect_uris": both, "subject_type": "pairwise", "sector_identifier_uri": uri});
    let good = "https://sector.example/uris";
    let world = start(json!(both)).await;
    world.register(&asked(good)).await.is(201);
    world.register(&asked("https://elsewhere.example/uris")).await.error(400, "invalid_client_metadata");
    world.register(&asked("http://sector.example/uris")).await.error(400, "invalid_client_metadata");
    for served in [json!(["https://a.example/cb"]), json!({"uris": both}), json!([])] {
        let world = start(served).await;
        world.register(&asked(good)).await.error(400, "invalid_client_metadata");
    }
    // Two hosts without a sector have no subject in common.
    let mut without = asked(good);
    without.as_object_mut().unwrap().remove("sector_identifier_uri");
    world.register(&without).await.error(400, "invalid_client_metadata");
}
