//! Device authorization (RFC 8628): a code is worth something to the device that asked first, once, after its
//! person has compared and allowed.

use bindery_crypto::SigningKey;
use serde_json::{Value, json};

use crate::authorization::{PASSWORD, sign_in};
use crate::browser::{Browser, Page};
use crate::clients::Setup;
use crate::support::{API, Answer, Call, ISSUER, World, claims, key};

pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn world_with(changes: Value) -> World {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    setup.configuration["grants"] =
        json!(["authorization_code", "client_credentials", "refresh_token", GRANT]);
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let client = |id: &str, changes: Value| {
        let mut client = json!({
            "client_id": id, "client_name": "Television", "token_endpoint_auth_method": "none",
            "grant_types": [GRANT, "refresh_token"], "scope": "openid read write", "audiences": [API],
        });
        client.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        client
    };
    let confidential = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks});
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    clients.push(client("tv", json!({})));
    clients.push(client("other-tv", json!({})));
    clients.push(client("box", confidential.clone()));
    for constraint in ["both", "mtls"] {
        let mut constrained = confidential.clone();
        constrained["sender_constraint"] = constraint.into();
        clients.push(client(&format!("{constraint}-box"), constrained));
    }
    setup.configuration.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world
}

pub(crate) async fn world() -> World {
    world_with(json!({})).await
}

/// What a device was given.
pub(crate) struct Device {
    pub(crate) code: String,
    pub(crate) user_code: String,
}

impl World {
    pub(crate) async fn device(&self, call: Call) -> Device {
        let body = self.send(call).await.ok();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        assert_eq!(body["verification_uri"], format!("{ISSUER}/device"));
        assert_eq!(
            body["verification_uri_complete"],
            format!("{ISSUER}/device?user_code={}", body["user_code"].as_str().unwrap())
        );
        assert_eq!((&body["expires_in"], &body["interval"]), (&json!(600), &json!(5)));
        Device { code: text("device_code"), user_code: text("user_code") }
    }

    pub(crate) fn ask_as(&self, client_id: &str) -> Call {
        Call::to("/device_authorization").with("client_id", client_id).with("scope", "openid read")
    }

    pub(crate) async fn poll(&self, client_id: &str, device: &Device, key: &SigningKey) -> Answer {
        let call = Call::token(GRANT).with("client_id", client_id).with("device_code", device.code.as_str());
        self.send(call.dpop(self.proof(key))).await
    }

    /// A person types the code, compares, signs in and presses `button`, unless the same was allowed before.
    pub(crate) async fn answer(&self, device: &Device, button: &str) -> Page {
        let browser = Browser::new(self);
        let login = confirm(&browser, &device.user_code).await;
        let page = sign_in(&browser, &login).await;
        match page.element(button) {
            Some(_) => browser.press(&page, button, &[]).await,
            None => page,
        }
    }
}

pub(crate) async fn type_code(browser: &Browser<'_>, code: &str) -> Page {
    let page = browser.get("/device").await;
    browser.press(&page, "confirm", &[("user_code", code)]).await
}

pub(crate) async fn confirm(browser: &Browser<'_>, code: &str) -> Page {
    let compare = type_code(browser, code).await;
    assert!(compare.html.contains(code) && compare.html.contains("Television"), "{}", compare.html);
    browser.press(&compare, "confirm", &[]).await
}

fn refused(answer: &Answer, error: &str, reason: &str) {
    answer.error(400, error).reason(reason);
}

#[tokio::test]
async fn a_device_gets_bound_tokens_once_after_its_person_allowed() {
    let world = world().await;
    let key = key();
    let device = world.device(world.ask_as("tv")).await;
    refused(&world.poll("tv", &device, &key).await, "authorization_pending", "authorization_pending");
    let done = world.answer(&device, "allow").await;
    assert!(done.element("message").is_some() && done.left_for.is_none(), "{}", done.html);
    let body = world.poll("tv", &device, &key).await.ok();
    let token = claims(&body["access_token"]);
    assert_eq!((&token["aud"], &token["cnf"]["jkt"]), (&json!(API), &json!(key.thumbprint().to_string())));
    let id_token = claims(&body["id_token"]);
    assert_eq!((&id_token["aud"], &id_token["sub"]), (&json!("tv"), &token["sub"]));
    // Once.
    refused(&world.poll("tv", &device, &key).await, "invalid_grant", "code");
    // The grant of a public client is bound to the device's key for good.
    let refresh = body["refresh_token"].as_str().unwrap();
    let other = world.send(world.refresh("tv", refresh).dpop(world.proof(&crate::support::key()))).await;
    refused(&other, "invalid_grant", "refresh_token_binding");
    world.send(world.refresh("tv", refresh).dpop(world.proof(&key))).await.ok();
}

