//! The authorization code flow through the router: pushed requests, pages, codes, tokens. Each test is named after
//! the rule that a wrong server would break.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, SigningKey};
use serde_json::{Value, json};

use crate::browser::{Browser, Page};
use crate::clients::Setup;
use crate::support::{Answer, Call, ISSUER, World, claims, key};

pub(crate) const CALLBACK: &str = "https://client.example/callback?registered=1";
pub(crate) const VERIFIER: &str = "a-code-verifier-of-sufficient-length-0123456789";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) fn challenge() -> String {
    base64url::encode(AwsLc.sha256(&[VERIFIER.as_bytes()]))
}

/// A server whose `web` client may use codes; `changes` are its further members.
pub(crate) async fn world_with(changes: Value) -> World {
    world_from(changes, |_| {}).await
}

/// The same, with a change to the server.
pub(crate) async fn world_from(changes: Value, change: impl FnOnce(&mut Setup)) -> World {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let client = |id: &str| {
        let mut client = json!({
            "client_id": id, "client_name": "Web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
            "grant_types": ["authorization_code", "refresh_token"], "redirect_uris": [CALLBACK],
            "scope": "openid profile read write", "audiences": [crate::support::API],
        });
        crate::support::merge(&mut client, &changes);
        client
    };
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    clients.push(client("web"));
    clients.push(client("other-web"));
    change(&mut setup);
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world
}

pub(crate) async fn world() -> World {
    world_with(json!({})).await
}

impl World {
    /// A request of `client_id` to the pushed request endpoint.
    pub(crate) fn push(&self, client_id: &str) -> Call {
        Call::to("/par")
            .assertion(self.assertion(client_id))
            .with("response_type", "code")
            .with("redirect_uri", CALLBACK)
            .with("scope", "openid read")
            .with("state", "the state")
            .with("nonce", "the nonce")
            .with("code_challenge", challenge())
            .with("code_challenge_method", "S256")
    }

    pub(crate) async fn pushed(&self, call: Call) -> String {
        let answer = self.send(call).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["request_uri"].as_str().unwrap().to_owned()
    }

    /// Signs in and allows, from a pushed request to the client's redirect URI.
    pub(crate) async fn walk(&self, browser: &Browser<'_>, client_id: &str, request_uri: &str) -> Page {
        let login = browser.get(&authorize(client_id, request_uri)).await;
        let consent = sign_in(browser, &login).await;
        // What was allowed before is not asked again.
        match consent.left_for {
            Some(_) => consent,
            None => browser.press(&consent, "allow", &[]).await,
        }
    }

    /// A code for `web`, from a fresh browser.
    pub(crate) async fn code(&self, push: Call) -> String {
        let request_uri = self.pushed(push).await;
        let browser = Browser::new(self);
        let page = self.walk(&browser, "web", &request_uri).await;
        page.answer("code").unwrap_or_else(|| panic!("no code: {:?} {}", page.left_for, page.html))
    }

    /// Redeems `code` for `client_id` with a proof by `key`.
    pub(crate) fn redeem(&self, client_id: &str, code: &str, key: &SigningKey) -> Call {
        self.redeem_without_verifier(client_id, code, key).with("code_verifier", VERIFIER)
    }

    pub(crate) fn redeem_without_verifier(&self, client_id: &str, code: &str, key: &SigningKey) -> Call {
        Call::token("authorization_code")
            .assertion(self.assertion(client_id))
            .with("code", code)
            .with("redirect_uri", CALLBACK)
            .dpop(self.proof(key))
    }
}

pub(crate) fn authorize(client_id: &str, request_uri: &str) -> String {
    format!("/authorize?client_id={client_id}&request_uri={request_uri}&state=ignored&scope=write")
}

pub(crate) async fn sign_in(browser: &Browser<'_>, login: &Page) -> Page {
    browser.press(login, "login", &[("username", "alice"), ("password", PASSWORD)]).await
}

fn refused(answer: &Answer, error: &str, reason: &str) {
    answer.error(400, error).reason(reason);
}

