//! The dynamic plan, but for the response types that are gone: registration, what it shows, and clients with keys.

use reqwest::Method;
use serde_json::{Value, json};

use super::relying_party::{By, Party};
use super::site::{CALLBACKS, Registered, Site};
use crate::answer::Answer;
use crate::browser::{Decision, Landing};
use crate::html::Page;
use crate::jwt;
use crate::key;

async fn register(site: &Site, members: Value) -> Answer {
    let mut request = site.http.post(site.endpoint("registration_endpoint")).json(&members);
    if let Some(token) = &site.initial_access_token {
        request = request.bearer_auth(token);
    }
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

/// The dynamic plan's own clients: private_key_jwt with a key set by value, and every algorithm RS256.
pub(super) async fn registered_client_with_keys_signs_people_in(site: &Site) {
    let redirect_uri = redirect_uri();
    let mut jwk = site.key.registered();
    jwk.as_object_mut().unwrap().remove("alg");
    let members = json!({
        "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "RS256", "id_token_signed_response_alg": "RS256",
        "jwks": {"keys": [jwk]}, "grant_types": ["authorization_code"], "response_types": ["code"],
        "contacts": ["certification@example.com"], "application_type": "web", "subject_type": "public",
    });
    let (client, body) = registered(site, members).await;
    assert!(body.get("client_secret").is_none());
    Party::of(site, &client, By::Jwt, &redirect_uri).sign_in(&mut site.browser()).await;
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
