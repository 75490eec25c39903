//! The dynamic plan, but for the response types that are gone: registration, what it shows, and clients with keys.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::basic;
use super::relying_party::{By, Party};
use super::site::{CALLBACKS, Registered, Site};
use crate::answer::Answer;
use crate::browser::{Decision, Landing};
use crate::html::Page;
use crate::jwt::{self, Jwt};
use crate::key::{self, Key};

async fn register(site: &Site, members: Value) -> Answer {
    let request = site.http.post(site.endpoint("registration_endpoint")).json(&members);
    Answer::read("POST /register".into(), request.send().await.unwrap()).await
}

fn redirect_uri() -> String {
    format!("{CALLBACKS}/{}", key::random(6))
}

/// A client that exists from now on.
async fn registered(site: &Site, members: Value) -> (Registered, Value) {
    let body = register(site, members).await.require(201).require_no_store().json();
    let client_id: &'static str = body["client_id"].as_str().unwrap().to_owned().leak();
    let secret = body["client_secret"].as_str().unwrap_or_default().to_owned();
    (Registered { client_id, secret }, body)
}

pub(super) async fn registered_client_signs_people_in(site: &Site) {
    let redirect_uri = redirect_uri();
    let (client, body) =
        registered(site, json!({"redirect_uris": [redirect_uri], "client_name": "New"})).await;
    assert_eq!(body["token_endpoint_auth_method"], "client_secret_basic", "the default of RFC 7591");
    assert!(body["client_secret_expires_at"].is_number());
    let party = Party::of(site, &client, By::Basic, &redirect_uri);
    party.sign_in(&mut site.browser()).await;
}

/// The dynamic plan's own clients: private_key_jwt with a key set by value, RS256, and nothing that isn't needed;
/// removed again in the end.
pub(super) async fn registered_client_with_keys_signs_people_in(site: &Site) {
    let redirect_uri = redirect_uri();
    let (client, body) = registered(site, as_the_plan_registers(site, &redirect_uri)).await;
    assert!(body.get("client_secret").is_none());
    Party::of(site, &client, By::Jwt, &redirect_uri).sign_in(&mut site.browser()).await;
    let (uri, token) =
        ["registration_client_uri", "registration_access_token"].map(|name| body[name].as_str()).into();
    let uri = uri.filter(|uri| uri.starts_with("https://")).unwrap();
    let gone = site.http.delete(uri).bearer_auth(token.unwrap()).send().await.unwrap();
    assert_eq!(gone.status(), 204);
}

/// A registration request, with the keys by value.
fn as_the_plan_registers(site: &Site, redirect_uri: &str) -> Value {
    json!({
        "client_name": "A module's client", "redirect_uris": [redirect_uri], "grant_types": ["authorization_code"],
        "response_types": ["code"], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": key_set(&site.key), "contacts": ["certification@example.com"],
    })
}

fn key_set(key: &Key) -> Value {
    let mut jwk = key.registered();
    jwk["alg"] = "RS256".into();
    json!({"keys": [jwk]})
}

/// The same with these members instead; a member that is null is left out.
fn with(mut members: Value, others: Value) -> Value {
    let Value::Object(others) = others else { panic!("not an object") };
    let members_object = members.as_object_mut().unwrap();
    members_object.extend(others);
    members_object.retain(|_, value| !value.is_null());
    members
}

pub(super) async fn missing_redirect_uri_is_refused_on_a_page(site: &Site) {
    let redirect_uri = redirect_uri();
    for uris in [vec![redirect_uri.clone()], vec![redirect_uri.clone(), format!("{redirect_uri}/more")]] {
        let members = with(as_the_plan_registers(site, &redirect_uri), json!({"redirect_uris": uris}));
        let (client, _) = registered(site, members).await;
        let party = Party::of(site, &client, By::Jwt, &redirect_uri).without("redirect_uri");
        let landing = party.visit(&mut site.browser()).await;
        assert!(matches!(landing, Landing::ErrorPage { .. }), "{uris:?}: {landing:?}");
    }
}

