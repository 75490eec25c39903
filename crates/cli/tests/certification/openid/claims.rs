//! Claims about the person: what each scope brings at userinfo (OIDC-5.4-01), the claims parameter, and the ways
//! in which userinfo may be asked.

use reqwest::Method;
use serde_json::{Value, json};

use super::relying_party::{Login, Party};
use super::site::Site;

/// The standard claims of each scope (OpenID Connect Core section 5.4).
const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
const EMAIL: [&str; 2] = ["email", "email_verified"];
const ADDRESS: [&str; 1] = ["address"];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];

async fn userinfo_of(site: &Site, scope: &str) -> (Login, Value) {
    let party = Party::new(site).with("scope", scope);
    let login = party.sign_in(&mut site.browser()).await;
    let answer = party.userinfo_call(Method::GET, login.access_token()).send().await;
    let claims = answer.require(200).json();
    assert_eq!(claims["sub"], login.claims["sub"]);
    (login, claims)
}

/// Exactly these claims, beside `sub`.
#[track_caller]
fn require_exactly(claims: &Value, names: &[&str]) {
    let mut found: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    found.retain(|name| *name != "sub");
    found.sort_unstable();
    let mut names = names.to_vec();
    names.sort_unstable();
    assert_eq!(found, names);
}

pub(super) async fn scope_profile_brings_its_claims(site: &Site) {
    let (_, claims) = userinfo_of(site, "openid profile").await;
    require_exactly(&claims, &PROFILE);
    assert!(claims["updated_at"].is_number());
    let birthdate: Vec<&str> = claims["birthdate"].as_str().unwrap().split('-').collect();
    assert_eq!(birthdate.iter().map(|part| part.len()).collect::<Vec<_>>(), [4, 2, 2]);
}

pub(super) async fn scope_email_brings_its_claims(site: &Site) {
    let (_, claims) = userinfo_of(site, "openid email").await;
    require_exactly(&claims, &EMAIL);
    assert!(claims["email_verified"].is_boolean());
}

pub(super) async fn scope_address_brings_its_claims(site: &Site) {
    let (_, claims) = userinfo_of(site, "openid address").await;
    require_exactly(&claims, &ADDRESS);
    assert!(claims["address"].is_object());
}

pub(super) async fn scope_phone_brings_its_claims(site: &Site) {
    let (_, claims) = userinfo_of(site, "openid phone").await;
    require_exactly(&claims, &PHONE);
}

pub(super) async fn all_scopes_bring_all_claims(site: &Site) {
    let (_, claims) = userinfo_of(site, "openid profile email address phone").await;
    require_exactly(&claims, &[&PROFILE[..], &EMAIL, &ADDRESS, &PHONE].concat());
}

pub(super) async fn essential_name_is_given(site: &Site) {
    let wanted = json!({"userinfo": {"name": {"essential": true}}}).to_string();
    let party = Party::new(site).with("claims", &wanted);
    let login = party.sign_in(&mut site.browser()).await;
    let claims = party.userinfo_call(Method::GET, login.access_token()).send().await.require(200).json();
    assert_eq!(claims["name"], "Alice Example");
    assert_eq!(login.claims.get("name"), None, "it was asked for at userinfo alone");
    let wanted = json!({"id_token": {"name": {"essential": true}, "email": null}}).to_string();
    let login = Party::new(site).with("claims", &wanted).sign_in(&mut site.browser()).await;
    assert_eq!(login.claims["name"], "Alice Example");
    assert_eq!(login.claims["email"], "alice@example.com");
}

pub(super) async fn userinfo_is_given_by_get_and_post_and_for_a_token_in_the_form(site: &Site) {
    let party = Party::new(site);
    let login = party.sign_in(&mut site.browser()).await;
    let mut in_the_form = party.userinfo_call(Method::POST, "").with("access_token", login.access_token());
    in_the_form.token = None;
    let in_the_header =
        [Method::GET, Method::POST].map(|method| party.userinfo_call(method, login.access_token()));
    for call in in_the_header.into_iter().chain([in_the_form]) {
        let claims = call.send().await.require(200).json();
        assert_eq!(claims["sub"], login.claims["sub"]);
    }
}

pub(super) async fn userinfo_without_a_token_is_refused(site: &Site) {
    let party = Party::new(site);
    let mut call = party.userinfo_call(Method::GET, "made-up-token");
    let answer = call.send().await;
    answer.require_status_of(&[401]);
    let mut challenges = answer.headers.get_all("www-authenticate").iter();
    assert!(challenges.any(|value| value.to_str().unwrap().contains("invalid_token")), "{answer:?}");
    call.token = None;
    call.send().await.require_status_of(&[401]);
}
