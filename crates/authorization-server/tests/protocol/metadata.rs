//! Metadata (RFC 8414, RFC 8705 section 5, RFC 9449 section 5.1): each advertised value works, each other is refused.

use std::sync::Arc;

use axum::body::Body;
use bindery_authorization_server::{AuthorizationServer, SealingKey, ServerParts};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::JwkSet;
use bindery_crypto::SigningKey;
use bindery_http::Clock as _;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use http::Request;
use serde_json::{Value, json};

use crate::support::{Call, ISSUER, MTLS, SECRET, Setup, World, certificate_jwk, key, world};

async fn get(world: &World, path: &str) -> (u16, Value) {
    let answer = world.dispatch(Request::get(path).body(Body::empty()).unwrap(), None).await;
    (answer.status.as_u16(), answer.body)
}

pub(crate) async fn get_from(world: &World, host: &str, path: &str) -> (u16, Value) {
    let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
    let answer = world.dispatch(request, None).await;
    (answer.status.as_u16(), answer.body)
}

pub(crate) async fn document(world: &World) -> Value {
    let (status, document) = get(world, "/.well-known/oauth-authorization-server").await;
    assert_eq!(status, 200);
    document
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn both_mechanisms_are_advertised_with_aliases() {
    let document = document(&world().await).await;
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["token_endpoint"], format!("{ISSUER}/token"));
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(texts(&document["dpop_signing_alg_values_supported"]), ["ES256", "EdDSA", "PS256", "ES384"]);
    let aliases = json!({
        "token_endpoint": format!("{MTLS}/token"),
        "introspection_endpoint": format!("{MTLS}/introspect"),
        "revocation_endpoint": format!("{MTLS}/revoke"),
        "pushed_authorization_request_endpoint": format!("{MTLS}/par"),
    });
    assert_eq!(document["mtls_endpoint_aliases"], aliases);
    for empty in document.as_object().unwrap().iter().filter(|(_, value)| **value == json!([])) {
        assert_eq!(empty.0, "response_types_supported", "required by RFC 8414, the others are left out");
    }
}

#[tokio::test]
async fn nothing_that_needs_a_certificate_is_advertised_where_none_can_arrive() {
    let mut world = world().await;
    let configuration = serde_json::from_value(json!({"issuer": ISSUER})).unwrap();
    let claims = ReplayMemory::new(100, world.clock.now(), [7; 16]);
    let store = Arc::new(MemoryStore::new(claims));
    let mut parts = ServerParts::new(store, world.clock.clone(), SealingKey::ephemeral().unwrap());
    parts.takes_certificates = false;
    world.router = AuthorizationServer::start(&configuration, parts).await.unwrap().router();
    let document = document(&world).await;
    assert_eq!(document.get("tls_client_certificate_bound_access_tokens"), None);
    for endpoint in ["token", "introspection", "revocation"] {
        let methods = texts(&document[format!("{endpoint}_endpoint_auth_methods_supported")]);
        assert_eq!(methods, ["private_key_jwt", "client_secret_basic", "client_secret_post", "none"]);
    }
}

#[tokio::test]
async fn every_advertised_algorithm_verifies_and_no_other_does() {
    let world = world().await;
    let advertised = texts(&document(&world).await["dpop_signing_alg_values_supported"]);
    for algorithm in SignatureAlgorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let call = Call::token("client_credentials")
            .assertion(world.assertion("jwt-client"))
            .dpop(world.proof(&key));
        let answer = world.send(call).await;
        let expected = advertised.iter().any(|name| name == algorithm.name());
        assert_eq!(answer.status.is_success(), expected, "{algorithm}: {}", answer.body);
    }
}

#[tokio::test]
async fn every_advertised_method_authenticates_and_there_is_no_other() {
    let world = world().await;
    let document = document(&world).await;
    let advertised = texts(&document["token_endpoint_auth_methods_supported"]);
    let own = key();
    for method in &advertised {
        let call = Call::token("client_credentials");
        let call = match method.as_str() {
            "private_key_jwt" => call.assertion(world.assertion("jwt-client")),
            "client_secret_basic" => call.basic("basic-client", SECRET),
            "client_secret_post" => call.with("client_id", "post-client").with("client_secret", SECRET),
            "tls_client_auth" => call.with("client_id", "pki-client").certificate(&world.pki_certificate),
            "self_signed_tls_client_auth" => {
                call.with("client_id", "self-signed-client").certificate(&world.self_signed)
            }
            "none" => {
                let token = world.provision("public-client", crate::support::dpop_binding(&own)).await;
                world.refresh("public-client", &token)
            }
            other => panic!("{other} is advertised and not exercised"),
        };
        world.send(call.dpop(world.proof(&own))).await.ok();
    }
    assert_eq!(advertised.len(), 6);
}

#[tokio::test]
async fn every_advertised_endpoint_and_grant_answers_and_others_do_not() {
    let world = world().await;
    let document = document(&world).await;
    for member in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        let path = document[member].as_str().unwrap().strip_prefix(ISSUER).unwrap();
        assert_eq!(world.send(Call::to(path)).await.status.as_u16(), 400, "{member}");
    }
    for grant in texts(&document["grant_types_supported"]) {
        let error = world.send(Call::token(&grant)).await;
        error.error(401, "invalid_client");
    }
    for grant in ["password", "implicit", "client_credentials "] {
        world.send(Call::token(grant)).await.error(400, "unsupported_grant_type");
    }
    assert_eq!(world.send(Call::to("/register")).await.status.as_u16(), 404);
    assert_eq!(get(&world, "/healthz").await.0, 200);
    assert_eq!(get(&world, "/readyz").await.0, 200);
}

