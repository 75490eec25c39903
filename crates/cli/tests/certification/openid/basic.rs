//! The basic plan: the code flow with client secrets, prompts and ages of logins, hints, and what is refused.

use serde_json::Value;

use super::relying_party::{By, Login, Party};
use super::site::{CALLBACKS, Registered, Site};
use crate::browser::Landing;
use crate::jwt::{self, Jwt};
use crate::key::{self, Key, base64url, sha256};

pub(super) async fn code_flow_gives_an_id_token_and_userinfo(site: &Site) {
    let party = Party::new(site);
    let login = party.sign_in(&mut site.browser()).await;
    let claims =
        party.userinfo_call(reqwest::Method::GET, login.access_token()).send().await.require(200).json();
    assert_eq!(claims["sub"], login.claims["sub"]);
}

pub(super) async fn missing_response_type_is_refused(site: &Site) {
    let party = Party::new(site).without("response_type");
    let landing = party.visit(&mut site.browser()).await;
    if !matches!(landing, Landing::ErrorPage { .. }) {
        party.require_error(&landing, &["unsupported_response_type", "invalid_request"]);
    }
}

pub(super) async fn request_without_nonce_succeeds(site: &Site) {
    Party::new(site).without("nonce").sign_in(&mut site.browser()).await;
}

pub(super) async fn scope_words_may_stand_in_any_order(site: &Site) {
    Party::new(site).with("scope", "email openid").sign_in(&mut site.browser()).await;
}

pub(super) async fn display_and_locales_and_hints_are_taken(site: &Site) {
    for (name, value) in [
        ("display", "page"),
        ("display", "popup"),
        ("ui_locales", "se"),
        ("claims_locales", "se"),
        ("login_hint", "alice"),
        ("login_hint", "buffy@localhost"),
    ] {
        Party::new(site).with(name, value).sign_in(&mut site.browser()).await;
    }
}

pub(super) async fn unknown_parameters_are_ignored(site: &Site) {
    Party::new(site).with("extra", "foobar").sign_in(&mut site.browser()).await;
}

/// Two logins in one browser, the second with one more parameter.
async fn twice(site: &Site, name: &str, value: &str, pause: u64) -> (Login, Login, usize) {
    let mut browser = site.browser();
    let first = Party::new(site).with("max_age", "15000").sign_in(&mut browser).await;
    tokio::time::sleep(std::time::Duration::from_secs(pause)).await;
    let second = Party::new(site).with("max_age", "15000").with(name, value).sign_in(&mut browser).await;
    (first, second, browser.logins)
}

pub(super) async fn login_is_asked_again_with_prompt_login(site: &Site) {
    let (first, second, logins) = twice(site, "prompt", "login", 1).await;
    assert_eq!(logins, 2);
    assert!(second.claims["auth_time"].as_i64() > first.claims["auth_time"].as_i64());
    assert_eq!(first.claims["sub"], second.claims["sub"]);
}

pub(super) async fn nobody_is_signed_in_with_prompt_none(site: &Site) {
    let party = Party::new(site).with("prompt", "none");
    let landing = party.visit(&mut site.browser()).await;
    party.require_error(&landing, &["login_required"]);
}

pub(super) async fn somebody_is_signed_in_with_prompt_none(site: &Site) {
    let (first, second, logins) = twice(site, "prompt", "none", 0).await;
    assert_eq!(logins, 1);
    assert_eq!(first.claims["auth_time"], second.claims["auth_time"]);
    assert_eq!(first.claims["sub"], second.claims["sub"]);
}

pub(super) async fn old_login_is_not_enough_for_max_age_1(site: &Site) {
    let (first, second, logins) = twice(site, "max_age", "1", 2).await;
    assert_eq!(logins, 2);
    assert!(second.claims["auth_time"].as_i64() > first.claims["auth_time"].as_i64());
}

pub(super) async fn young_login_is_enough_for_max_age_10000(site: &Site) {
    let (first, second, logins) = twice(site, "max_age", "10000", 0).await;
    assert_eq!(logins, 1);
    assert!(first.claims["auth_time"].is_i64());
    assert_eq!(first.claims["auth_time"], second.claims["auth_time"]);
    assert_eq!(first.claims["sub"], second.claims["sub"]);
}

pub(super) async fn id_token_hint_names_the_person(site: &Site) {
    let mut browser = site.browser();
    let first = Party::new(site).sign_in(&mut browser).await;
    let party = Party::new(site).with("prompt", "none").with("id_token_hint", first.id_token());
    let second = party.sign_in(&mut browser).await;
    assert_eq!(first.claims["sub"], second.claims["sub"]);
}

/// All that are advertised are asked for, and one of them must be told.
pub(super) async fn one_of_the_acr_values_is_reached(site: &Site) {
    let advertised: Vec<&str> = site.metadata["acr_values_supported"]
        .as_array()
        .unwrap()
        .iter()
        .map(|acr| acr.as_str().unwrap())
        .collect();
    let party = Party::new(site).with("acr_values", &advertised.join(" "));
    let login = party.sign_in(&mut site.browser()).await;
    assert!(advertised.contains(&login.claims["acr"].as_str().unwrap()), "{}", login.claims);
}

pub(super) async fn code_is_good_once(site: &Site) {
    let party = Party::new(site);
    let code = party.code(&party.visit(&mut site.browser()).await);
    let login = party.judge(&party.code_call(&code).send().await).await;
    party.code_call(&code).send().await.require_bad_request(&["invalid_grant"]);
    let answer = party.userinfo_call(reqwest::Method::GET, login.access_token()).send().await;
    answer.require_status_of(&[401]);
}

