//! Requests that break one rule each: the error, and whether it may be sent to the redirect URI.

use super::*;
use crate::oauth::form::Form;
use alloc::format;
use alloc::string::ToString as _;
use serde_json::{Map, json};

const CALLBACK: &str = "https://c.example/cb";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const ISSUER: &str = "https://id.example";

fn client(changes: &Value) -> ClientMetadata {
    let mut members = json!({
        "client_id": "c",
        "client_secret_sha256": JKT,
        "grant_types": ["authorization_code"],
        "redirect_uris": [CALLBACK],
        "audiences": ["https://api.example", "https://other.example"],
        "scope": "openid read write",
        "authorization_details_types": ["payment"],
    });
    merge(members.as_object_mut().unwrap(), changes);
    ClientMetadata::parse(members.as_object().unwrap(), &["authorization_code", "refresh_token"]).unwrap()
}

fn merge(members: &mut Map<String, Value>, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

fn types() -> [DetailType; 1] {
    [DetailType { name: "payment".into(), required: ["amount".into()].into(), members: Some([].into()) }]
}

fn policy(types: &[DetailType]) -> AuthorizationPolicy<'_> {
    AuthorizationPolicy {
        issuer: ISSUER,
        openid: true,
        pkce: PkceRule::Always,
        pushed: true,
        redirect_uri_required: true,
        unregistered_redirect_uri: false,
        response_modes: &ResponseMode::ALL,
        signed_response_required: false,
        detail_types: types,
        resources: &[],
    }
}

fn parameters(changes: &Value) -> AuthorizationParameters {
    let mut claims = json!({
        "client_id": "c",
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "read",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    });
    merge(claims.as_object_mut().unwrap(), changes);
    AuthorizationParameters::from_claims(claims.as_object().unwrap()).unwrap()
}

fn judged(changes: &Value) -> Result<AuthorizationRequest, AuthorizationRefused> {
    validate(&parameters(changes), &client(&json!({})), &policy(&types()))
}

#[test]
fn each_broken_rule_has_its_code_and_goes_to_the_redirect_uri() {
    let (long_state, long_nonce) = ("s".repeat(MAXIMUM_STATE + 1), "n".repeat(MAXIMUM_NONCE + 1));
    for (changes, code) in [
        (json!({"response_type": null}), "invalid_request"),
        (json!({"response_type": "token"}), "unsupported_response_type"),
        (json!({"response_type": "code id_token"}), "unsupported_response_type"),
        (json!({"response_type": "CODE"}), "unsupported_response_type"),
        (json!({"response_mode": "web_message"}), "invalid_request"),
        (json!({"code_challenge": null}), "invalid_request"),
        (json!({"code_challenge": null, "code_challenge_method": null}), "invalid_request"),
        (json!({"code_challenge_method": null}), "invalid_request"),
        (json!({"code_challenge_method": "plain"}), "invalid_request"),
        (json!({"code_challenge_method": "s256"}), "invalid_request"),
        (json!({"code_challenge": "short"}), "invalid_request"),
        (json!({"request_uri": "urn:x"}), "invalid_request"),
        (json!({"request": "a.b.c"}), "request_not_supported"),
        (json!({"state": long_state}), "invalid_request"),
        (json!({"state": "a\nb"}), "invalid_request"),
        (json!({"nonce": long_nonce}), "invalid_request"),
        (json!({"nonce": "\u{e9}"}), "invalid_request"),
        (json!({"dpop_jkt": "short"}), "invalid_request"),
        (json!({"dpop_jkt": format!("{JKT}=")}), "invalid_request"),
        (json!({"scope": "admin"}), "invalid_scope"),
        (json!({"scope": "read  write"}), "invalid_scope"),
        (json!({"resource": "https://elsewhere.example"}), "invalid_target"),
        (json!({"resource": "https://api.example#a"}), "invalid_target"),
        (json!({"resource": ["https://api.example", "https://API.example"]}), "invalid_target"),
        (json!({"authorization_details": "x"}), "invalid_authorization_details"),
        (json!({"authorization_details": [{"type": "other"}]}), "invalid_authorization_details"),
        (json!({"authorization_details": [{"type": "payment"}]}), "invalid_authorization_details"),
        (json!({"claims": "x"}), "invalid_request"),
        (json!({"prompt": "none login"}), "invalid_request"),
        (json!({"prompt": "now"}), "invalid_request"),
        (json!({"max_age": "-1"}), "invalid_request"),
        (json!({"max_age": "1.5"}), "invalid_request"),
        (json!({"max_age": "99999999999999999999"}), "invalid_request"),
        (json!({"max_age": -1}), "invalid_request"),
        (json!({"acr_values": "a ".repeat(17)}), "invalid_request"),
    ] {
        let refused = judged(&changes).expect_err(&changes.to_string());
        assert_eq!(refused.error.code(), code, "{changes}");
        let return_to = refused.return_to.expect("the redirect URI is good");
        assert_eq!(return_to.redirect_uri, CALLBACK);
        assert_eq!(return_to.response_mode, ResponseMode::Query);
        let broken = changes.get("state").is_some();
        assert_eq!(return_to.state.as_deref(), (!broken).then_some("s"), "{changes}");
    }
}

