//! Registrations for flows with people: what contradicts itself or widens what a stranger may do is not taken.

use super::*;
use crate::oauth::client_backchannel::TokenDelivery;
use crate::oauth::client_openid::SubjectType;
use crate::oauth::client_registration_request::{OPERATOR_MEMBERS, parse_registration};
use alloc::string::ToString as _;
use serde_json::json;

const GRANTS: [&str; 5] =
    ["authorization_code", "refresh_token", "client_credentials", CIBA_GRANT, TOKEN_EXCHANGE_GRANT];
const DIGEST: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn members(changes: &Value) -> Map<String, Value> {
    let mut members = json!({
        "client_id": "c",
        "client_secret_sha256": DIGEST,
        "grant_types": ["authorization_code"],
        "redirect_uris": ["https://c.example/cb"],
        "scope": "openid",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.as_object_mut().unwrap().remove(name)),
            value => members[name] = value.clone(),
        }
    }
    members.as_object().unwrap().clone()
}

fn parse(changes: &Value) -> Result<ClientMetadata, ClientMetadataInvalid> {
    ClientMetadata::parse(&members(changes), &GRANTS)
}

#[test]
fn each_broken_rule_names_its_member() {
    let ciba = |extra: Value| {
        let mut changes = json!({"grant_types": [CIBA_GRANT], "redirect_uris": null});
        changes.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        changes
    };
    for (changes, member) in [
        (json!({"redirect_uris": null}), "redirect_uris"),
        (json!({"redirect_uris": []}), "redirect_uris"),
        (json!({"redirect_uris": ["http://c.example/cb"]}), "redirect_uris"),
        (json!({"redirect_uris": ["https://c.example/cb#a"]}), "redirect_uris"),
        (json!({"redirect_uris": ["com.example.app:/cb"]}), "redirect_uris"),
        (json!({"redirect_uris": ["myapp:/cb"], "application_type": "native"}), "redirect_uris"),
        (json!({"redirect_uris": "https://c.example/cb"}), "redirect_uris"),
        (json!({"response_types": ["code", "token"]}), "response_types"),
        (json!({"response_types": ["code id_token"]}), "response_types"),
        (json!({"response_modes": ["web_message"]}), "response_modes"),
        (json!({"application_type": "desktop"}), "application_type"),
        (json!({"scope": "read"}), "audiences"),
        (json!({"id_token_signed_response_alg": "none"}), "id_token_signed_response_alg"),
        (json!({"id_token_signed_response_alg": "HS256"}), "id_token_signed_response_alg"),
        (json!({"userinfo_signed_response_alg": "none"}), "userinfo_signed_response_alg"),
        (json!({"authorization_signed_response_alg": "none"}), "authorization_signed_response_alg"),
        (json!({"request_object_signing_alg": "HS256"}), "request_object_signing_alg"),
        (
            json!({"request_object_signing_alg": "none", "require_signed_request_object": true}),
            "request_object_signing_alg",
        ),
        (json!({"id_token_encrypted_response_alg": "RSA1_5"}), "id_token_encrypted_response_alg"),
        (json!({"id_token_encrypted_response_enc": "A256GCM"}), "id_token_encrypted_response_enc"),
        (json!({"id_token_encrypted_response_alg": "ECDH-ES"}), "jwks"),
        (json!({"request_uris": ["http://c.example/r"]}), "request_uris"),
        (json!({"default_max_age": "60"}), "default_max_age"),
        (json!({"default_max_age": -1}), "default_max_age"),
        (json!({"require_auth_time": "true"}), "require_auth_time"),
        (json!({"consent": "never"}), "consent"),
        (json!({"logo_uri": "javascript:alert(1)"}), "logo_uri"),
        (json!({"logo_uri#de": "javascript:alert(1)"}), "logo_uri#de"),
        (json!({"client_name#<b>": "x"}), "client_name#<b>"),
        (json!({"client_nam#de": "x"}), "client_nam#de"),
        (json!({"software_statement": "a.b.c"}), "software_statement"),
        (json!({"initiate_login_uri": "http://c.example/login"}), "initiate_login_uri"),
        (json!({"sector_identifier_uri": "http://c.example/s"}), "sector_identifier_uri"),
        (
            json!({"subject_type": "pairwise", "redirect_uris": ["https://a.example/", "https://b.example/"]}),
            "sector_identifier_uri",
        ),
        (json!({"post_logout_redirect_uris": ["http://c.example/"]}), "post_logout_redirect_uris"),
        (json!({"backchannel_logout_uri": "http://c.example/logout"}), "backchannel_logout_uri"),
        (json!({"backchannel_token_delivery_mode": "poll"}), "backchannel_token_delivery_mode"),
        (ciba(json!({})), "backchannel_token_delivery_mode"),
        (ciba(json!({"backchannel_token_delivery_mode": "push"})), "backchannel_token_delivery_mode"),
        (
            ciba(json!({"backchannel_token_delivery_mode": "ping"})),
            "backchannel_client_notification_endpoint",
        ),
        (json!({"token_exchange": {}}), "token_exchange"),
        (
            json!({"grant_types": [TOKEN_EXCHANGE_GRANT], "redirect_uris": null, "token_exchange": {"x": 1}}),
            "x",
        ),
        (json!({"previous_client_secret_sha256": DIGEST}), "previous_client_secret_until"),
        (json!({"previous_client_secret_until": 5}), "previous_client_secret_until"),
        (
            json!({"grant_types": [TOKEN_EXCHANGE_GRANT], "redirect_uris": null, "client_secret_sha256": null,
                   "token_endpoint_auth_method": "none"}),
            "grant_types",
        ),
    ] {
        let invalid = parse(&changes).expect_err(&changes.to_string());
        assert_eq!(invalid.member, member, "{changes}");
        assert!(!invalid.rule.is_empty() && !invalid.remedy.is_empty());
    }
}

