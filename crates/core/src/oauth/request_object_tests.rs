//! Request objects with one defect each. Signatures are the toy ones of `fake_cryptography`; real ones are tested
//! through the pushed request endpoint.

use super::*;
use crate::fake_cryptography::FakeCryptography;
use crate::jose::jws::{attach_signature, signing_input};
use alloc::string::ToString as _;
use alloc::vec;
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example";
const JWKS: &str = r#"{"keys":[
    {"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"},
    {"kty":"OKP","crv":"Ed25519","kid":"2","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn policy(rules: RequestObjectRules) -> RequestObjectPolicy<'static> {
    RequestObjectPolicy {
        issuer: ISSUER,
        now: UnixTime::from_seconds(NOW),
        algorithms: AlgorithmSet::DEFAULT,
        rules,
        accepted_since: None,
        unsigned: false,
    }
}

fn client(algorithm: Option<&str>) -> ClientMetadata {
    let mut members = json!({
        "client_id": "c", "token_endpoint_auth_method": "private_key_jwt", "scope": "openid",
        "jwks": serde_json::from_str::<Value>(JWKS).unwrap(),
        "grant_types": ["authorization_code"], "redirect_uris": ["https://c.example/cb"],
    });
    if let Some(algorithm) = algorithm {
        members["request_object_signing_alg"] = algorithm.into();
    }
    ClientMetadata::parse(members.as_object().unwrap(), &["authorization_code"]).unwrap()
}

fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "c", "client_id": "c", "aud": ISSUER, "nbf": NOW, "exp": NOW + 300, "jti": "j",
        "response_type": "code", "redirect_uri": "https://c.example/cb", "scope": "openid", "state": "s",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn signed(header: &Value, claims: &Value) -> String {
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = FakeCryptography.sha256(&[&input]);
    attach_signature(input, &signature)
}

fn verify_as(
    jwt: &str,
    client: &ClientMetadata,
    policy: &RequestObjectPolicy<'_>,
) -> Result<VerifiedRequestObject, RequestObjectRefused> {
    let keys = JwkSet::parse(JWKS.as_bytes()).unwrap();
    verify_request_object(jwt, client, &keys, policy, &FakeCryptography)
}

fn verify(header: &Value, changes: &Value) -> Result<VerifiedRequestObject, RequestObjectRefused> {
    verify_as(&signed(header, &claims(changes)), &client(None), &policy(RequestObjectRules::MessageSigning))
}

fn usual() -> Value {
    json!({"alg": "ES256", "kid": "1"})
}

#[test]
fn each_claim_that_breaks_a_rule_refuses_the_object() {
    use RequestObjectRefused as Refused;
    for (changes, reason) in [
        (json!({"exp": null}), Refused::Claim("exp")),
        (json!({"nbf": null}), Refused::Claim("nbf")),
        (json!({"exp": "soon"}), Refused::Claim("exp")),
        (json!({"nbf": true}), Refused::Claim("nbf")),
        (json!({"exp": NOW}), Refused::Expired),
        (json!({"exp": NOW - 300}), Refused::Expired),
        (json!({"exp": i64::MIN}), Refused::Expired),
        (json!({"exp": NOW + 70 * 60}), Refused::Lifetime),
        (json!({"exp": NOW + 61 * 60 + 1}), Refused::Lifetime),
        (json!({"exp": 1e300}), Refused::Lifetime),
        (json!({"nbf": NOW - 70 * 60}), Refused::TooOld),
        (json!({"nbf": NOW - 61 * 60 - 1}), Refused::TooOld),
        (json!({"nbf": i64::MIN}), Refused::TooOld),
        (json!({"nbf": NOW + 61}), Refused::FromFuture),
        (json!({"iat": NOW + 61}), Refused::FromFuture),
        (json!({"iat": "now"}), Refused::Claim("iat")),
        (json!({"aud": null}), Refused::Claim("aud")),
        (json!({"aud": "https://other.example"}), Refused::Audience),
        (json!({"aud": format_args!("{ISSUER}/").to_string()}), Refused::Audience),
        (json!({"aud": []}), Refused::Audience),
        (json!({"aud": ["https://other.example"]}), Refused::Audience),
        (json!({"aud": {"a": ISSUER}}), Refused::Audience),
        (json!({"iss": null}), Refused::Claim("iss")),
        (json!({"iss": "other"}), Refused::Client),
        (json!({"iss": 1}), Refused::Claim("iss")),
        (json!({"client_id": null}), Refused::Claim("client_id")),
        (json!({"client_id": "other"}), Refused::Client),
        (json!({"sub": "c"}), Refused::Subject),
        (json!({"jti": 1}), Refused::Claim("jti")),
        (json!({"jti": "j".repeat(257)}), Refused::Claim("jti")),
        (json!({"request": "a.b.c"}), Refused::Nested),
        (json!({"request_uri": "urn:x"}), Refused::Nested),
        (json!({"state": 1}), Refused::Parameter),
        (json!({"redirect_uri": ["https://c.example/cb"]}), Refused::Parameter),
    ] {
        assert_eq!(verify(&usual(), &changes).unwrap_err(), reason, "{changes}");
    }
}

