//! The readers of authorization requests and registrations.

use bindery_core::jose::algorithm::AlgorithmSet;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::jose::jws;
use bindery_core::oauth::authorization_details::{self as details, DetailType, MAXIMUM_OBJECTS};
use bindery_core::oauth::authorization_request::{
    AuthorizationParameters, AuthorizationPolicy, AuthorizationRequest, MAXIMUM_NONCE, MAXIMUM_STATE,
    PkceRule, ResponseMode, validate,
};
use bindery_core::oauth::claims_request::ClaimsRequest;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::client_registration_request::{OPERATOR_MEMBERS, parse_registration};
use bindery_core::oauth::form::Form;
use bindery_core::oauth::request_object::{RequestObjectPolicy, RequestObjectRules, verify_request_object};
use bindery_core::time::UnixTime;
use serde_json::{Map, Value, json};

use crate::accepting::Accepting;
use crate::{Accepted, Refused, Verdict, parts, text};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const ISSUER: &str = "https://id.example";
const GRANTS: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];
const REGISTERED: [&str; 2] = ["https://c.example/cb?a=b", "http://127.0.0.1/cb"];
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}]}"#;

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn client() -> ClientMetadata {
    let registration = members(json!({
        "client_id": "c", "token_endpoint_auth_method": "private_key_jwt", "scope": "openid read",
        "jwks": serde_json::from_str::<Value>(KEYS).unwrap(), "application_type": "native",
        "grant_types": ["authorization_code"], "redirect_uris": REGISTERED,
        "audiences": ["https://api.example"], "authorization_details_types": ["payment", "free"],
    }));
    ClientMetadata::parse(&registration, &GRANTS).unwrap()
}

fn types() -> [DetailType; 2] {
    [
        DetailType { name: "free".into(), required: Vec::new(), members: None },
        DetailType { name: "payment".into(), required: vec!["amount".into()], members: Some(Vec::new()) },
    ]
}

fn policy(types: &[DetailType]) -> AuthorizationPolicy<'_> {
    AuthorizationPolicy {
        issuer: ISSUER,
        openid: true,
        pkce: PkceRule::Always,
        pushed: false,
        redirect_uri_required: true,
        unregistered_redirect_uri: false,
        response_modes: &ResponseMode::ALL,
        signed_response_required: false,
        detail_types: types,
        resources: &[],
    }
}

/// What is judged good, or refused by redirect, goes to one of the registered redirect URIs, the port of the
/// loopback address aside; what is good is within what the client has, and comes back from the store.
fn judged(parameters: &AuthorizationParameters) -> Verdict {
    let types = types();
    let returned = |uri: &str| {
        let port = uri.strip_prefix("http://127.0.0.1").and_then(|rest| rest.strip_suffix("/cb"));
        let loopback = port.is_some_and(|port| {
            port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        });
        assert!(REGISTERED.contains(&uri) || loopback, "{uri}");
    };
    let request = match validate(parameters, &client(), &policy(&types)) {
        Ok(request) => request,
        Err(refused) => {
            for part in [refused.error.code(), refused.error.sentence(), refused.error.reason()] {
                assert!(
                    part.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\')
                );
            }
            if let Some(return_to) = refused.return_to {
                returned(&return_to.redirect_uri);
            }
            return Refused;
        }
    };
    returned(&request.return_to.redirect_uri);
    assert_eq!(request.return_to.state.as_deref(), parameters.text("state"));
    assert_eq!(request.nonce.as_deref(), parameters.text("nonce"));
    assert!(request.return_to.state.as_ref().is_none_or(|state| state.len() <= MAXIMUM_STATE));
    assert!(request.nonce.as_ref().is_none_or(|nonce| nonce.len() <= MAXIMUM_NONCE));
    assert!(request.ask.scope.require_within(&client().scope).is_ok());
    assert!(request.ask.resources.iter().all(|own| own == "https://api.example" || own == ISSUER));
    assert_eq!(request.code_challenge.as_ref().map(String::len), Some(43));
    assert_eq!(AuthorizationRequest::from_value(&request.to_value()), Ok(request));
    Accepted
}

/// A form or a query.
pub fn authorization_request(data: &[u8]) -> Verdict {
    let Ok(form) = Form::parse_repeating(data, &AuthorizationParameters::REPEATING) else { return Refused };
    match AuthorizationParameters::from_form(&form) {
        Ok(parameters) => judged(&parameters),
        Err(_) => Refused,
    }
}