#[tokio::test]
async fn a_pushed_request_ends_in_tokens_that_are_bound() {
    let world = world().await;
    let key = key();
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let page = world.walk(&browser, "web", &request_uri).await;
    let left_for = page.left_for.as_deref().unwrap();
    assert!(left_for.starts_with(&format!("{CALLBACK}&")), "the registered query survives: {left_for}");
    assert_eq!(page.answer("state").as_deref(), Some("the state"), "not the query's");
    assert_eq!(page.answer("iss").as_deref(), Some(ISSUER));
    let code = page.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key)).await.ok();
    assert_eq!(tokens["token_type"], "DPoP");
    assert_eq!(tokens["scope"], "openid read");
    assert!(tokens["refresh_token"].is_string());
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["cnf"]["jkt"], key.thumbprint().to_string());
    let identity = claims(&tokens["id_token"]);
    assert_eq!(identity["nonce"], "the nonce");
    assert_eq!(identity["aud"], "web");
    assert_eq!(identity["sub"], access["sub"]);
    assert!(identity["auth_time"].is_i64());
}

#[tokio::test]
async fn rejects_code_redeemed_twice_and_ends_what_it_gave() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &key)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.introspect(token).await["active"], true);
    let again = world.send(world.redeem("web", &code, &key)).await;
    refused(&again, "invalid_grant", "authorization_code");
    assert_eq!(world.introspect(token).await["active"], false);
}

#[tokio::test]
async fn rejects_code_redeemed_by_another_client_and_leaves_it_to_its_own() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    let stranger = world.send(world.redeem("other-web", &code, &key)).await;
    refused(&stranger, "invalid_grant", "authorization_code");
    world.send(world.redeem("web", &code, &key)).await.ok();
}

#[tokio::test]
async fn rejects_code_after_its_minute() {
    let world = world().await;
    let code = world.code(world.push("web")).await;
    world.advance(60);
    let late = world.send(world.redeem("web", &code, &key())).await;
    refused(&late, "invalid_grant", "authorization_code");
}

#[tokio::test]
async fn rejects_code_without_its_verifier_or_with_another() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    let without = world.send(world.redeem_without_verifier("web", &code, &key)).await;
    refused(&without, "invalid_grant", "authorization_code");
    let other = world.redeem_without_verifier("web", &code, &key);
    let other = world.send(other.with("code_verifier", VERIFIER.replace('a', "b"))).await;
    refused(&other, "invalid_grant", "authorization_code");
    world.send(world.redeem("web", &code, &key)).await.ok();
}

#[tokio::test]
async fn rejects_code_bound_to_another_key_by_proof_or_by_word() {
    let world = world().await;
    let (own, other) = (key(), key());
    let proof = world.proof_with(&own, &format!("{ISSUER}/par"), None);
    let code = world.code(world.push("web").dpop(proof)).await;
    let stolen = world.send(world.redeem("web", &code, &other)).await;
    refused(&stolen, "invalid_grant", "authorization_code");
    world.send(world.redeem("web", &code, &own)).await.ok();
    let code = world.code(world.push("web").with("dpop_jkt", own.thumbprint().to_string())).await;
    let stolen = world.send(world.redeem("web", &code, &other)).await;
    refused(&stolen, "invalid_grant", "authorization_code");
    world.send(world.redeem("web", &code, &own)).await.ok();
}