#[test]
fn nothing_is_sent_to_a_redirect_uri_that_is_not_the_clients() {
    for (changes, registered) in [
        (json!({"redirect_uri": null}), json!({})),
        (json!({"redirect_uri": "https://c.example/cb/"}), json!({})),
        (json!({"redirect_uri": "https://e.example/cb"}), json!({})),
        (json!({"redirect_uri": "https://e.example/cb", "response_type": "token"}), json!({})),
        (json!({"redirect_uri": format!("{CALLBACK}?a=b")}), json!({})),
        (json!({"client_id": "other"}), json!({})),
        (json!({"redirect_uri": "http://127.0.0.1:1/cb"}), json!({"redirect_uris": ["http://127.0.0.1/cb"]})),
    ] {
        let refused = validate(&parameters(&changes), &client(&registered), &policy(&types())).unwrap_err();
        assert_eq!((refused.error.code(), refused.return_to), ("invalid_request", None), "{changes}");
    }
}

#[test]
fn an_authenticated_client_may_name_an_unregistered_https_uri_only_where_policy_says_so() {
    let types = types();
    let elsewhere = |uri: &str, policy: AuthorizationPolicy<'_>, registered: &Value| {
        validate(&parameters(&json!({"redirect_uri": uri})), &client(registered), &policy).is_ok()
    };
    let open = AuthorizationPolicy { unregistered_redirect_uri: true, ..policy(&types) };
    assert!(elsewhere("https://e.example/random", open, &json!({})));
    for uri in [
        "http://e.example/cb",
        "http://127.0.0.1/cb",
        "https://a@e.example/cb",
        "https://e.example/#a",
        "com.example.app:/cb",
        "javascript:alert(1)",
    ] {
        assert!(!elsewhere(uri, open, &json!({})), "{uri}");
    }
    let public = json!({"token_endpoint_auth_method": "none", "client_secret_sha256": null});
    assert!(!elsewhere("https://e.example/random", open, &public));
    let unpushed = AuthorizationPolicy { pushed: false, ..open };
    assert!(!elsewhere("https://e.example/random", unpushed, &json!({})));
    assert!(!elsewhere("https://e.example/random", policy(&types), &json!({})));
}