pub(super) async fn assertion_for_the_issuer_is_taken(site: &Site) {
    let redirect_uri = redirect_uri();
    let (client, _) = registered(site, as_the_plan_registers(site, &redirect_uri)).await;
    let party = Party::of(site, &client, By::Jwt, &redirect_uri);
    let code = party.code(&party.visit(&mut site.browser()).await);
    let call = party.code_call(&code).assertion(|assertion| assertion.claim("aud", site.issuer.as_str()));
    party.judge(&call.send().await).await;
}

/// OP-Registration-jwks_uri and OP-Rotation-RP-Sig: with offline access, and another key than at the first call.
pub(super) async fn keys_are_fetched_and_fetched_anew_when_they_changed(site: &Site) {
    let redirect_uri = redirect_uri();
    let (before, after) = (Key::rsa(Some("before")), Key::rsa(Some("after")));
    let name = format!("jwks-{}", key::random(6));
    let uri = site.publish(&name, "application/json", key_set(&before).to_string());
    let grants = ["authorization_code", "refresh_token"];
    let members = with(
        as_the_plan_registers(site, &redirect_uri),
        json!({"jwks": null, "jwks_uri": uri, "grant_types": grants}),
    );
    let (client, _) = registered(site, members).await;
    let mut party = Party::of(site, &client, By::Jwt, &redirect_uri)
        .with("scope", "openid offline_access")
        .with("prompt", "consent");
    party.key = before;
    let login = party.sign_in(&mut site.browser()).await;
    let refresh_token = login.body["refresh_token"].as_str().expect("offline access brings a refresh token");
    site.publish(&name, "application/json", key_set(&after).to_string());
    // The pause between two fetches, which the plan gives a minute.
    tokio::time::sleep(Duration::from_secs(6)).await;
    party.key = after;
    let call = party.token_call("refresh_token").with("refresh_token", refresh_token);
    let body = call.with("scope", "openid offline_access").send().await.require(200).json();
    let token = body["access_token"].as_str().unwrap();
    party.userinfo_call(Method::GET, token).send().await.require(200);
}

/// OP-request_uri-Sig: what is fetched counts, and nothing else that the query says.
pub(super) async fn signed_request_object_is_fetched(site: &Site) {
    assert_eq!(site.metadata["request_uri_parameter_supported"], true);
    let redirect_uri = redirect_uri();
    let name = format!("requesturi/{}", key::random(72));
    let uri = site.publish(&name, "application/jose", "");
    let members = with(
        as_the_plan_registers(site, &redirect_uri),
        json!({"request_uris": [uri], "request_object_signing_alg": "RS256"}),
    );
    let (client, _) = registered(site, members).await;
    let party = Party::of(site, &client, By::Jwt, &redirect_uri);
    let claims: serde_json::Map<String, Value> =
        party.parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let object = Jwt::new(&site.key, Value::Object(claims)).header("alg", "RS256");
    let object = object.claim("iss", client.client_id).claim("aud", site.issuer.as_str());
    site.publish(&name, "application/jose", object.text());
    let mut outside = Party::of(site, &client, By::Jwt, &redirect_uri).with("request_uri", &uri);
    outside
        .parameters
        .retain(|(name, _)| ["client_id", "response_type", "scope", "request_uri"].contains(&name.as_str()));
    let landing = outside.visit(&mut site.browser()).await;
    let code = party.code(&landing);
    party.judge(&party.code_call(&code).send().await).await;
}

/// The modules for `alg` `none` are skipped where it is not advertised, for objects and for ID tokens.
pub(super) async fn unsigned_request_object_is_not_advertised(site: &Site) {
    for name in ["request_object_signing_alg_values_supported", "id_token_signing_alg_values_supported"] {
        assert!(site.metadata[name].as_array().unwrap().iter().all(|alg| alg != "none"), "{name}");
    }
}

pub(super) async fn sector_must_list_the_redirect_uris(site: &Site) {
    let subject_types = site.metadata["subject_types_supported"].as_array().unwrap();
    assert!(subject_types.iter().any(|kind| kind == "pairwise"));
    let redirect_uri = redirect_uri();
    let name = format!("sector-{}", key::random(6));
    let members = |uri: &str| {
        let more = json!({"subject_type": "pairwise", "sector_identifier_uri": uri});
        with(as_the_plan_registers(site, &redirect_uri), more)
    };
    let uri = site.publish(&name, "application/json", json!(["https://elsewhere.example/cb"]).to_string());
    register(site, members(&uri)).await.require_bad_request(&["invalid_client_metadata"]);
    let listed = json!([redirect_uri, "https://elsewhere.example/cb"]).to_string();
    let uri = site.publish(&name, "application/json", listed);
    let (client, _) = registered(site, members(&uri)).await;
    Party::of(site, &client, By::Jwt, &redirect_uri).sign_in(&mut site.browser()).await;
}