#[tokio::test]
async fn rejects_pushed_request_whose_proof_and_dpop_jkt_differ() {
    let world = world().await;
    let proof = world.proof_with(&key(), &format!("{ISSUER}/par"), None);
    let call = world.push("web").dpop(proof).with("dpop_jkt", key().thumbprint().to_string());
    let answer = world.send(call).await;
    assert!(["invalid_request", "invalid_dpop_proof"].contains(&answer.body["error"].as_str().unwrap()));
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn rejects_pushed_request_that_breaks_a_rule() {
    let world = world().await;
    let base = || {
        Call::to("/par")
            .assertion(world.assertion("web"))
            .with("redirect_uri", CALLBACK)
            .with("scope", "read")
    };
    let pkce = |call: Call| call.with("code_challenge", challenge()).with("code_challenge_method", "S256");
    for (call, error) in [
        (pkce(base()).with("response_type", "token"), "unsupported_response_type"),
        (pkce(base()).with("response_type", "code id_token"), "unsupported_response_type"),
        (base().with("response_type", "code"), "invalid_request"),
        (
            base()
                .with("response_type", "code")
                .with("code_challenge", challenge())
                .with("code_challenge_method", "plain"),
            "invalid_request",
        ),
        (pkce(base()).with("response_type", "code").with("request_uri", "urn:x"), "invalid_request"),
        (pkce(base()).with("response_type", "code").with("dpop_jkt", "short"), "invalid_request"),
        (
            pkce(base()).with("response_type", "code").with("resource", "https://evil.example"),
            "invalid_target",
        ),
    ] {
        world.send(call).await.error(400, error);
    }
    let unknown = world.push("web").with("authorization_details", "[{\"type\":\"unknown\"}]");
    world.send(unknown).await.error(400, "invalid_authorization_details");
}

#[tokio::test]
async fn rejects_request_uri_of_another_client_with_a_page() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let page = browser.get(&authorize("other-web", &request_uri)).await;
    assert_eq!(page.left_for, None);
    assert!(page.element("oauth-error").is_some(), "{}", page.html);
}

#[tokio::test]
async fn rejects_request_uri_after_its_time_at_the_client() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    world.advance(60);
    let page = Browser::new(&world).get(&authorize("web", &request_uri)).await;
    assert_eq!(page.answer("error").as_deref(), Some("invalid_request_uri"));
    assert_eq!(page.answer("iss").as_deref(), Some(ISSUER));
}

#[tokio::test]
async fn a_request_uri_opens_twice_before_the_answer_and_never_after() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    Browser::new(&world).get(&authorize("web", &request_uri)).await;
    let browser = Browser::new(&world);
    assert!(world.walk(&browser, "web", &request_uri).await.answer("code").is_some());
    let again = browser.get(&authorize("web", &request_uri)).await;
    assert_eq!(again.answer("error").as_deref(), Some("invalid_request_uri"));
}

#[tokio::test]
async fn of_two_tabs_that_opened_one_request_one_gets_the_code() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let first = browser.get(&authorize("web", &request_uri)).await;
    let second = browser.get(&authorize("web", &request_uri)).await;
    let (first, second) = (sign_in(&browser, &first).await, sign_in(&browser, &second).await);
    let first = browser.press(&first, "allow", &[]).await;
    assert!(first.answer("code").is_some());
    let second = match second.left_for {
        Some(_) => second,
        None => browser.press(&second, "allow", &[]).await,
    };
    assert_eq!(second.answer("error").as_deref(), Some("invalid_request_uri"));
}

#[tokio::test]
async fn a_person_who_says_no_is_reported_as_access_denied() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    let consent = sign_in(&browser, &login).await;
    let page = browser.press(&consent, "deny", &[]).await;
    assert_eq!(page.answer("error").as_deref(), Some("access_denied"));
    assert_eq!(page.answer("state").as_deref(), Some("the state"));
    assert_eq!(page.answer("code"), None);
}

#[tokio::test]
async fn rejects_a_consent_that_another_browser_sends() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    let consent = sign_in(&browser, &login).await;
    let thief = Browser::new(&world);
    thief.get(&authorize("web", &request_uri)).await;
    let page = thief.press(&consent, "allow", &[]).await;
    assert_eq!(page.left_for, None, "no answer for another browser");
    assert!(page.element("oauth-error").is_some());
}

#[tokio::test]
async fn a_nonce_is_not_echoed_when_none_was_sent_nor_a_state() {
    let world = world().await;
    let call = Call::to("/par")
        .assertion(world.assertion("web"))
        .with("response_type", "code")
        .with("redirect_uri", CALLBACK)
        .with("scope", "openid")
        .with("code_challenge", challenge())
        .with("code_challenge_method", "S256");
    let request_uri = world.pushed(call).await;
    let page = world.walk(&Browser::new(&world), "web", &request_uri).await;
    assert_eq!(page.answer("state"), None);
    let tokens = world.send(world.redeem("web", &page.answer("code").unwrap(), &key())).await.ok();
    assert!(!claims(&tokens["id_token"]).contains_key("nonce"));
}