/// A `jti` is remembered as long as its object lives, and so none may live for ever, whatever rules it is under.
#[test]
fn rejects_a_request_object_that_would_be_remembered_for_ever() {
    for rules in [RequestObjectRules::Jar, RequestObjectRules::OpenId] {
        let judge =
            |changes: &Value| verify_as(&signed(&usual(), &claims(changes)), &client(None), &policy(rules));
        let long = json!({"exp": 9_999_999_999_i64, "nbf": null, "jti": null});
        assert!(judge(&long).unwrap().identifier.is_none(), "nothing to be remembered");
        let remembered = json!({"exp": 9_999_999_999_i64, "nbf": null, "jti": "once"});
        assert_eq!(judge(&remembered).unwrap_err(), RequestObjectRefused::Lifetime, "{rules:?}");
        let hour = json!({"exp": NOW + 3600, "nbf": null, "jti": "once"});
        assert_eq!(judge(&hour).unwrap().identifier.as_deref(), Some("once"));
    }
}

#[test]
fn each_header_that_breaks_a_rule_refuses_the_object() {
    use RequestObjectRefused as Refused;
    for (header, reason) in [
        (json!({"alg": "RS256", "kid": "1"}), Refused::Algorithm),
        (json!({"alg": "HS256", "kid": "1"}), Refused::Algorithm),
        (json!({"alg": "none", "kid": "1"}), Refused::Algorithm),
        (json!({"kid": "1"}), Refused::Algorithm),
        (json!({"alg": "PS256", "kid": "1"}), Refused::UnknownKey),
        (json!({"alg": "EdDSA", "kid": "1"}), Refused::UnknownKey),
        (json!({"alg": "ES256", "kid": "3"}), Refused::UnknownKey),
        (json!({"alg": "ES256", "typ": "dpop+jwt"}), Refused::Type),
        (json!({"alg": "ES256", "typ": "at+jwt"}), Refused::Type),
        (json!({"alg": "ES256", "typ": "client-authentication+jwt"}), Refused::Type),
        (json!({"alg": "ES256", "typ": "logout+jwt"}), Refused::Type),
        (json!({"alg": "ES256", "crit": ["x"], "x": 1}), Refused::Malformed),
        (json!({"alg": "ES256", "b64": false}), Refused::Malformed),
    ] {
        assert_eq!(verify(&header, &json!({})).unwrap_err(), reason, "{header}");
    }
    let good = signed(&usual(), &claims(&json!({})));
    let policy = policy(RequestObjectRules::MessageSigning);
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let other = signed(&usual(), &claims(&json!({"scope": "admin"})));
    let spliced = alloc::format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    let unsigned = alloc::format!("{rest}.");
    let five = alloc::format!("{good}.a.b");
    let long = alloc::format!("{good}{}", "A".repeat(MAXIMUM_REQUEST_OBJECT));
    for (jwt, reason) in [
        (spliced.as_str(), Refused::Signature),
        (&unsigned, Refused::Malformed),
        (&five, Refused::Malformed),
        (&long, Refused::Malformed),
        ("", Refused::Malformed),
        ("..", Refused::Malformed),
    ] {
        assert_eq!(verify_as(jwt, &client(None), &policy).unwrap_err(), reason);
    }
}