pub(super) async fn refresh_is_for_the_client_it_was_given_to(site: &Site) {
    let redirect_uri = redirect_uri();
    let grants = json!({"grant_types": ["authorization_code", "refresh_token"]});
    let members = with(as_the_plan_registers(site, &redirect_uri), grants);
    let (first, _) = registered(site, members.clone()).await;
    let (second, _) = registered(site, members).await;
    basic::refresh_is_for_its_client(site, [&first, &second], By::Jwt, &redirect_uri).await;
}

pub(super) async fn registration_with_a_fragment_is_refused(site: &Site) {
    let answer = register(site, json!({"redirect_uris": [format!("{CALLBACKS}#fragment")]})).await;
    answer.require_bad_request(&["invalid_redirect_uri", "invalid_client_metadata"]);
}

/// OIDR-2-01: with the links that a person may follow before deciding.
pub(super) async fn registration_shows_logo_policy_and_terms(site: &Site) {
    let redirect_uri = redirect_uri();
    let members = json!({
        "redirect_uris": [redirect_uri], "client_name": "Shows <b>itself</b>",
        "policy_uri": "https://suite.example/policy", "tos_uri": "https://suite.example/terms",
        "client_uri": "https://suite.example/", "logo_uri": "https://suite.example/logo.png",
    });
    let (client, _) = registered(site, members).await;
    let party = Party::of(site, &client, By::Basic, &redirect_uri);
    let mut browser = site.browser();
    browser.decision = Decision::Leave;
    assert!(matches!(party.visit(&mut browser).await, Landing::Left));
    let addresses = Page::parse(&browser.page).addresses;
    for shown in ["", "policy", "terms", "logo.png"] {
        let shown = format!("https://suite.example/{shown}");
        assert!(addresses.contains(&shown), "{shown} is not on the page: {addresses:?}");
    }
    assert!(!browser.page.contains("<b>itself</b>"), "what clients say of themselves is text");
}

pub(super) async fn registered_signed_userinfo_is_signed(site: &Site) {
    let redirect_uri = redirect_uri();
    let members = json!({"redirect_uris": [redirect_uri], "userinfo_signed_response_alg": "RS256"});
    let (client, _) = registered(site, members).await;
    let party = Party::of(site, &client, By::Basic, &redirect_uri);
    let login = party.sign_in(&mut site.browser()).await;
    let answer = party.userinfo_call(Method::GET, login.access_token()).send().await;
    assert!(answer.require(200).header("content-type").unwrap().starts_with("application/jwt"));
    let (_, claims) = jwt::verified(&answer.body, &site.jwks().await, &["RS256"]);
    assert_eq!(claims["iss"], site.issuer);
    assert_eq!(claims["aud"], client.client_id);
    assert_eq!(claims["sub"], login.claims["sub"]);
}

pub(super) async fn redirect_uri_query_must_match(site: &Site) {
    let with_query = format!("{}?foo=bar", redirect_uri());
    let (client, _) = registered(site, json!({"redirect_uris": [with_query]})).await;
    let party = Party::of(site, &client, By::Basic, &with_query);
    let landing = party.visit(&mut site.browser()).await;
    let Landing::Callback { url, .. } = &landing else { panic!("{landing:?}") };
    assert!(url.query_pairs().any(|(name, value)| name == "foo" && value == "bar"), "{url}");
    for other in
        [with_query.replace("bar", "baz"), with_query.replace("?foo=bar", ""), format!("{with_query}&x=1")]
    {
        let landing = Party::of(site, &client, By::Basic, &other).visit(&mut site.browser()).await;
        assert!(matches!(landing, Landing::ErrorPage { .. }), "{other}: {landing:?}");
    }
}