#[test]
fn a_missing_redirect_uri_is_supposed_only_when_there_is_one_and_policy_allows_and_never_in_openid_connect() {
    let types = types();
    let lenient = AuthorizationPolicy { redirect_uri_required: false, ..policy(&types) };
    let missing = parameters(&json!({"redirect_uri": null, "scope": "read"}));
    let openid = parameters(&json!({"redirect_uri": null, "scope": "read openid"}));
    let refused = validate(&openid, &client(&json!({})), &lenient).unwrap_err();
    assert_eq!(refused.error, AuthorizationError::RedirectUriMissing);
    let request = validate(&missing, &client(&json!({})), &lenient).unwrap();
    assert_eq!(
        (request.return_to.redirect_uri.as_str(), request.return_to.redirect_uri_given),
        (CALLBACK, false)
    );
    let two = client(&json!({"redirect_uris": [CALLBACK, "https://c.example/2"]}));
    assert_eq!(validate(&missing, &two, &lenient).unwrap_err().error, AuthorizationError::RedirectUriMissing);
}

#[test]
fn state_and_nonce_are_kept_whole_and_what_was_not_sent_is_not_there() {
    let (state, nonce) = ("-._~".repeat(500), "a~".repeat(500));
    let request = judged(&json!({"state": state, "nonce": nonce, "scope": "write read"})).unwrap();
    assert_eq!(request.return_to.state.as_deref(), Some(state.as_str()));
    assert_eq!(request.nonce.as_deref(), Some(nonce.as_str()));
    assert_eq!(request.ask.scope.to_string(), "read write");
    let bare = judged(&json!({"state": null})).unwrap();
    assert_eq!((bare.return_to.state, bare.nonce), (None, None));
    let empty = judged(&json!({"state": "", "nonce": ""})).unwrap();
    assert_eq!((empty.return_to.state, empty.nonce), (None, None));
}

#[test]
fn unknown_parameters_are_dropped_and_known_ones_survive_the_store() {
    let request = judged(&json!({
        "unknown": "x", "client_secret": "hunter2", "display": "popup", "claims_locales": "en",
        "scope": "openid read", "dpop_jkt": JKT, "nonce": "n", "max_age": 60, "prompt": "login consent",
        "acr_values": "gold silver", "login_hint": "alice", "ui_locales": "de-CH fr <b>",
        "resource": "https://api.example", "response_mode": "form_post.jwt",
        "claims": {"id_token": {"acr": {"essential": true, "values": ["gold"]}}},
        "authorization_details": [{"type": "payment", "amount": 1}],
    }))
    .unwrap();
    assert_eq!(request.ask.ui_locales, ["de-CH", "fr"]);
    assert_eq!(request.ask.max_age, Some(60));
    assert!(request.ask.prompt.login && request.ask.prompt.consent && !request.ask.prompt.none);
    assert!(request.ask.claims.essential_acr().eq(["gold"]));
    assert_eq!(AuthorizationRequest::from_value(&request.to_value()), Ok(request.clone()));
    assert!(!request.to_value().to_string().contains("hunter2"));
    assert!(AuthorizationRequest::from_value(&json!({"client_id": "c"})).is_err());
}

#[test]
fn a_form_and_a_request_object_say_the_same() {
    let details = "%5B%7B%22type%22%3A%22payment%22%2C%22amount%22%3A1%7D%5D";
    let body = format!(
        "client_id=c&response_type=code&redirect_uri=https%3A%2F%2Fc.example%2Fcb&scope=read&state=s\
         &code_challenge={CHALLENGE}&code_challenge_method=S256&max_age=60&client_assertion=x\
         &resource=https%3A%2F%2Fapi.example&resource=https%3A%2F%2Fother.example&authorization_details={details}"
    );
    let form = Form::parse_repeating(body.as_bytes(), &AuthorizationParameters::REPEATING).unwrap();
    let parameters = AuthorizationParameters::from_form(&form).unwrap();
    let from_form = validate(&parameters, &client(&json!({})), &policy(&types())).unwrap();
    let from_claims = judged(&json!({
        "max_age": 60, "resource": ["https://api.example", "https://other.example"],
        "authorization_details": [{"type": "payment", "amount": 1}],
    }));
    assert_eq!(Ok(from_form), from_claims);
    let twice = Form::parse_repeating(b"state=a&state=b", &AuthorizationParameters::REPEATING);
    assert!(twice.is_err(), "a parameter other than resource occurs twice");
}