/// Either a request object as it is (first byte `.`), or header and payload on two lines, to be encoded. What
/// passes names the client and this issuer, lives an hour at most, and holds no other object.
pub fn request_object(data: &[u8]) -> Verdict {
    let [header, payload] = parts(data);
    let whole = match data.strip_prefix(b".") {
        Some(raw) => text(raw).to_owned(),
        None => jws::attach_signature(jws::signing_input(header, payload), b"signature"),
    };
    let keys = JwkSet::parse(KEYS.as_bytes()).unwrap();
    let policy = |rules| RequestObjectPolicy {
        issuer: ISSUER,
        now: NOW,
        algorithms: AlgorithmSet::DEFAULT,
        rules,
        accepted_since: None,
        unsigned: false,
    };
    let verify = |rules| verify_request_object(&whole, &client(), &keys, &policy(rules), &Accepting);
    let lenient = verify(RequestObjectRules::OpenId);
    let Ok(verified) = verify(RequestObjectRules::MessageSigning) else { return Refused };
    assert!(lenient.is_ok(), "what the strict rules take, the lenient ones do");
    let payload = whole.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&bindery_core::encoding::base64url::decode(payload).unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["client_id"]), (&json!("c"), &json!("c")));
    let named = claims["aud"] == ISSUER
        || claims["aud"].as_array().is_some_and(|all| all.iter().any(|one| one == ISSUER));
    assert!(named && claims.get("request").is_none() && claims.get("request_uri").is_none());
    let (now, lifetime) = (NOW.as_seconds() as f64, 3660.0);
    let (not_before, expires_at) = (claims["nbf"].as_f64().unwrap(), claims["exp"].as_f64().unwrap());
    assert!(expires_at >= now && not_before < now + 61.0 && not_before >= now - lifetime);
    assert!(expires_at.floor() <= not_before.floor() + lifetime);
    judged(&verified.parameters)
}

/// What passes is of known types, has what each needs, and is within itself.
pub fn authorization_details(data: &[u8]) -> Verdict {
    let registered = ["payment".to_owned(), "free".to_owned()];
    let Ok(asked) = details::parse(text(data), &types(), &registered) else { return Refused };
    assert!((1..=MAXIMUM_OBJECTS).contains(&asked.len()));
    for object in &asked {
        let free = object["type"] == "free";
        assert!(free || (object["type"] == "payment" && object.get("amount").is_some()));
    }
    assert!(details::require_within(&asked, &asked).is_ok());
    assert!(details::require_within(&asked[..1], &asked).is_ok());
    assert!(details::require_within(&asked, &[]).is_err());
    Accepted
}

/// What passes comes back from the store.
pub fn claims_request(data: &[u8]) -> Verdict {
    let Ok(claims) = ClaimsRequest::parse(text(data)) else { return Refused };
    let stored = serde_json::to_value(&claims).unwrap();
    assert_eq!(serde_json::from_value::<ClaimsRequest>(stored).unwrap(), claims);
    Accepted
}

/// What a stranger registers gives him nothing that an operator must say, is stored as it was read, and sends
/// answers nowhere but over https, to loopback, or to an application's own scheme.
pub fn client_metadata(data: &[u8]) -> Verdict {
    let Ok(asked) = bindery_core::encoding::json::parse_object(data) else { return Refused };
    let given = members(json!({
        "client_id": "g", "scope": "openid",
        "client_secret_sha256": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
    }));
    let registration = match parse_registration(&asked, &given, &GRANTS) {
        Ok(registration) => registration,
        Err(invalid) => {
            assert!(!invalid.rule.is_empty() && !invalid.remedy.is_empty());
            return Refused;
        }
    };
    for (name, value) in &registration.members {
        if OPERATOR_MEMBERS.contains(&name.as_str()) {
            assert_eq!(Some(value), given.get(name));
        }
    }
    let metadata = &registration.metadata;
    assert_eq!(metadata.client_id, "g");
    assert_eq!(metadata.scope.to_string(), "openid");
    for uri in &metadata.authorization.redirect_uris {
        let (scheme, rest) = uri.split_once(':').unwrap();
        let loopback = ["//127.", "//localhost", "//[::1]"].iter().any(|host| rest.starts_with(host));
        assert!(scheme == "https" || (scheme == "http" && loopback) || scheme.contains('.'), "{uri}");
        assert!(!uri.contains(['#', ' ', '\\', '<', '"']) && uri.is_ascii());
    }
    let again = ClientMetadata::parse(&registration.members, &GRANTS).unwrap();
    assert_eq!(format!("{again:?}"), format!("{metadata:?}"));
    Accepted
}