#[tokio::test]
async fn an_issuer_with_a_path_has_its_document_between_host_and_path() {
    let mut setup = Setup::new();
    setup.configuration["issuer"] = json!("https://id.example/tenant");
    setup.configuration["mtls_base_url"] = json!("https://mtls.id.example/tenant");
    let world = setup.start().await;
    let (status, document) = get(&world, "/.well-known/oauth-authorization-server/tenant").await;
    assert_eq!((status, document["issuer"].as_str()), (200, Some("https://id.example/tenant")));
    assert_eq!(document["token_endpoint"], "https://id.example/tenant/token");
    assert_eq!(get(&world, "/.well-known/oauth-authorization-server").await.0, 404);
    let assertion = world.assertion_with("jwt-client", &json!({"aud": "https://id.example/tenant"}));
    let proof = world.proof_with(&key(), "https://id.example/tenant/token", None);
    let call = Call::to("/tenant/token").with("grant_type", "client_credentials").assertion(assertion);
    world.send(call.dpop(proof)).await.ok();
}

#[tokio::test]
async fn the_jwk_set_holds_public_keys_for_every_configured_algorithm() {
    let mut setup = Setup::new();
    setup.configuration["signing_algorithms"] = json!(["EdDSA", "ES256"]);
    let world = setup.start().await;
    let (status, set) = get(&world, "/jwks").await;
    assert_eq!(status, 200);
    let parsed = JwkSet::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!((parsed.keys.len(), parsed.skipped.len()), (2, 0));
    let call =
        Call::token("client_credentials").assertion(world.assertion("jwt-client")).dpop(world.proof(&key()));
    let body = world.send(call).await.ok();
    let header = body["access_token"].as_str().unwrap().split('.').next().unwrap().to_owned();
    let header: Value =
        serde_json::from_slice(&bindery_core::encoding::base64url::decode(&header).unwrap()).unwrap();
    assert_eq!((header["alg"].as_str(), header["typ"].as_str()), (Some("EdDSA"), Some("at+jwt")));
    assert!(set["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]));
}

#[tokio::test]
async fn a_retired_key_is_published_until_what_it_signed_has_expired_and_a_new_one_signs() {
    use bindery_http::Clock as _;
    use bindery_store::record::SigningKeyState;
    let world = world().await;
    let issue = || async {
        let call = Call::token("client_credentials").assertion(world.assertion("jwt-client"));
        let body = world.send(call.dpop(world.proof(&key()))).await.ok();
        body["access_token"].as_str().unwrap().to_owned()
    };
    let before = issue().await;
    let old = world.server.jwk_set()["keys"][0]["kid"].as_str().unwrap().to_owned();
    world.store.move_signing_key(&old, SigningKeyState::Retired, world.clock.now()).await.unwrap();
    world.server.maintain().await.unwrap();
    let published = |world: &World| world.server.jwk_set()["keys"].as_array().unwrap().len();
    assert_eq!(published(&world), 2);
    assert_eq!(world.introspect(&before).await["active"], true);
    let after = issue().await;
    assert_ne!(before.split('.').next(), after.split('.').next(), "another `kid`");
    assert_eq!(world.introspect(&after).await["active"], true);
    world.advance(3600);
    world.server.maintain().await.unwrap();
    assert_eq!(published(&world), 1);
}

#[tokio::test]
async fn the_fapi_profile_advertises_only_what_it_lets_in() {
    let mut setup = Setup::new();
    setup.configuration["profile"] = json!("fapi2-security");
    setup.configuration["sender_constraints"] = json!(["dpop", "mtls"]);
    let jwk = certificate_jwk(&setup.self_signed);
    let kept = ["jwt-client", "pki-client", "self-signed-client"];
    setup.configuration["client"]
        .as_array_mut()
        .unwrap()
        .retain(|client| kept.contains(&client["client_id"].as_str().unwrap()));
    assert!(jwk["x5c"].is_array());
    let world = setup.start().await;
    let methods = texts(&document(&world).await["token_endpoint_auth_methods_supported"]);
    assert_eq!(methods, ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]);
    let algorithms = texts(&document(&world).await["dpop_signing_alg_values_supported"]);
    assert_eq!(algorithms, ["ES256", "EdDSA", "PS256"]);
    let assertion = world.assertion_with("jwt-client", &json!({"aud": format!("{ISSUER}/token")}));
    let call = Call::token("client_credentials").assertion(assertion).dpop(world.proof(&key()));
    world.send(call).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_token_signed_with_any_algorithm_is_known_again() {
    for algorithm in SignatureAlgorithm::ALL {
        let mut setup = Setup::new();
        setup.configuration["signing_algorithms"] = json!([algorithm.name()]);
        let world = setup.start().await;
        let call = Call::token("client_credentials").assertion(world.assertion("jwt-client"));
        let body = world.send(call.dpop(world.proof(&key()))).await.ok();
        let answer = world.introspect(body["access_token"].as_str().unwrap()).await;
        assert_eq!(answer["active"], true, "{algorithm}: {answer}");
    }
}