#[test]
fn what_the_rules_allow_is_accepted_to_the_second() {
    for changes in [
        json!({}),
        json!({"aud": [ISSUER, "https://other.example"]}),
        json!({"nbf": NOW + 8}),
        json!({"nbf": NOW + 60, "exp": NOW + 3720}),
        json!({"nbf": NOW - 3659, "exp": NOW + 1}),
        json!({"iat": NOW + 60}),
        json!({"exp": NOW + 3660}),
        json!({"jti": null}),
        json!({"sub": "alice"}),
        json!({"unknown": {"a": 1}}),
    ] {
        let outcome = verify(&usual(), &changes);
        assert!(outcome.is_ok(), "{changes} {outcome:?}");
    }
    for header in [
        json!({"alg": "ES256"}),
        json!({"alg": "EdDSA", "kid": "2"}),
        json!({"alg": "Ed25519"}),
        json!({"alg": "ES256", "typ": "oauth-authz-req+jwt"}),
        json!({"alg": "ES256", "typ": "JWT"}),
        // A key of the caller's choosing is never looked at.
        json!({"alg": "ES256", "jwk": {"kty": "oct"}, "jku": "https://e.example", "x5u": "https://e.example"}),
    ] {
        assert!(verify(&header, &json!({})).is_ok(), "{header}");
    }
    let verified = verify(&usual(), &json!({})).unwrap();
    assert_eq!(verified.parameters.text("state"), Some("s"));
    assert_eq!(verified.identifier.as_deref(), Some("j"));
    assert_eq!(verified.expires_at, Some(UnixTime::from_seconds(NOW + 300)));
}

#[test]
fn a_client_with_an_algorithm_of_its_own_may_use_no_other() {
    let policy = policy(RequestObjectRules::MessageSigning);
    let jwt = signed(&usual(), &claims(&json!({})));
    assert!(verify_as(&jwt, &client(Some("ES256")), &policy).is_ok());
    for other in ["EdDSA", "RS256", "none"] {
        let refused = verify_as(&jwt, &client(Some(other)), &policy).unwrap_err();
        assert_eq!(refused, RequestObjectRefused::Algorithm, "{other}");
    }
    // Registering an algorithm does not widen what the server accepts.
    let jwt = signed(&json!({"alg": "RS256"}), &claims(&json!({})));
    assert_eq!(
        verify_as(&jwt, &client(Some("RS256")), &policy).unwrap_err(),
        RequestObjectRefused::Algorithm
    );
}