pub(super) async fn unregistered_redirect_uri_is_refused_on_a_page(site: &Site) {
    for redirect_uri in [format!("{CALLBACKS}/unregistered"), format!("{CALLBACKS}?more=1")] {
        let party = Party::new(site).with("redirect_uri", &redirect_uri);
        let landing = party.visit(&mut site.browser()).await;
        assert!(matches!(landing, Landing::ErrorPage { .. }), "{redirect_uri}: {landing:?}");
    }
}

pub(super) async fn request_is_taken_by_post(site: &Site) {
    let party = Party::new(site);
    let endpoint = site.endpoint("authorization_endpoint").parse().unwrap();
    let landing = site.browser().post(&endpoint, party.parameters.clone(), CALLBACKS).await;
    let code = party.code(&landing);
    party.judge(&party.code_call(&code).send().await).await;
}

pub(super) async fn client_secret_post_is_taken(site: &Site) {
    let party = Party::of(site, &site.posting, By::Post, CALLBACKS);
    party.sign_in(&mut site.browser()).await;
    // The registered method, and no other.
    let basic = Party::of(site, &site.posting, By::Basic, CALLBACKS);
    let code = basic.code(&basic.visit(&mut site.browser()).await);
    basic.code_call(&code).send().await.require_error(&["invalid_client"]);
}

/// OIDC-6-01: an unsigned object is honoured, or refused by its name; never ignored in silence.
pub(super) async fn request_object_is_taken_or_refused_as_a_whole(site: &Site) {
    let key = Key::ec(None);
    let state = key::random(9);
    let party = Party::new(site);
    let claims = serde_json::json!({
        "client_id": site.basic.client_id, "response_type": "code", "redirect_uri": CALLBACKS, "scope": "openid",
        "state": state, "nonce": party.parameter("nonce"), "iss": site.basic.client_id, "aud": site.issuer,
    });
    let object = Jwt::new(&key, claims).header("alg", "none");
    let party = party.with("request", &object.text()).with("state", &state);
    let landing = party.visit(&mut site.browser()).await;
    party.require_error(&landing, &["request_not_supported", "invalid_request_object", "invalid_request"]);
}

pub(super) async fn code_challenge_is_taken(site: &Site) {
    let verifier = key::random(32);
    let party = Party::new(site)
        .with("code_challenge", &base64url(sha256(&verifier)))
        .with("code_challenge_method", "S256");
    let mut browser = site.browser();
    let code = party.code(&party.visit(&mut browser).await);
    party.judge(&party.code_call(&code).with("code_verifier", &verifier).send().await).await;
    // And what was challenged must be answered.
    let code = party.code(&party.visit(&mut browser).await);
    party.code_call(&code).send().await.require_bad_request(&["invalid_grant"]);
    // A verifier for a code that has no challenge is a downgrade (CVE-2024-23647).
    let plain = Party::new(site);
    let code = plain.code(&plain.visit(&mut browser).await);
    plain
        .code_call(&code)
        .with("code_verifier", &verifier)
        .send()
        .await
        .require_bad_request(&["invalid_grant"]);
}

pub(super) async fn refresh_keeps_the_person(site: &Site) {
    refresh_is_for_its_client(site, [&site.basic, &site.second], By::Basic, CALLBACKS).await;
}

/// Both clients refresh, and then the first one with what the second one got.
pub(super) async fn refresh_is_for_its_client(
    site: &Site,
    clients: [&Registered; 2],
    by: By,
    redirect_uri: &str,
) {
    let parties = clients.map(|client| Party::of(site, client, by, redirect_uri));
    let mut tokens = Vec::new();
    for (number, party) in parties.into_iter().enumerate() {
        let party = party.with("scope", "openid offline_access").with("prompt", "consent");
        let party = if number == 1 { party.with("nonce", &key::random(33)[..43]) } else { party };
        let mut browser = site.browser();
        let first = party.sign_in(&mut browser).await;
        assert_eq!(browser.consents, 1);
        let refresh_token =
            first.body["refresh_token"].as_str().expect("offline access brings a refresh token").to_owned();
        let call = party.token_call("refresh_token").with("refresh_token", &refresh_token);
        let call = if number == 0 { call.with("scope", "openid offline_access") } else { call };
        // So that the times differ.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let body = call.send().await.require(200).require_no_store().json();
        judge_refreshed(&party, &first, &body).await;
        tokens.push((party, body["refresh_token"].as_str().unwrap_or(&refresh_token).to_owned()));
    }
    let stolen = tokens[0].0.token_call("refresh_token").with("refresh_token", &tokens[1].1);
    stolen.send().await.require_bad_request(&["invalid_grant"]);
}

/// OpenID Connect Core section 12.2.
async fn judge_refreshed(party: &Party<'_>, first: &Login, body: &Value) {
    assert_ne!(body["access_token"], first.body["access_token"]);
    assert!(body["token_type"].as_str().unwrap().eq_ignore_ascii_case("Bearer"));
    assert!(body["expires_in"].is_u64());
    if let Some(id_token) = body.get("id_token") {
        let jwks = party.site.jwks().await;
        let (_, claims) = jwt::verified(id_token.as_str().unwrap(), &jwks, &["RS256", "ES256"]);
        for name in ["iss", "sub", "aud", "auth_time", "azp"] {
            assert_eq!(claims.get(name), first.claims.get(name), "{name}");
        }
        assert!(claims["iat"].as_i64() > first.claims["iat"].as_i64());
    }
    let token = body["access_token"].as_str().unwrap();
    party.userinfo_call(reqwest::Method::GET, token).send().await.require(200);
}
