//! RP-initiated and back-channel logout: where the browser goes afterwards, what is over, and what the relying
//! party is told.

use std::time::{Duration, Instant};

use url::Url;

use super::relying_party::{Login, Party};
use super::site::{AFTER_LOGOUT, Site};
use crate::browser::{Browser, Landing};
use crate::jwt::{self, Jwt};
use crate::key;

async fn signed_in(site: &Site) -> (Browser, Login) {
    let mut browser = site.browser();
    let login = Party::new(site).sign_in(&mut browser).await;
    (browser, login)
}

async fn log_out(site: &Site, browser: &mut Browser, parameters: &[(&str, &str)]) -> Landing {
    let url = Url::parse_with_params(&site.endpoint("end_session_endpoint"), parameters).unwrap();
    browser.visit(&url, AFTER_LOGOUT).await
}

/// Whether the browser still has a session: asked as a client would.
async fn require_nobody(site: &Site, browser: &mut Browser) {
    let party = Party::new(site).with("prompt", "none");
    let landing = party.visit(browser).await;
    party.require_error(&landing, &["login_required"]);
}

pub(super) async fn logout_leads_back_with_state(site: &Site) {
    let (mut browser, login) = signed_in(site).await;
    let state = key::random(9);
    let parameters =
        [("id_token_hint", login.id_token()), ("post_logout_redirect_uri", AFTER_LOGOUT), ("state", &state)];
    let landing = log_out(site, &mut browser, &parameters).await;
    let Landing::Callback { url, .. } = landing else { panic!("{landing:?}") };
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert_eq!(query, [("state".to_owned(), state)]);
    require_nobody(site, &mut browser).await;
}

pub(super) async fn logout_without_state_leads_back(site: &Site) {
    let (mut browser, login) = signed_in(site).await;
    let parameters = [("id_token_hint", login.id_token()), ("post_logout_redirect_uri", AFTER_LOGOUT)];
    let landing = log_out(site, &mut browser, &parameters).await;
    let Landing::Callback { url, .. } = landing else { panic!("{landing:?}") };
    assert_eq!(url.query().unwrap_or_default(), "");
}

/// Nobody said who asks, so the person is asked and stays here.
pub(super) async fn logout_without_anything_ends_here(site: &Site) {
    require_over_here(site, |_| Vec::new()).await;
}

pub(super) async fn logout_with_state_alone_ends_here(site: &Site) {
    require_over_here(site, |_| vec![("state", key::random(96))]).await;
}

pub(super) async fn logout_with_a_hint_alone_ends_here(site: &Site) {
    require_over_here(site, |login| {
        vec![("id_token_hint", login.id_token().to_owned()), ("state", key::random(96))]
    })
    .await;
}

async fn require_over_here(site: &Site, parameters: impl Fn(&Login) -> Vec<(&'static str, String)>) {
    let (mut browser, login) = signed_in(site).await;
    let parameters = parameters(&login);
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert!(matches!(log_out(site, &mut browser, &parameters).await, Landing::LoggedOut));
    require_nobody(site, &mut browser).await;
}

/// The person may be asked and may agree; the browser stays all the same.
pub(super) async fn logout_without_a_hint_never_leads_back(site: &Site) {
    let (mut browser, _) = signed_in(site).await;
    let state = key::random(96);
    let parameters = [("post_logout_redirect_uri", AFTER_LOGOUT), ("state", state.as_str())];
    let landing = log_out(site, &mut browser, &parameters).await;
    assert!(matches!(landing, Landing::LoggedOut | Landing::ErrorPage { .. }), "{landing:?}");
}

pub(super) async fn logout_to_an_unregistered_uri_ends_here(site: &Site) {
    for elsewhere in [
        format!("{AFTER_LOGOUT}/elsewhere"),
        format!("{AFTER_LOGOUT}?more=1"),
        "https://evil.example/".into(),
    ] {
        let (mut browser, login) = signed_in(site).await;
        let parameters =
            [("id_token_hint", login.id_token()), ("post_logout_redirect_uri", elsewhere.as_str())];
        let landing = log_out(site, &mut browser, &parameters).await;
        assert!(
            matches!(landing, Landing::LoggedOut | Landing::ErrorPage { .. }),
            "{elsewhere}: {landing:?}"
        );
    }
}

pub(super) async fn logout_with_a_changed_hint_ends_here(site: &Site) {
    let (_, login) = signed_in(site).await;
    let (input, signature) = login.id_token().rsplit_once('.').unwrap();
    let (header, claims) = jwt::read(login.id_token());
    let again = Jwt::new(&site.key, claims);
    for changed in [
        format!("{input}.{}", signature.chars().rev().collect::<String>()),
        again.clone().header("alg", "none").without_header("kid").text(),
        again.clone().header("alg", "RS256").text(),
        again.header("alg", "RS256").header("kid", header["kid"].as_str().unwrap()).text(),
    ] {
        let (mut browser, _) = signed_in(site).await;
        let parameters = [("id_token_hint", changed.as_str()), ("post_logout_redirect_uri", AFTER_LOGOUT)];
        let landing = log_out(site, &mut browser, &parameters).await;
        assert!(matches!(landing, Landing::LoggedOut | Landing::ErrorPage { .. }), "{landing:?}");
    }
}

pub(super) async fn session_is_over_after_logout(site: &Site) {
    let (mut browser, login) = signed_in(site).await;
    let before = browser.cookies().to_vec();
    log_out(site, &mut browser, &[("id_token_hint", login.id_token())]).await;
    // Even for a browser that kept the cookie.
    browser.take_cookies(before);
    require_nobody(site, &mut browser).await;
}

/// OpenID Connect Back-Channel Logout 1.0 sections 2.4 to 2.6.
pub(super) async fn back_channel_logout_token_is_sound(site: &Site) {
    let (mut browser, login) = signed_in(site).await;
    let sid = login.claims["sid"].as_str().expect("the client wants sid").to_owned();
    log_out(site, &mut browser, &[("id_token_hint", login.id_token())]).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    let (header, claims) = loop {
        let calls = site.received.logouts.lock().unwrap().clone();
        let tokens: Vec<String> = calls.iter().map(|form| the_one_field(form)).collect();
        let ours = tokens
            .iter()
            .map(|token| (token, jwt::read(token)))
            .find(|(_, (_, claims))| claims["sid"] == *sid);
        if let Some((token, _)) = ours {
            break jwt::verified(token, &site.jwks().await, &["RS256", "ES256"]);
        }
        assert!(Instant::now() < deadline, "no logout token for the session came: {}", tokens.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(header["typ"], "logout+jwt");
    assert_eq!(header["alg"], "RS256");
    assert_eq!(claims["iss"], site.issuer);
    assert_eq!(claims["aud"], site.basic.client_id);
    assert_eq!(claims["sub"], login.claims["sub"]);
    let events = serde_json::json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    assert_eq!(claims["events"], events);
    assert!(claims["jti"].is_string() && claims["iat"].is_i64());
    assert!(claims.get("nonce").is_none(), "a logout token must not pass for an ID token");
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((1..=120).contains(&life), "{life}");
}

fn the_one_field(form: &[(String, String)]) -> String {
    let [(name, token)] = form else { panic!("{form:?}") };
    assert_eq!(name, "logout_token");
    token.clone()
}