#[tokio::test]
async fn a_stolen_device_code_is_worth_nothing_to_another_key() {
    let world = world().await;
    let (own, thief) = (key(), key());
    // The first poll binds.
    let device = world.device(world.ask_as("tv")).await;
    refused(&world.poll("tv", &device, &own).await, "authorization_pending", "authorization_pending");
    refused(&world.poll("tv", &device, &thief).await, "invalid_grant", "code_binding");
    world.answer(&device, "allow").await;
    refused(&world.poll("tv", &device, &thief).await, "invalid_grant", "code_binding");
    world.poll("tv", &device, &own).await.ok();
    // A proof at the device authorization endpoint binds before any poll.
    let proof = world.proof_with(&own, &format!("{ISSUER}/device_authorization"), None);
    let device = world.device(world.ask_as("tv").dpop(proof)).await;
    world.answer(&device, "allow").await;
    refused(&world.poll("tv", &device, &thief).await, "invalid_grant", "code_binding");
    world.poll("tv", &device, &own).await.ok();
}

#[tokio::test]
async fn a_device_code_belongs_to_its_client() {
    let world = world().await;
    let key = key();
    let device = world.device(world.ask_as("tv")).await;
    world.answer(&device, "allow").await;
    refused(&world.poll("other-tv", &device, &key).await, "invalid_grant", "code");
    let unknown = Device { code: "nothing".into(), user_code: String::new() };
    refused(&world.poll("tv", &unknown, &key).await, "invalid_grant", "code");
    let missing = Call::token(GRANT).with("client_id", "tv").dpop(world.proof(&key));
    refused(&world.send(missing).await, "invalid_request", "parameter_missing");
    world.poll("tv", &device, &key).await.ok();
}

#[tokio::test]
async fn a_public_client_that_proves_no_key_gets_nothing() {
    let world = world().await;
    let device = world.device(world.ask_as("tv")).await;
    world.answer(&device, "allow").await;
    let call = Call::token(GRANT).with("client_id", "tv").with("device_code", device.code.as_str());
    refused(&world.send(call).await, "invalid_request", "sender_constraint_missing");
}

#[tokio::test]
async fn who_asks_too_soon_waits_longer_each_time() {
    let world = world().await;
    let key = key();
    let device = world.device(world.ask_as("tv")).await;
    let poll = async |expected: &str| {
        let answer = world.poll("tv", &device, &key).await;
        answer.error(400, expected);
    };
    poll("authorization_pending").await;
    world.advance(4);
    poll("slow_down").await; // ten seconds from now on
    world.advance(9);
    poll("slow_down").await; // fifteen
    world.advance(14);
    poll("slow_down").await; // twenty
    world.advance(20);
    poll("authorization_pending").await;
}

#[tokio::test]
async fn a_device_that_nobody_answers_expires() {
    let world = world().await;
    let key = key();
    let device = world.device(world.ask_as("tv")).await;
    world.advance(600);
    refused(&world.poll("tv", &device, &key).await, "expired_token", "code_expired");
    let browser = Browser::new(&world);
    assert!(type_code(&browser, &device.user_code).await.element("message").is_some(), "unknown by now");
    // Allowed in time, asked for too late.
    let device = world.device(world.ask_as("tv")).await;
    world.answer(&device, "allow").await;
    world.advance(600);
    refused(&world.poll("tv", &device, &key).await, "expired_token", "code_expired");
}

#[tokio::test]
async fn a_person_can_say_no_before_and_after_signing_in() {
    let world = world().await;
    let key = key();
    let device = world.device(world.ask_as("tv")).await;
    world.answer(&device, "deny").await;
    refused(&world.poll("tv", &device, &key).await, "access_denied", "access_denied");
    let device = world.device(world.ask_as("tv")).await;
    let browser = Browser::new(&world);
    let compare = type_code(&browser, &device.user_code).await;
    browser.press(&compare, "deny", &[]).await;
    refused(&world.poll("tv", &device, &key).await, "access_denied", "access_denied");
    // The first answer counts.
    assert!(type_code(&browser, &device.user_code).await.element("message").is_some());
}

#[tokio::test]
async fn a_user_code_is_typed_as_people_type_and_opens_only_the_comparison() {
    let world = world().await;
    let device = world.device(world.ask_as("tv")).await;
    let browser = Browser::new(&world);
    for typed in [
        device.user_code.to_lowercase(),
        device.user_code.replace('-', ""),
        device.user_code.replace('-', " "),
    ] {
        let compare = type_code(&browser, &typed).await;
        assert!(compare.element("user-code").is_some(), "{typed}");
    }
    // A link that brings the code along fills the field in and confirms nothing.
    let page = browser.get(&format!("/device?user_code={}", device.user_code)).await;
    assert!(page.element("user_code").unwrap().contains(&device.user_code));
    assert!(page.element("user-code").is_none());
    // Another site's form does nothing.
    let fields = [("user_code", device.user_code.as_str()), ("action", "confirm"), ("form_token", "x")];
    let forged = browser.press(&page, "confirm", &fields).await;
    assert_eq!(forged.status, 403);
}

