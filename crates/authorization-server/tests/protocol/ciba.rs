//! Decoupled authentication (CIBA Core): the one person whom the client named answers, on a page of ours, what the
//! client asked; the client that asked hears it, with the key that asked first, once.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bindery_authorization_server::{Notification, Outbound, OutboundFailed};
use bindery_crypto::SigningKey;
use serde_json::{Value, json};

use crate::authorization::{PASSWORD, sign_in};
use crate::browser::{Browser, Page};
use crate::clients::Setup;
use crate::support::{API, Answer, Call, ISSUER, START, World, claims, key, merge, sign};

pub(crate) const GRANT: &str = "urn:openid:params:grant-type:ciba";

/// What was posted where, with which bearer token.
#[derive(Default)]
pub(crate) struct Pings {
    told: Mutex<Vec<(String, String, Value)>>,
    /// What is answered in place of 204; `None` is no answer.
    answer: Mutex<Option<Option<u16>>>,
}

impl Pings {
    /// Where, with which bearer token, and what.
    pub(crate) fn told(&self) -> Vec<(String, String, Value)> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn answering(&self, status: Option<u16>) {
        *self.answer.lock().unwrap() = Some(status);
    }
}

#[async_trait]
impl Outbound for Pings {
    async fn get(&self, _: &str, _: &'static str) -> Result<Vec<u8>, OutboundFailed> {
        Err(OutboundFailed)
    }

    async fn post(&self, uri: &str, notification: Notification) -> Result<u16, OutboundFailed> {
        let bearer = notification.bearer.map(|token| token.to_string()).unwrap_or_default();
        let body = serde_json::from_slice(&notification.body).unwrap();
        self.told.lock().unwrap().push((uri.into(), bearer, body));
        self.answer.lock().unwrap().unwrap_or(Some(204)).ok_or(OutboundFailed)
    }
}

pub(crate) async fn world_with(changes: Value) -> (World, Arc<Pings>) {
    let pings = Arc::new(Pings::default());
    let mut setup = setup(changes);
    setup.outbound = Some(pings.clone());
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    (world, pings)
}

pub(crate) fn setup(changes: Value) -> Setup {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    setup.configuration["grants"] =
        json!(["authorization_code", "client_credentials", "refresh_token", GRANT]);
    setup.configuration.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    for (id, changes) in [
        ("teller", json!({"backchannel_token_delivery_mode": "poll"})),
        ("other-teller", json!({"backchannel_token_delivery_mode": "poll"})),
        (
            "pinged",
            json!({
                "backchannel_token_delivery_mode": "ping",
                "backchannel_client_notification_endpoint": "https://client.example/ping",
            }),
        ),
        ("hiding", json!({"backchannel_token_delivery_mode": "poll", "subject_type": "pairwise"})),
        (
            "signing",
            json!({
                "backchannel_token_delivery_mode": "poll",
                "backchannel_authentication_request_signing_alg": "ES256",
            }),
        ),
    ] {
        let mut client = json!({
            "client_id": id, "client_name": "Teller", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
            "grant_types": [GRANT, "refresh_token"], "scope": "openid read write", "audiences": [API],
        });
        client.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        clients.push(client);
    }
    setup
}

async fn world() -> World {
    world_with(json!({})).await.0
}

impl World {
    pub(crate) fn authenticate(&self, client_id: &str) -> Call {
        Call::to("/bc-authorize").assertion(self.assertion(client_id))
    }

    pub(crate) fn usual(&self, client_id: &str) -> Call {
        let call = self.authenticate(client_id).with("scope", "openid read").with("login_hint", "alice");
        call.with("binding_message", "W4SCT").with("client_notification_token", "the-clients-own-token")
    }

    pub(crate) async fn requested(&self, call: Call) -> String {
        let body = self.send(call).await.ok();
        assert_eq!((&body["expires_in"], &body["interval"]), (&json!(120), &json!(5)));
        body["auth_req_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn poll_for(&self, client_id: &str, auth_req_id: &str, key: &SigningKey) -> Answer {
        let call = Call::token(GRANT).assertion(self.assertion(client_id)).with("auth_req_id", auth_req_id);
        self.send(call.dpop(self.proof(key))).await
    }
}

/// Alice's phone: a browser in which she is signed in.
pub(crate) async fn phone(world: &World) -> Browser<'_> {
    let browser = Browser::new(world);
    let login = browser.get("/approve").await;
    sign_in(&browser, &login).await;
    browser
}

