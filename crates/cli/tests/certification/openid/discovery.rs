//! The config plan: the issuer's metadata and keys (OIDD-3-01, OIDD-3-02).

use std::time::{Duration, Instant};

use serde_json::Value;

use super::site::Site;
use crate::key::from_base64url;
use crate::module::discovery::require_known_names_and_types;
use crate::support::process;

pub(super) async fn metadata_says_what_is_certified(site: &Site) {
    let metadata = &site.metadata;
    assert_eq!(metadata["issuer"], site.issuer);
    for name in
        ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint"]
    {
        assert!(site.endpoint(name).starts_with("https://"), "{name}");
    }
    require_known_names_and_types(metadata);
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
    lists("request_object_signing_alg_values_supported", "RS256");
    lists("userinfo_signing_alg_values_supported", "RS256");
    lists("grant_types_supported", "authorization_code");
    lists("grant_types_supported", "refresh_token");
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

/// OP-Rotation-OP-Sig: asked of the running issuer, by the command an operator has for it.
pub(super) async fn rotated_keys_stand_beside_the_old_ones(site: &Site) {
    let kids = |jwks: &Value| -> Vec<String> {
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let before = kids(&site.jwks().await);
    let output = process::command(&["keys", "rotate", "--config", &site.config], "warn").output().unwrap();
    crate::support::watch::record::process(&output.stderr);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let deadline = Instant::now() + Duration::from_secs(90);
    let after = loop {
        let after = kids(&site.jwks().await);
        if after.iter().any(|kid| !before.contains(kid)) {
            break after;
        }
        assert!(Instant::now() < deadline, "no new key is published");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(before.iter().all(|kid| after.contains(kid)), "{before:?} {after:?}");
    key_set_is_sound(site).await;
}
