//! Registrations that must not be taken, one rule each.

use super::*;
use crate::mtls::subject::SubjectKind;
use alloc::string::ToString as _;
use serde_json::json;

const GRANTS: [&str; 2] = ["client_credentials", "refresh_token"];
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1",
    "x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}]}"#;

fn base() -> Value {
    json!({
        "client_id": "c",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": serde_json::from_str::<Value>(JWKS).unwrap(),
        "grant_types": ["client_credentials"],
        "audiences": ["https://api.example"],
        "scope": "read",
    })
}

fn parse(changes: &Value) -> Result<ClientMetadata, ClientMetadataInvalid> {
    let mut members = base();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.as_object_mut().unwrap().remove(name);
        } else {
            members[name] = value.clone();
        }
    }
    ClientMetadata::parse(members.as_object().unwrap(), &GRANTS)
}

fn fault(changes: &Value) -> String {
    let invalid = parse(changes).expect_err(&changes.to_string());
    assert!(!invalid.rule.is_empty() && !invalid.remedy.is_empty());
    invalid.member
}

#[test]
fn each_broken_rule_names_its_member() {
    for (changes, member) in [
        (json!({"client_id": null}), "client_id"),
        (json!({"client_id": ""}), "client_id"),
        (json!({"client_id": "\u{e9}"}), "client_id"),
        (json!({"grant_types": null}), "grant_types"),
        (json!({"grant_types": ["password"]}), "grant_types"),
        (json!({"token_endpoint_auth_method": "client_secret_jwt"}), "token_endpoint_auth_method"),
        (json!({"token_endpoint_auth_signing_alg": "HS256"}), "token_endpoint_auth_signing_alg"),
        (json!({"token_endpoint_auth_signing_alg": "none"}), "token_endpoint_auth_signing_alg"),
        (json!({"token_endpoint_auth_signing_alg": "PS256"}), "jwks"),
        (json!({"scope": "a  b"}), "scope"),
        (json!({"audiences": []}), "audiences"),
        (json!({"jwks": null}), "jwks"),
        (json!({"jwks_uri": "https://c.example/jwks"}), "jwks_uri"),
        (json!({"jwks": null, "jwks_uri": "http://c.example/jwks"}), "jwks_uri"),
        (json!({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}), "jwks"),
        (
            json!({"client_secret_sha256": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            "client_secret_sha256",
        ),
        (json!({"tls_client_auth_san_dns": "c.example"}), "tls_client_auth_subject_dn"),
        (json!({"dpop_bound_access_tokens": "true"}), "dpop_bound_access_tokens"),
        (json!({"sender_constraint": "maybe"}), "sender_constraint"),
        (json!({"access_token_format": "saml"}), "access_token_format"),
        (json!({"redirect_uris": []}), "redirect_uris"),
        (json!({"token_endpoint_auth_method": "none", "jwks": null}), "grant_types"),
    ] {
        assert_eq!(fault(&changes), member, "{changes}");
    }
    assert!(parse(&json!({})).is_ok());
}

#[test]
fn tls_client_auth_registers_exactly_one_subject() {
    let pki = |extra: &[&str]| {
        let mut changes = json!({"token_endpoint_auth_method": "tls_client_auth", "jwks": null});
        for member in extra {
            changes[*member] = match *member {
                "tls_client_auth_subject_dn" => json!("CN=c"),
                "tls_client_auth_san_uri" => json!("spiffe://c.example/c"),
                "tls_client_auth_san_ip" => json!("192.0.2.1"),
                "tls_client_auth_san_email" => json!("c@c.example"),
                _ => json!("c.example"),
            };
        }
        parse(&changes)
    };
    let members = SubjectKind::ALL.map(SubjectKind::metadata_name);
    assert!(pki(&[]).is_err());
    for (index, member) in members.iter().enumerate() {
        assert!(pki(&[member]).is_ok(), "{member}");
        for other in &members[index + 1..] {
            assert!(pki(&[member, other]).is_err(), "{member} {other}");
        }
    }
    assert!(pki(&members).is_err());
}

#[test]
fn both_flags_are_refused_unless_policy_says_both() {
    let flags = |constraint: Option<&str>, dpop, mtls| {
        let mut changes =
            json!({"dpop_bound_access_tokens": dpop, "tls_client_certificate_bound_access_tokens": mtls});
        changes["sender_constraint"] = constraint.map_or(Value::Null, Into::into);
        parse(&changes).map(|client| client.sender_constraint)
    };
    assert!(flags(None, true, true).is_err());
    assert_eq!(flags(Some("both"), true, true), Ok(SenderConstraint::Both));
    assert_eq!(flags(None, true, false), Ok(SenderConstraint::Dpop));
    assert_eq!(flags(None, false, true), Ok(SenderConstraint::Mtls));
    assert_eq!(flags(None, false, false), Ok(SenderConstraint::Any));
    for (word, dpop, mtls) in [
        ("any", true, false),
        ("none", true, false),
        ("none", false, true),
        ("dpop", false, true),
        ("mtls", true, false),
    ] {
        assert!(flags(Some(word), dpop, mtls).is_err(), "{word} {dpop} {mtls}");
    }
}

#[test]
fn a_bearer_exception_needs_a_reason_and_an_end() {
    let none = |reason: Option<&str>, until: Value| {
        let mut changes = json!({"sender_constraint": "none", "sender_constraint_until": until});
        changes["sender_constraint_reason"] = reason.map_or(Value::Null, Into::into);
        parse(&changes)
    };
    assert!(none(None, json!("2027-01-01")).is_err());
    assert!(none(Some(" "), json!("2027-01-01")).is_err());
    assert!(none(Some("old partner"), Value::Null).is_err());
    assert!(none(Some("old partner"), json!("soon")).is_err());
    assert!(none(Some("old partner"), json!("2027-01-01")).is_ok());
    assert_eq!(fault(&json!({"sender_constraint_until": "2027-01-01"})), "sender_constraint_until");
}

#[test]
fn a_public_client_that_may_be_unbound_rotates() {
    let public = |extra: Value| {
        let mut changes = json!({
            "token_endpoint_auth_method": "none", "jwks": null, "grant_types": ["refresh_token"],
        });
        changes.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        parse(&changes)
    };
    assert!(!public(json!({})).unwrap().refresh_token_rotation);
    let exception =
        json!({"sender_constraint": "none", "sender_constraint_reason": "r", "sender_constraint_until": 5});
    assert!(public(exception.clone()).unwrap().refresh_token_rotation);
    let mut contradiction = exception;
    contradiction["refresh_token_rotation"] = json!(false);
    assert!(public(contradiction).is_err());
}