pub(crate) async fn approve(world: &World, button: &str) -> Page {
    let phone = phone(world).await;
    let consent = phone.get("/approve").await;
    assert!(consent.html.contains("W4SCT"), "the person compares the message: {}", consent.html);
    phone.press(&consent, button, &[]).await
}

fn refused(answer: &Answer, error: &str, reason: &str) {
    answer.error(400, error).reason(reason);
}

#[tokio::test]
async fn a_client_gets_bound_tokens_once_after_the_person_allowed() {
    let world = world().await;
    let key = key();
    let id = world.requested(world.usual("teller")).await;
    refused(&world.poll_for("teller", &id, &key).await, "authorization_pending", "authorization_pending");
    refused(&world.poll_for("teller", &id, &key).await, "slow_down", "slow_down");
    approve(&world, "allow").await;
    let body = world.poll_for("teller", &id, &key).await.ok();
    assert_eq!(claims(&body["access_token"])["cnf"]["jkt"], key.thumbprint().to_string());
    assert_eq!(claims(&body["id_token"])["sub"], claims(&body["access_token"])["sub"]);
    assert!(body["refresh_token"].is_string());
    refused(&world.poll_for("teller", &id, &key).await, "invalid_grant", "code");
}

#[tokio::test]
async fn the_answer_is_the_clients_and_the_first_keys() {
    let world = world().await;
    let (own, thief) = (key(), key());
    let id = world.requested(world.usual("teller")).await;
    refused(&world.poll_for("teller", &id, &own).await, "authorization_pending", "authorization_pending");
    approve(&world, "allow").await;
    refused(&world.poll_for("other-teller", &id, &own).await, "invalid_grant", "code");
    refused(&world.poll_for("teller", &id, &thief).await, "invalid_grant", "code_binding");
    world.poll_for("teller", &id, &own).await.ok();
    let proof = world.proof_with(&own, &format!("{ISSUER}/bc-authorize"), None);
    let id = world.requested(world.usual("teller").dpop(proof)).await;
    approve(&world, "allow").await;
    refused(&world.poll_for("teller", &id, &thief).await, "invalid_grant", "code_binding");
    world.poll_for("teller", &id, &own).await.ok();
}

#[tokio::test]
async fn a_person_is_asked_every_time_and_can_say_no() {
    let world = world().await;
    let key = key();
    for button in ["allow", "deny"] {
        let id = world.requested(world.usual("teller")).await;
        approve(&world, button).await;
        let answer = world.poll_for("teller", &id, &key).await;
        match button {
            "allow" => drop(answer.ok()),
            _ => refused(&answer, "access_denied", "access_denied"),
        }
    }
}

#[tokio::test]
async fn nobody_but_the_person_whom_the_client_named_can_answer() {
    let world = world().await;
    world.account("mallory", PASSWORD).await;
    let id = world.requested(world.usual("teller")).await;
    let browser = Browser::new(&world);
    let login = browser.get("/approve").await;
    browser.press(&login, "login", &[("username", "mallory"), ("password", PASSWORD)]).await;
    let page = browser.get("/approve").await;
    assert!(page.element("allow").is_none() && !page.html.contains("W4SCT"), "{}", page.html);
    refused(&world.poll_for("teller", &id, &key()).await, "authorization_pending", "authorization_pending");
}

#[tokio::test]
async fn a_request_that_nobody_answers_expires_when_the_client_said() {
    let world = world().await;
    let key = key();
    let call = world.authenticate("teller").with("scope", "openid").with("login_hint", "alice");
    let body = world.send(call.with("requested_expiry", "30")).await.ok();
    assert_eq!(body["expires_in"], 30);
    world.advance(30);
    let id = body["auth_req_id"].as_str().unwrap();
    refused(&world.poll_for("teller", id, &key).await, "expired_token", "code_expired");
    let phone = phone(&world).await;
    assert!(phone.get("/approve").await.element("allow").is_none());
    let call = world.usual("teller").with("requested_expiry", "100000");
    assert_eq!(world.send(call).await.ok()["expires_in"], 120, "not longer than the server wants");
}