#[test]
fn a_request_object_with_odd_types_is_refused() {
    for claims in [
        json!({"state": 1}),
        json!({"scope": ["read"]}),
        json!({"resource": [1]}),
        json!({"resource": {}}),
        json!({"claims": []}),
        json!({"max_age": true}),
        json!({"authorization_details": {}}),
        json!({"request": {}}),
        json!({"resource": alloc::vec!["https://api.example"; 17]}),
    ] {
        assert!(AuthorizationParameters::from_claims(claims.as_object().unwrap()).is_err(), "{claims}");
    }
}

#[test]
fn openid_is_a_scope_only_where_openid_is_on() {
    let types = types();
    let off = AuthorizationPolicy { openid: false, ..policy(&types) };
    let ask = |policy: &AuthorizationPolicy<'_>, changes: &Value| {
        validate(&parameters(changes), &client(&json!({})), policy)
    };
    let refused = ask(&off, &json!({"scope": "openid read"})).unwrap_err();
    assert_eq!(refused.error, AuthorizationError::Scope);
    assert!(ask(&policy(&types), &json!({"scope": "openid read"})).is_ok());
    // Identity is never granted because nothing was said.
    let silent = ask(&policy(&types), &json!({"scope": null})).unwrap();
    assert_eq!(silent.ask.scope.to_string(), "read write");
    // `claims` belongs to OpenID Connect: elsewhere it is an unknown parameter.
    assert!(ask(&off, &json!({"claims": "not json"})).is_ok());
}

#[test]
fn a_challenge_may_be_missing_only_from_a_confidential_clients_openid_request() {
    let types = types();
    let without = |rule, changes: &Value, registered: &Value| {
        let mut asked =
            json!({"code_challenge": null, "code_challenge_method": null, "scope": "openid", "nonce": "n"});
        merge(asked.as_object_mut().unwrap(), changes);
        let policy = AuthorizationPolicy { pkce: rule, ..policy(&types) };
        validate(&parameters(&asked), &client(registered), &policy).is_ok()
    };
    let public = json!({"token_endpoint_auth_method": "none", "client_secret_sha256": null});
    let (nonce, openid) =
        (PkceRule::UnlessOpenidNonceOfConfidentialClient, PkceRule::UnlessOpenidOfConfidentialClient);
    assert!(without(nonce, &json!({}), &json!({})));
    assert!(without(openid, &json!({"nonce": null}), &json!({})));
    assert!(!without(nonce, &json!({"nonce": null}), &json!({})));
    for rule in [PkceRule::Always, nonce, openid] {
        assert!(!without(rule, &json!({}), &public), "{rule:?}");
        assert!(!without(rule, &json!({"scope": "read"}), &json!({})), "{rule:?}");
    }
    assert!(!without(PkceRule::Always, &json!({}), &json!({})));
}

#[test]
fn a_client_whose_responses_must_be_signed_never_gets_a_plain_one() {
    let types = types();
    let signed = AuthorizationPolicy { signed_response_required: true, ..policy(&types) };
    for mode in [json!(null), json!("query"), json!("form_post"), json!("fragment"), json!("nonsense")] {
        let asked = parameters(&json!({"response_mode": mode}));
        let refused = validate(&asked, &client(&json!({})), &signed).unwrap_err();
        assert_eq!(refused.error.code(), "invalid_request");
        assert!(refused.return_to.unwrap().response_mode.is_signed(), "{mode}");
    }
    for mode in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
        let asked = parameters(&json!({"response_mode": mode}));
        let request = validate(&asked, &client(&json!({})), &signed).unwrap();
        assert!(request.return_to.response_mode.is_signed());
    }
}