#[test]
fn a_whole_registration_is_read() {
    let client = parse(&json!({
        "grant_types": ["authorization_code", "refresh_token", CIBA_GRANT, TOKEN_EXCHANGE_GRANT],
        "token_endpoint_auth_method": "client_secret_post",
        "response_types": ["code"], "response_modes": ["jwt", "form_post"], "application_type": "native",
        "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb"],
        "client_uri": "https://c.example/", "logo_uri#de-CH": "https://c.example/de.png", "client_name": "C",
        "client_name#de": "Zeh", "contacts": ["ops@c.example"], "software_id": "c", "software_version": "1",
        "request_object_signing_alg": "none", "request_uris": ["https://c.example/r#v1"],
        "default_max_age": 60, "default_acr_values": ["gold"], "require_auth_time": true,
        "id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": "ES256",
        "subject_type": "pairwise", "sector_identifier_uri": "https://c.example/sector",
        "post_logout_redirect_uris": ["https://c.example/bye"], "consent": "implied", "profile": "openid",
        "backchannel_logout_uri": "https://c.example/logout", "backchannel_logout_session_required": true,
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://c.example/ping",
        "token_exchange": {"audiences": ["https://api.example"], "impersonation": true},
    }))
    .unwrap();
    assert_eq!(client.openid.id_token_algorithm, Some(SignatureAlgorithm::Rs256));
    assert_eq!(client.openid.subject_type, SubjectType::Pairwise);
    assert_eq!(client.openid.sector(&client.authorization), Some("c.example"));
    assert!(matches!(client.backchannel.unwrap().delivery, TokenDelivery::Ping(_)));
    assert!(client.token_exchange.unwrap().impersonation);
    let locales = ["fr".into(), "de".into()];
    assert_eq!(client.display.in_language("client_name", &locales), Some("Zeh"));
    assert_eq!(client.display.in_language("logo_uri", &locales), Some("https://c.example/de.png"));
    assert_eq!(client.display.in_language("client_name", &["d".into()]), None);
}

#[test]
fn a_stranger_registers_no_privilege_and_unknown_members_are_dropped() {
    let given = json!({"client_id": "g", "client_secret_sha256": DIGEST, "scope": "openid profile"});
    let mut asked = json!({
        "redirect_uris": ["https://c.example/cb"], "client_name": "C", "client_name#ja-Jpan-JP": "C",
        "scope": "admin", "grant_types": ["authorization_code"], "unknown": 1, "jwks_uri": null,
        "tls_client_certificate_bound_access_tokens": false, "frontchannel_logout_uri": "https://c.example/f",
    });
    for name in OPERATOR_MEMBERS {
        asked[name] = json!("mine");
    }
    let registration =
        parse_registration(asked.as_object().unwrap(), given.as_object().unwrap(), &GRANTS).unwrap();
    assert_eq!(registration.metadata.client_id, "g");
    assert!(
        registration.metadata.scope.contains("profile") && !registration.metadata.scope.contains("admin")
    );
    for name in OPERATOR_MEMBERS.iter().copied().chain(["unknown", "frontchannel_logout_uri"]) {
        assert!(registration.ignored.iter().any(|ignored| ignored == name), "{name}");
    }
    for (name, value) in &registration.members {
        assert_ne!(*value, json!("mine"), "{name}");
    }
    assert!(!registration.members.contains_key("unknown"));
    assert_eq!(registration.members["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(registration.members["response_types"], json!(["code"]));
    // What is stored is read again as it was, by the strict reader.
    assert!(ClientMetadata::parse(&registration.members, &GRANTS).is_ok());
}

#[test]
fn a_registration_that_is_refused_names_the_member_at_fault() {
    let given = json!({"client_id": "g", "client_secret_sha256": DIGEST, "scope": "openid"});
    let member = |asked: Value| {
        parse_registration(asked.as_object().unwrap(), given.as_object().unwrap(), &GRANTS)
            .unwrap_err()
            .member
    };
    assert_eq!(member(json!({})), "redirect_uris");
    assert_eq!(member(json!({"redirect_uris": ["https://c.example/#a"]})), "redirect_uris");
    let good = ["https://c.example/cb"];
    assert_eq!(member(json!({"redirect_uris": good, "grant_types": ["implicit"]})), "grant_types");
    assert_eq!(member(json!({"redirect_uris": good, "software_statement": "a.b.c"})), "software_statement");
}

#[test]
fn rejects_translated_links_that_are_no_https_urls() {
    for link in [
        "http://c.example/",
        "https://",
        "https:///x",
        "https://c.example:port/",
        "https://user@c.example/",
        "https://c.example/a b",
        "https://c.example/\u{202e}x",
        "javascript:alert(1)",
    ] {
        for name in ["client_uri", "logo_uri#de", "policy_uri#de", "tos_uri#de-CH"] {
            let refused = parse(&json!({(name): link}));
            assert_eq!(refused.unwrap_err().member, name, "{link}");
        }
    }
    assert!(parse(&json!({"tos_uri#de": "https://c.example:8443/de#terms"})).is_ok());
}