#[tokio::test]
async fn each_broken_rule_has_its_own_error() {
    let world = world().await;
    let ask = |changes: &[(&str, &str)]| {
        changes.iter().fold(world.authenticate("teller"), |call, (name, value)| call.with(name, *value))
    };
    let (scope, hint) = (("scope", "openid"), ("login_hint", "alice"));
    for (call, error, reason) in [
        (ask(&[scope]), "invalid_request", "hints"),
        (ask(&[scope, hint, ("id_token_hint", "x")]), "invalid_request", "hints"),
        (ask(&[scope, ("login_hint_token", "x")]), "invalid_request", "login_hint_token"),
        (ask(&[scope, ("login_hint", "nobody")]), "unknown_user_id", "unknown_person"),
        (ask(&[scope, ("id_token_hint", "a.b.c")]), "unknown_user_id", "unknown_person"),
        (ask(&[scope, hint, ("binding_message", "<b>")]), "invalid_binding_message", "binding_message"),
        (ask(&[scope, hint, ("requested_expiry", "0")]), "invalid_request", "requested_expiry"),
        (ask(&[hint, ("scope", "read")]), "invalid_scope", "scope_openid"),
        (ask(&[hint, ("scope", "openid admin")]), "invalid_scope", "scope"),
        (ask(&[hint]), "invalid_scope", "scope_openid"),
        (
            world.authenticate("jwt-client").with("scope", "openid"),
            "unauthorized_client",
            "grant_type_not_allowed",
        ),
        (
            world.authenticate("pinged").with("scope", "openid").with("login_hint", "alice"),
            "invalid_request",
            "client_notification_token",
        ),
    ] {
        refused(&world.send(call).await, error, reason);
    }
    let nobody = Call::to("/bc-authorize").with("scope", "openid").with("login_hint", "alice");
    world.send(nobody).await.error(401, "invalid_client");
}

#[tokio::test]
async fn an_id_token_of_this_client_names_the_person_and_no_other_does() {
    let world = world().await;
    let key = key();
    let id = world.requested(world.usual("teller")).await;
    approve(&world, "allow").await;
    let body = world.poll_for("teller", &id, &key).await.ok();
    let id_token = body["id_token"].as_str().unwrap();
    let by_hint = |client: &str, hint: &str| {
        world.authenticate(client).with("scope", "openid").with("id_token_hint", hint)
    };
    world.send(by_hint("teller", id_token)).await.ok();
    let anothers = world.send(by_hint("other-teller", id_token)).await;
    refused(&anothers, "unknown_user_id", "unknown_person");
    let access_token = body["access_token"].as_str().unwrap();
    refused(&world.send(by_hint("teller", access_token)).await, "unknown_user_id", "unknown_person");
}

#[tokio::test]
async fn a_client_is_told_with_its_own_token_that_there_is_an_answer() {
    let (world, pings) = world_with(json!({})).await;
    let key = key();
    let id = world.requested(world.usual("pinged")).await;
    world.server.deliver_pings().await.unwrap();
    assert!(pings.told().is_empty());
    approve(&world, "deny").await;
    world.server.deliver_pings().await.unwrap();
    let told = pings.told().pop().unwrap();
    let expected = ("https://client.example/ping".to_owned(), "the-clients-own-token".to_owned());
    assert_eq!((told.0, told.1), expected);
    assert_eq!(told.2, json!({"auth_req_id": id}), "and not what it is");
    refused(&world.poll_for("pinged", &id, &key).await, "access_denied", "access_denied");
    // What the ping needs is sealed in the store.
    let id = world.requested(world.usual("pinged")).await;
    let kind = bindery_store::record::PendingKind::BackchannelRequest;
    for record in world.store.list_pending(kind, None, 10).await.unwrap() {
        let stored = record.payload.to_string();
        assert!(!stored.contains("the-clients-own-token") && !stored.contains(&id));
    }
}

fn signed(world: &World, client_id: &str, changes: &Value) -> String {
    let now = world.now();
    let mut request = json!({
        "iss": client_id, "aud": ISSUER, "iat": now, "nbf": now, "exp": now + 60, "jti": world.unique(),
        "scope": "openid read", "login_hint": "alice", "binding_message": "W4SCT",
    });
    merge(&mut request, changes);
    sign(&world.assertion_key, &json!({"alg": "ES256"}), &request)
}