#[test]
fn a_response_mode_must_be_offered_and_registered() {
    let types = types();
    let offered = AuthorizationPolicy { response_modes: &[ResponseMode::Query], ..policy(&types) };
    let asked = parameters(&json!({"response_mode": "form_post"}));
    assert!(validate(&asked, &client(&json!({})), &policy(&types)).is_ok());
    let refused = validate(&asked, &client(&json!({})), &offered).unwrap_err();
    assert_eq!(refused.error, AuthorizationError::ResponseMode);
    assert_eq!(refused.return_to.unwrap().response_mode, ResponseMode::Query);
    let registered = client(&json!({"response_modes": ["jwt"]}));
    assert!(validate(&asked, &registered, &policy(&types)).is_err());
    assert!(validate(&parameters(&json!({"response_mode": "jwt"})), &registered, &policy(&types)).is_ok());
}

#[test]
fn a_client_without_the_grant_gets_no_code() {
    let refresh = client(&json!({"grant_types": ["refresh_token"]}));
    let refused = validate(&parameters(&json!({})), &refresh, &policy(&types())).unwrap_err();
    assert_eq!(refused.error.code(), "unauthorized_client");
}

#[test]
fn registered_defaults_stand_in_for_what_is_not_asked() {
    let defaults = client(&json!({"default_max_age": 600, "default_acr_values": ["silver"]}));
    let request = validate(&parameters(&json!({})), &defaults, &policy(&types())).unwrap();
    assert_eq!((request.ask.max_age, request.ask.acr_values.as_slice()), (Some(600), &["silver".into()][..]));
    let asked = parameters(&json!({"max_age": "0", "acr_values": "gold"}));
    let request = validate(&asked, &defaults, &policy(&types())).unwrap();
    assert_eq!((request.ask.max_age, request.ask.acr_values.as_slice()), (Some(0), &["gold".into()][..]));
}

#[test]
fn a_resource_may_be_the_issuer_for_a_client_that_signs_people_in() {
    let request = judged(&json!({"resource": ISSUER})).unwrap();
    assert_eq!(request.ask.resources, [ISSUER]);
    let plain = client(&json!({"scope": "read"}));
    assert!(validate(&parameters(&json!({"resource": ISSUER})), &plain, &policy(&types())).is_err());
}

#[test]
fn every_error_has_wire_text_that_a_description_may_hold() {
    use crate::oauth::authorization_details::DetailsInvalid;
    let errors = [
        AuthorizationError::Form(crate::oauth::form::FormInvalid::TooLong),
        AuthorizationError::ClientMismatch,
        AuthorizationError::RedirectUriMissing,
        AuthorizationError::RedirectUri,
        AuthorizationError::ParameterMissing("response_type"),
        AuthorizationError::ParameterMissing("other"),
        AuthorizationError::ParameterMalformed("state"),
        AuthorizationError::ParameterMalformed("other"),
        AuthorizationError::ParameterTooLong("state"),
        AuthorizationError::ResponseType,
        AuthorizationError::ResponseMode,
        AuthorizationError::SignedResponseRequired,
        AuthorizationError::UnauthorizedClient,
        AuthorizationError::PkceMissing,
        AuthorizationError::PkceMethod,
        AuthorizationError::PkceMalformed,
        AuthorizationError::Scope,
        AuthorizationError::Target,
        AuthorizationError::AuthorizationDetails(DetailsInvalid::Type),
        AuthorizationError::PromptNone,
        AuthorizationError::DpopJktMismatch,
        AuthorizationError::RequestUriPushed,
        AuthorizationError::PushedRequestRequired,
        AuthorizationError::SignedRequestRequired,
        AuthorizationError::RequestNotSupported,
        AuthorizationError::RequestUriNotSupported,
        AuthorizationError::RequestUri,
        AuthorizationError::AccessDenied,
        AuthorizationError::LoginRequired,
        AuthorizationError::ConsentRequired,
        AuthorizationError::UnmetAuthenticationRequirements,
        AuthorizationError::ServerError,
        AuthorizationError::TemporarilyUnavailable,
    ];
    for error in errors {
        let form = error.form();
        for text in [form.code, form.sentence, form.reason] {
            assert!(!text.is_empty());
            assert!(
                text.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
                "{text}"
            );
        }
        assert!(matches!(form.status, 400 | 500 | 503));
    }
}