#[test]
fn an_unsigned_object_counts_only_where_policy_and_registration_both_say_so() {
    let input = signing_input(br#"{"alg":"none"}"#, claims(&json!({})).to_string().as_bytes());
    let jwt = alloc::format!("{}.", String::from_utf8(input).unwrap());
    for (unsigned, algorithm, accepted) in [
        (true, Some("none"), true),
        (false, Some("none"), false),
        (true, None, false),
        (true, Some("ES256"), false),
    ] {
        let policy = RequestObjectPolicy { unsigned, ..policy(RequestObjectRules::OpenId) };
        let outcome = verify_as(&jwt, &client(algorithm), &policy);
        assert_eq!(outcome.is_ok(), accepted, "{unsigned} {algorithm:?}");
        if !accepted {
            assert_eq!(outcome.unwrap_err(), RequestObjectRefused::Algorithm);
        }
    }
    // What must be unsigned may not be "signed" by nobody's key either.
    let with_signature = signed(&json!({"alg": "none"}), &claims(&json!({})));
    let policy = RequestObjectPolicy { unsigned: true, ..policy(RequestObjectRules::OpenId) };
    assert!(verify_as(&with_signature, &client(Some("none")), &policy).is_err());
}

#[test]
fn the_lenient_rules_demand_less_and_judge_what_is_there() {
    let outcome = |rules, changes: &Value| {
        verify_as(&signed(&usual(), &claims(changes)), &client(None), &policy(rules)).map(|_| ())
    };
    let bare = json!({"iss": null, "aud": null, "nbf": null, "exp": null, "jti": null});
    assert_eq!(outcome(RequestObjectRules::Jar, &bare), Ok(()));
    let nameless = json!({"client_id": null});
    assert_eq!(outcome(RequestObjectRules::OpenId, &nameless), Ok(()));
    assert_eq!(outcome(RequestObjectRules::Jar, &nameless), Err(RequestObjectRefused::Claim("client_id")));
    for rules in [RequestObjectRules::Jar, RequestObjectRules::OpenId] {
        for (changes, reason) in [
            (json!({"iss": "other"}), RequestObjectRefused::Client),
            (json!({"client_id": "other"}), RequestObjectRefused::Client),
            (json!({"aud": "https://other.example"}), RequestObjectRefused::Audience),
            (json!({"exp": NOW}), RequestObjectRefused::Expired),
            (json!({"nbf": NOW + 61}), RequestObjectRefused::FromFuture),
            (json!({"sub": "c"}), RequestObjectRefused::Subject),
            (json!({"request_uri": "urn:x"}), RequestObjectRefused::Nested),
        ] {
            assert_eq!(outcome(rules, &changes), Err(reason), "{rules:?} {changes}");
        }
    }
}

#[test]
fn every_reason_is_its_own_and_fit_for_the_wire() {
    use RequestObjectRefused as Refused;
    let mut reasons = vec![];
    for refused in [
        Refused::Malformed,
        Refused::Type,
        Refused::Algorithm,
        Refused::UnknownKey,
        Refused::Signature,
        Refused::Claim("exp"),
        Refused::Client,
        Refused::Subject,
        Refused::Audience,
        Refused::Expired,
        Refused::Lifetime,
        Refused::FromFuture,
        Refused::PredatesMemory,
        Refused::TooOld,
        Refused::Nested,
        Refused::Parameter,
    ] {
        let error = AuthorizationError::from(refused);
        assert_eq!((error.code(), error.reason()), ("invalid_request_object", refused.reason()));
        assert!(error.sentence().bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
        assert!(!reasons.contains(&refused.reason()));
        reasons.push(refused.reason());
    }
}

#[test]
fn rejects_an_object_that_is_good_once_and_may_have_been_used_before() {
    let since = |second: i64| {
        let policy = policy(RequestObjectRules::OpenId);
        RequestObjectPolicy { accepted_since: Some(UnixTime::from_seconds(second)), ..policy }
    };
    let judge = |changes: &Value, policy: &RequestObjectPolicy<'_>| {
        verify_as(&signed(&usual(), &claims(changes)), &client(None), policy).map(|_| ())
    };
    let once = json!({"jti": "j", "nbf": NOW, "iat": NOW});
    assert_eq!(judge(&once, &since(NOW - 1)), Ok(()));
    assert_eq!(judge(&once, &since(NOW)), Err(RequestObjectRefused::PredatesMemory));
    // Either time says that it was not there before; none from the future does.
    assert_eq!(judge(&json!({"jti": "j", "nbf": NOW - 9, "iat": NOW}), &since(NOW - 1)), Ok(()));
    let future = json!({"jti": "j", "nbf": NOW, "iat": NOW + 1});
    assert_eq!(judge(&future, &since(NOW - 1)), Err(RequestObjectRefused::FromFuture));
    assert_eq!(judge(&future, &policy(RequestObjectRules::OpenId)), Ok(()));
    let undated = json!({"jti": "j", "nbf": null, "iat": null});
    assert_eq!(judge(&undated, &since(NOW - 1)), Err(RequestObjectRefused::Claim("iat")));
    // Without a name of its own it may be used again anyway.
    assert_eq!(judge(&json!({"jti": null, "nbf": NOW - 9}), &since(NOW)), Ok(()));
}
