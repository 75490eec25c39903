//! A1 and A2: what the metadata and the key set say (4.1).

use serde_json::Value;
use url::Url;

use super::{always, once};
use crate::jwt::PERMITTED;
use crate::run::modules;
use crate::suite::Suite;
use crate::variant::Variant;

modules! {
    metadata_says_what_is_certified: always,
    metadata_has_no_unknown_name: once,
    metadata_is_the_same_at_both_addresses: once,
    issuer_of_another_profile_in_the_process_keeps_its_own_rules_and_keys: once,
    key_set_has_public_keys_of_good_size_alone: with_signatures,
}

fn with_signatures(variant: Variant) -> bool {
    variant.openid || variant.jarm
}

const ENDPOINTS: [&str; 12] = [
    "authorization_endpoint",
    "token_endpoint",
    "pushed_authorization_request_endpoint",
    "registration_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
    "device_authorization_endpoint",
    "backchannel_authentication_endpoint",
    "end_session_endpoint",
    "jwks_uri",
    "check_session_iframe",
];

async fn metadata_says_what_is_certified(suite: &Suite) {
    let (metadata, variant) = (&suite.site.metadata, suite.variant);
    let issuer = Url::parse(&suite.site.issuer).unwrap();
    assert_eq!(metadata["issuer"], suite.site.issuer);
    assert!(issuer.scheme() == "https" && issuer.query().is_none() && issuer.fragment().is_none());
    for name in ENDPOINTS {
        if let Some(url) = metadata.get(name) {
            assert_eq!(Url::parse(url.as_str().unwrap()).unwrap().scheme(), "https", "{name}");
        }
    }
    assert!(metadata["token_endpoint"].is_string());
    for name in ["require_pushed_authorization_requests", "tls_client_certificate_bound_access_tokens"] {
        assert!(metadata.get(name).is_none_or(Value::is_boolean), "{name}");
    }
    let lists = |name: &str, value: &str| {
        let listed = suite.advertised(name);
        assert!(listed.iter().any(|known| known == value), "{name} lacks {value}: {listed:?}");
    };
    let permitted_alone = |name: &str| {
        let listed = suite.advertised(name);
        assert!(
            !listed.is_empty() && listed.iter().all(|alg| PERMITTED.contains(&alg.as_str())),
            "{name}: {listed:?}"
        );
    };
    lists("token_endpoint_auth_methods_supported", "private_key_jwt");
    if !variant.private_key_jwt() {
        lists("token_endpoint_auth_methods_supported", "tls_client_auth");
        lists("token_endpoint_auth_methods_supported", "self_signed_tls_client_auth");
    }
    permitted_alone("token_endpoint_auth_signing_alg_values_supported");
    if variant.dpop() {
        permitted_alone("dpop_signing_alg_values_supported");
    } else {
        assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    }
    lists(
        "grant_types_supported",
        if variant.interactive() { "authorization_code" } else { "client_credentials" },
    );
    let aliases = metadata["mtls_endpoint_aliases"].as_object().unwrap();
    assert!(aliases.keys().all(|name| metadata.get(name).is_some() && name != "authorization_endpoint"));
    if !variant.interactive() {
        return;
    }
    lists("grant_types_supported", "refresh_token");
    lists("response_types_supported", "code");
    lists("code_challenge_methods_supported", "S256");
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    for scope in suite.first.scope.split(' ') {
        lists("scopes_supported", scope);
    }
    if variant.jarm {
        lists("response_modes_supported", "jwt");
        permitted_alone("authorization_signing_alg_values_supported");
    }
    if variant.signed_requests {
        permitted_alone("request_object_signing_alg_values_supported");
    }
    if variant.openid {
        lists("scopes_supported", "openid");
        permitted_alone("id_token_signing_alg_values_supported");
        lists("subject_types_supported", "public");
        if metadata.get("userinfo_signing_alg_values_supported").is_some() {
            permitted_alone("userinfo_signing_alg_values_supported");
        }
        assert!(metadata["userinfo_endpoint"].is_string());
        assert!(!suite.advertised("claims_supported").is_empty());
    }
    for name in ["ui_locales_supported", "claims_locales_supported"] {
        for locale in metadata.get(name).and_then(Value::as_array).into_iter().flatten() {
            let locale = locale.as_str().unwrap();
            let mut parts = locale.split('-');
            let language = parts.next().unwrap();
            assert!(
                (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_lowercase()),
                "{locale}"
            );
            assert!(
                parts.all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_uppercase())),
                "{locale}"
            );
        }
    }
}

/// Members whose value is a URI.
const URIS: &str = "issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint service_documentation \
    op_policy_uri op_tos_uri revocation_endpoint introspection_endpoint userinfo_endpoint end_session_endpoint \
    check_session_iframe pushed_authorization_request_endpoint backchannel_authentication_endpoint \
    device_authorization_endpoint";
