//! The config plan: the issuer's metadata and keys (OIDD-3-01, OIDD-3-02).

use super::site::Site;
use crate::key::from_base64url;

pub(super) async fn metadata_says_what_is_certified(site: &Site) {
    let metadata = &site.metadata;
    assert_eq!(metadata["issuer"], site.issuer);
    for name in
        ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint"]
    {
        assert!(site.endpoint(name).starts_with("https://"), "{name}");
    }
    let lists = |name: &str, value: &str| {
        let listed = metadata[name].as_array().unwrap_or_else(|| panic!("no {name}"));
        assert!(listed.iter().any(|known| known == value), "{name} lacks {value}: {listed:?}");
    };
    lists("response_types_supported", "code");
    lists("subject_types_supported", "public");
    lists("id_token_signing_alg_values_supported", "RS256");
    lists("scopes_supported", "openid");
    lists("claims_supported", "sub");
    lists("token_endpoint_auth_methods_supported", "client_secret_basic");
    lists("token_endpoint_auth_methods_supported", "client_secret_post");
    lists("code_challenge_methods_supported", "S256");
    for mode in ["query", "form_post"] {
        lists("response_modes_supported", mode);
    }
    for name in
        ["request_parameter_supported", "request_uri_parameter_supported", "claims_parameter_supported"]
    {
        assert!(metadata.get(name).is_some_and(serde_json::Value::is_boolean), "{name}");
    }
}

pub(super) async fn key_set_is_sound(site: &Site) {
    let jwks = site.jwks().await;
    let keys = jwks["keys"].as_array().unwrap();
    let mut kids: Vec<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    kids.sort_unstable();
    kids.dedup();
    assert_eq!(kids.len(), keys.len(), "a kid stands twice");
    for key in keys {
        assert!(["sig", "enc"].contains(&key["use"].as_str().unwrap()), "{key}");
        assert!(["d", "p", "q", "k"].iter().all(|private| key.get(private).is_none()), "{key}");
        if key["kty"] == "RSA" {
            assert!(from_base64url(key["n"].as_str().unwrap()).len() >= 256);
        }
    }
    assert!(keys.iter().any(|key| key["kty"] == "RSA"), "RS256 needs a key");
}