#[tokio::test]
async fn guessing_user_codes_is_cut_off() {
    let world = world().await;
    let device = world.device(world.ask_as("tv")).await;
    let browser = Browser::new(&world);
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(type_code(&browser, "BCDF-GHJK").await.status.as_u16());
    }
    assert_eq!((answers[0], answers[11]), (200, 429), "{answers:?}");
    // The good code is not heard either, so that the limit tells nothing.
    assert_eq!(type_code(&browser, &device.user_code).await.status, 429);
    world.advance(60);
    assert_eq!(type_code(&browser, &device.user_code).await.status, 200);
}

#[tokio::test]
async fn a_device_asks_within_what_its_client_has() {
    let world = world().await;
    let call = |changes: (&str, &str)| {
        Call::to("/device_authorization").with("client_id", "tv").with(changes.0, changes.1)
    };
    for (changes, error) in [
        (("scope", "admin"), "invalid_scope"),
        (("scope", "a  b"), "invalid_scope"),
        (("resource", "https://elsewhere.example"), "invalid_target"),
        (("authorization_details", "[{\"type\":\"payment\"}]"), "invalid_authorization_details"),
        (("max_age", "x"), "invalid_request"),
    ] {
        world.send(call(changes)).await.error(400, error);
    }
    let no_client = Call::to("/device_authorization").with("scope", "read");
    world.send(no_client).await.error(401, "invalid_client");
    let unauthenticated = Call::to("/device_authorization").with("client_id", "box");
    world.send(unauthenticated).await.error(401, "invalid_client");
    let without_grant = Call::to("/device_authorization").assertion(world.assertion("jwt-client"));
    world.send(without_grant).await.error(400, "unauthorized_client");
    let good = Call::to("/device_authorization").assertion(world.assertion("box")).with("scope", "read");
    world.device(good).await;
}

#[tokio::test]
async fn of_many_polls_at_once_one_gets_the_tokens() {
    let world = world().await;
    let key = key();
    let device = world.device(world.ask_as("tv")).await;
    world.answer(&device, "allow").await;
    let polls = (0..20).map(|_| world.poll("tv", &device, &key));
    let answers = futures_util::future::join_all(polls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1);
}

#[tokio::test]
async fn the_grant_is_off_until_it_is_named() {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    let world = setup.start().await;
    let request = http::Request::get("/.well-known/oauth-authorization-server");
    let document = world.dispatch(request.body(axum::body::Body::empty()).unwrap(), None).await.body;
    assert_eq!(document.get("device_authorization_endpoint"), None);
    assert_eq!(world.send(Call::to("/device_authorization")).await.status, 404);
}

#[tokio::test]
async fn rejects_a_device_answer_of_an_account_disabled_since() {
    let world = world().await;
    let device = world.device(world.ask_as("tv")).await;
    let own = key();
    world.poll("tv", &device, &own).await.error(400, "authorization_pending");
    world.answer(&device, "allow").await;
    let mut account = world.store.find_account_by_username("alice").await.unwrap().unwrap();
    account.disabled = true;
    let _ = world.store.update_account(&account).await.unwrap();
    world.advance(6);
    world.poll("tv", &device, &own).await.error(400, "access_denied");
    world.advance(6);
    world.poll("tv", &device, &own).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn rejects_only_a_poll_that_lacks_the_bound_key() {
    let world = world().await;
    let (own, other) = (key(), key());
    for client_id in ["both-box", "mtls-box"] {
        // The request is bound to the key that asked; the tokens will be to what the client must prove.
        let proof = world.proof_with(&own, &format!("{ISSUER}/device_authorization"), None);
        let call = Call::to("/device_authorization").assertion(world.assertion(client_id));
        let device = world.device(call.with("scope", "openid read").dpop(proof)).await;
        world.answer(&device, "allow").await;
        let poll = |proof: Option<&SigningKey>| {
            let call = Call::token(GRANT).with("device_code", device.code.as_str());
            let call = call.assertion(world.assertion(client_id)).certificate(&world.self_signed);
            world.send(match proof {
                Some(key) => call.dpop(world.proof(key)),
                None => call,
            })
        };
        refused(&poll(Some(&other)).await, "invalid_grant", "code_binding");
        if client_id == "mtls-box" {
            refused(&poll(None).await, "invalid_grant", "code_binding");
        }
        let body = poll(Some(&own)).await.ok();
        let x5t = world.self_signed.thumbprint().to_string();
        assert_eq!(claims(&body["access_token"])["cnf"]["x5t#S256"], x5t);
    }
}