#[tokio::test]
async fn a_signed_request_counts_alone_and_once() {
    let world = world().await;
    let key = key();
    let jwt = signed(&world, "signing", &json!({}));
    // What stands beside it is nothing.
    let call = world.authenticate("signing").with("request", jwt.as_str()).with("login_hint", "nobody");
    let id = world.requested(call.with("scope", "openid write")).await;
    approve(&world, "allow").await;
    assert_eq!(world.poll_for("signing", &id, &key).await.ok()["scope"], "openid read");
    let again = world.send(world.authenticate("signing").with("request", jwt)).await;
    refused(&again, "invalid_request", "request_replayed");
    refused(&world.send(world.usual("signing")).await, "invalid_request", "signed_request_required");
    for (changes, reason) in [
        (json!({"aud": "https://other.example"}), "request_object_audience"),
        (json!({"iss": "teller"}), "request_object_client"),
        (json!({"exp": START}), "request_object_expired"),
        (json!({"exp": null}), "request_object_claim"),
        (json!({"nbf": null}), "request_object_claim"),
        (json!({"iat": null}), "request_object_claim"),
        (json!({"iss": null}), "request_object_claim"),
        (json!({"aud": null}), "request_object_claim"),
        (json!({"nbf": START + 600}), "request_object_from_future"),
        (json!({"nbf": START - 4200}), "request_object_too_old"),
        (json!({"exp": START + 4200}), "request_object_lifetime"),
        (json!({"jti": null}), "request_replayed"),
        (json!({"login_hint": 1}), "parameter_malformed"),
    ] {
        let jwt = signed(&world, "signing", &changes);
        let answer = world.send(world.authenticate("signing").with("request", jwt)).await;
        refused(&answer, "invalid_request", reason);
    }
    let foreign = sign(&crate::support::key(), &json!({"alg": "ES256"}), &json!({"iss": "signing"}));
    let answer = world.send(world.authenticate("signing").with("request", foreign)).await;
    refused(&answer, "invalid_request", "request_object_signature");
}

#[tokio::test]
async fn what_metadata_says_of_it_is_what_is_done() {
    let (world, _) = world_with(json!({"ciba": {"ping": true}})).await;
    let request = http::Request::get("/.well-known/openid-configuration");
    let document = world.dispatch(request.body(axum::body::Body::empty()).unwrap(), None).await.body;
    assert_eq!(document["backchannel_authentication_endpoint"], format!("{ISSUER}/bc-authorize"));
    assert_eq!(document["backchannel_token_delivery_modes_supported"], json!(["poll", "ping"]));
    assert_eq!(document["backchannel_user_code_parameter_supported"], true);
    let algorithms = document["backchannel_authentication_request_signing_alg_values_supported"].as_array();
    assert!(algorithms.unwrap().contains(&json!("ES256")));
}

#[tokio::test]
async fn an_id_token_of_a_pairwise_client_names_the_person_to_it_alone() {
    let world = world().await;
    let id = world.requested(world.usual("hiding")).await;
    approve(&world, "allow").await;
    let body = world.poll_for("hiding", &id, &key()).await.ok();
    let id_token = body["id_token"].as_str().unwrap();
    assert_eq!(claims(&body["id_token"])["sub"].as_str().unwrap().len(), 43);
    let by_hint =
        |client: &str| world.authenticate(client).with("scope", "openid").with("id_token_hint", id_token);
    world.send(by_hint("hiding")).await.ok();
    refused(&world.send(by_hint("teller")).await, "unknown_user_id", "unknown_person");
}

#[tokio::test]
async fn rejects_a_signed_request_that_may_predate_a_volatile_memory() {
    let world = world().await;
    let sent = |second: i64| {
        let times = json!({"iat": second, "nbf": second, "exp": START + 300});
        world.send(world.authenticate("signing").with("request", signed(&world, "signing", &times)))
    };
    refused(&sent(START - 10).await, "invalid_request", "request_object_predates_memory");
    sent(START + 10).await.ok();
}

#[tokio::test]
async fn rejects_to_hide_a_question_behind_a_disabled_clients() {
    let setup = setup(json!({}));
    let mut configuration = setup.configuration.clone();
    let mut world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world.requested(world.usual("other-teller")).await;
    world.advance(1);
    let id = world.requested(world.usual("teller")).await;
    let clients = configuration["client"].as_array_mut().unwrap();
    clients.iter_mut().find(|client| client["client_id"] == "other-teller").unwrap()["disabled"] =
        true.into();
    world.router = world.another(configuration).await.router();
    approve(&world, "allow").await;
    world.advance(90);
    world.poll_for("teller", &id, &key()).await.ok();
}