/// Members that are true or false.
const FLAGS: &str = "claims_parameter_supported request_parameter_supported request_uri_parameter_supported \
    require_request_uri_registration frontchannel_logout_supported frontchannel_logout_session_supported \
    backchannel_logout_supported backchannel_logout_session_supported require_pushed_authorization_requests \
    backchannel_user_code_parameter_supported tls_client_certificate_bound_access_tokens \
    authorization_response_iss_parameter_supported require_signed_request_object";
/// Members that are lists of texts.
const LISTS: &str = "scopes_supported response_types_supported response_modes_supported grant_types_supported \
    token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported ui_locales_supported \
    revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported \
    introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported \
    code_challenge_methods_supported subject_types_supported id_token_signing_alg_values_supported \
    id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported \
    userinfo_signing_alg_values_supported userinfo_encryption_alg_values_supported \
    userinfo_encryption_enc_values_supported request_object_signing_alg_values_supported \
    request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported \
    display_values_supported claim_types_supported claims_supported claims_locales_supported acr_values_supported \
    dpop_signing_alg_values_supported authorization_details_types_supported \
    backchannel_token_delivery_modes_supported backchannel_authentication_request_signing_alg_values_supported \
    authorization_signing_alg_values_supported authorization_encryption_alg_values_supported \
    authorization_encryption_enc_values_supported introspection_signing_alg_values_supported \
    introspection_encryption_alg_values_supported introspection_encryption_enc_values_supported \
    prompt_values_supported protected_resources";

/// Every member is one that the certifier knows, of the type that it knows; whatever it does not know it warns of.
#[track_caller]
pub(crate) fn require_known_names_and_types(metadata: &Value) {
    let is_in = |list: &str, name: &str| list.split_whitespace().any(|known| known == name);
    for (name, value) in metadata.as_object().unwrap() {
        let good = match name.as_str() {
            name if is_in(URIS, name) => value.as_str().is_some_and(|uri| Url::parse(uri).is_ok()),
            name if is_in(FLAGS, name) => value.is_boolean(),
            name if is_in(LISTS, name) => {
                value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
            }
            "mtls_endpoint_aliases" => value.is_object(),
            _ => panic!("{name} is not known to the certifier"),
        };
        assert!(good, "{name}: {value}");
    }
}

async fn metadata_has_no_unknown_name(suite: &Suite) {
    require_known_names_and_types(&suite.site.metadata);
}

async fn metadata_is_the_same_at_both_addresses(suite: &Suite) {
    // RFC 8414 section 3.1: between host and path.
    let mut url = Url::parse(&suite.site.issuer).unwrap();
    url.set_path(&format!("/.well-known/oauth-authorization-server{}", url.path()));
    let response = suite.site.plain.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
    assert_eq!(response.json::<Value>().await.unwrap(), suite.site.metadata);
}

async fn issuer_of_another_profile_in_the_process_keeps_its_own_rules_and_keys(suite: &Suite) {
    let site = &suite.site;
    let get =
        async |url: String| -> Value { site.plain.get(url).send().await.unwrap().json().await.unwrap() };
    let neighbour = get(format!("{}/.well-known/openid-configuration", site.neighbour)).await;
    let lists = |metadata: &Value, name: &str, value: &str| {
        metadata[name].as_array().unwrap().iter().any(|known| known == value)
    };
    assert_eq!(neighbour["issuer"], site.neighbour);
    assert!(lists(&neighbour, "id_token_signing_alg_values_supported", "RS256"));
    assert!(!lists(&site.metadata, "id_token_signing_alg_values_supported", "RS256"));
    assert_eq!(neighbour["require_pushed_authorization_requests"], false);
    let theirs = get(neighbour["jwks_uri"].as_str().unwrap().to_owned()).await;
    let kids = |jwks: &Value| -> Vec<Value> {
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    };
    assert!(kids(&theirs).iter().all(|kid| !kids(&site.jwks).contains(kid)));
    // A client of one is nobody at the other.
    let mut call = suite.client_credentials_call(&suite.first);
    call.url = neighbour["token_endpoint"].as_str().unwrap().to_owned();
    let call = if suite.variant.dpop() { call.proven_by(&suite.first.proof_key) } else { call };
    call.send().await.require_error(&["invalid_client", "invalid_request"]);
}

async fn key_set_has_public_keys_of_good_size_alone(suite: &Suite) {
    let keys = suite.site.jwks["keys"].as_array().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for key in keys {
        let kid = key["kid"].as_str().unwrap();
        assert!(seen.insert(kid), "{kid} twice");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private} of {kid} is published");
        }
        match key["kty"].as_str().unwrap() {
            "RSA" => assert!(crate::key::from_base64url(key["n"].as_str().unwrap()).len() >= 256),
            "EC" => assert!(crate::key::from_base64url(key["x"].as_str().unwrap()).len() >= 28),
            "OKP" => assert_eq!(key["crv"], "Ed25519"),
            other => panic!("{other}"),
        }
        if let Some(alg) = key.get("alg") {
            assert!(PERMITTED.contains(&alg.as_str().unwrap()), "{alg}");
        }
    }
    assert!(!seen.is_empty());
}
