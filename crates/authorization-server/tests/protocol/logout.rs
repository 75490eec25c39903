//! The end of a session: who may ask for it, where the browser goes, what ends with it. Each test is named after the
//! rule that a wrong server would break (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bindery_authorization_server::{AuthorizationServer, Notification, Outbound, OutboundFailed};
use bindery_core::encoding::base64url;
use serde_json::{Value, json};

use crate::authorization::{CALLBACK, PASSWORD, authorize, sign_in};
use crate::browser::{Browser, Page};
use crate::clients::Setup;
use crate::support::{API, ISSUER, World, claims, key};

const BYE: &str = "https://client.example/bye?kept=1";
pub(crate) const TOLD: &str = "https://client.example/backchannel";

/// A client's server that keeps what it is told, and answers as it is told to.
#[derive(Default)]
pub(crate) struct Receiver {
    told: Mutex<Vec<(String, String)>>,
    status: Mutex<Option<u16>>,
}

impl Receiver {
    pub(crate) fn answering(&self, status: Option<u16>) {
        *self.status.lock().unwrap() = status;
    }

    pub(crate) fn told(&self) -> Vec<(String, String)> {
        self.told.lock().unwrap().clone()
    }
}

#[async_trait]
impl Outbound for Receiver {
    async fn get(&self, _: &str, _: &'static str) -> Result<Vec<u8>, OutboundFailed> {
        Err(OutboundFailed)
    }

    async fn post(&self, uri: &str, notification: Notification) -> Result<u16, OutboundFailed> {
        assert_eq!(notification.content_type, "application/x-www-form-urlencoded");
        assert!(notification.bearer.is_none());
        let body = String::from_utf8(notification.body).unwrap();
        self.told.lock().unwrap().push((uri.to_owned(), body));
        (*self.status.lock().unwrap()).ok_or(OutboundFailed)
    }
}

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) receiver: Arc<Receiver>,
    configuration: Value,
}

/// A server with the clients `web` and `other-web`, who want to be told, and `quiet`, who does not.
pub(crate) async fn scene() -> Scene {
    let receiver = Arc::new(Receiver::default());
    receiver.answering(Some(200));
    let mut setup = Setup::new();
    setup.outbound = Some(receiver.clone());
    start(setup, TOLD, receiver).await
}

pub(crate) async fn start(mut setup: Setup, told: &str, receiver: Arc<Receiver>) -> Scene {
    setup.configuration["openid"] = true.into();
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let client = |id: &str, members: Value| {
        let mut client = json!({
            "client_id": id, "client_name": "Web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
            "grant_types": ["authorization_code", "refresh_token"], "redirect_uris": [CALLBACK],
            "scope": "openid profile offline_access read", "audiences": [API], "consent": "implied",
            "post_logout_redirect_uris": [BYE],
        });
        client.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        client
    };
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    clients.push(client("web", json!({"backchannel_logout_uri": told})));
    clients.push(client("other-web", json!({"backchannel_logout_uri": format!("{told}/other")})));
    clients.push(client("quiet", json!({"post_logout_redirect_uris": ["https://quiet.example/"]})));
    let configuration = setup.configuration.clone();
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world.account("bob", PASSWORD).await;
    Scene { world, receiver, configuration }
}

/// What a client has after its person signed in.
pub(crate) struct Tokens {
    pub(crate) id_token: String,
    access_token: String,
    refresh_token: String,
    key: bindery_crypto::SigningKey,
}

impl Tokens {
    pub(crate) fn claims(&self) -> Value {
        said_in(&self.id_token)
    }
}

impl Scene {
    /// Signs in where nobody is signed in yet, and redeems the code.
    pub(crate) async fn tokens(&self, browser: &Browser<'_>, client_id: &str, scope: &str) -> Tokens {
        let world = &self.world;
        let mut push = world.push(client_id);
        push = push.replacing("scope", scope);
        let request_uri = world.pushed(push).await;
        let mut page = browser.get(&authorize(client_id, &request_uri)).await;
        if page.left_for.is_none() {
            page = sign_in(browser, &page).await;
        }
        let code = page.answer("code").unwrap_or_else(|| panic!("{:?} {}", page.left_for, page.html));
        let key = key();
        let body = world.send(world.redeem(client_id, &code, &key)).await.ok();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Tokens {
            id_token: text("id_token"),
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            key,
        }
    }

    /// Another process on the same store, which calls the same clients.
    pub(crate) async fn another(&self) -> AuthorizationServer {
        self.world.another_that_calls(self.configuration.clone(), self.receiver.clone()).await
    }

    pub(crate) async fn refreshes(&self, client_id: &str, tokens: &Tokens) -> bool {
        let world = &self.world;
        let call = world.refresh(client_id, &tokens.refresh_token).assertion(world.assertion(client_id));
        world.send(call.dpop(world.proof(&tokens.key))).await.status.is_success()
    }

    /// Whether the browser is still signed in.
    async fn is_signed_in(&self, browser: &Browser<'_>) -> bool {
        let request_uri = self.world.pushed(self.world.push("web").with("prompt", "none")).await;
        let page = browser.get(&authorize("web", &request_uri)).await;
        match page.answer("error").as_deref() {
            None => true,
            Some("login_required") => false,
            Some(other) => panic!("{other}"),
        }
    }
}

pub(crate) fn said_in(token: &str) -> Value {
    Value::Object(claims(&token.into()).into_iter().collect())
}

pub(crate) fn ask(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/end_session?{query}")
}

pub(crate) fn is_refused(page: &Page) {
    assert_eq!(page.status, 400, "{}", page.html);
    assert!(page.left_for.is_none() && page.element("oauth-error").is_some(), "{}", page.html);
}

#[tokio::test]
async fn a_client_with_an_id_token_of_this_session_signs_its_person_out_at_once() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let tokens = scene.tokens(&browser, "web", "openid read").await;
    assert!(scene.is_signed_in(&browser).await);
    // Long after the ID token has expired.
    scene.world.advance(600);
    let page = browser
        .get(&ask(&[
            ("id_token_hint", &tokens.id_token),
            ("post_logout_redirect_uri", BYE),
            ("state", "a b&c"),
            ("client_id", "web"),
        ]))
        .await;
    assert_eq!(page.left_for.as_deref(), Some(format!("{BYE}&state=a+b%26c").as_str()));
    assert!(!scene.is_signed_in(&browser).await);
}

#[tokio::test]
async fn a_person_is_asked_when_no_id_token_vouches_for_the_wish() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    scene.tokens(&browser, "web", "openid read").await;
    for parameters in [
        &[][..],
        &[("state", "s")],
        &[("client_id", "web")],
        &[("client_id", "web"), ("post_logout_redirect_uri", BYE), ("state", "s")],
        // Without a client nobody knows whose address it is.
        &[("post_logout_redirect_uri", "https://attacker.example/"), ("state", "s")],
    ] {
        let page = browser.get(&ask(parameters)).await;
        assert!(page.element("logout").is_some() && page.left_for.is_none(), "{parameters:?}: {}", page.html);
        let stayed = browser.press(&page, "stay", &[]).await;
        assert!(stayed.left_for.is_none(), "{parameters:?}");
        assert!(scene.is_signed_in(&browser).await, "{parameters:?}");
    }
    let registered = ask(&[("client_id", "web"), ("post_logout_redirect_uri", BYE), ("state", "s")]);
    let page = browser.get(&registered).await;
    let left = browser.press(&page, "logout", &[]).await;
    assert_eq!(left.left_for.as_deref(), Some(format!("{BYE}&state=s").as_str()));
    assert!(!scene.is_signed_in(&browser).await);
    // Nobody is signed in any more, and nobody has vouched: the browser stays here.
    let page = browser.get(&registered).await;
    assert!(page.left_for.is_none() && page.status.is_success());
}

#[tokio::test]
async fn rejects_hints_that_are_no_id_token_of_ours_for_this_client() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let tokens = scene.tokens(&browser, "web", "openid read").await;
    let (head, signature) = tokens.id_token.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let mut other = tokens.claims();
    other["sub"] = json!("bob");
    let changed = base64url::encode(other.to_string());
    let none = base64url::encode(json!({"alg": "none"}).to_string());
    let foreign = crate::support::sign(&key(), &json!({"alg": "ES256"}), &tokens.claims());
    for hint in [
        "nonsense",
        &format!("{header}.{changed}.{signature}"),
        &format!("{none}.{payload}."),
        &format!("{head}."),
        &foreign,
        &tokens.access_token,
    ] {
        is_refused(&browser.get(&ask(&[("id_token_hint", hint), ("post_logout_redirect_uri", BYE)])).await);
    }
    is_refused(&browser.get(&ask(&[("id_token_hint", &tokens.id_token), ("client_id", "other-web")])).await);
    assert!(scene.is_signed_in(&browser).await);
}

#[tokio::test]
async fn rejects_addresses_that_the_client_did_not_register() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let tokens = scene.tokens(&browser, "web", "openid read").await;
    for uri in [
        "https://client.example/bye",
        "https://client.example/bye?kept=1&more=2",
        "https://client.example/bye?kept=1#",
        "https://CLIENT.example/bye?kept=1",
        "https://client.example/./bye?kept=1",
        "https://quiet.example/",
        CALLBACK,
        "https://attacker.example/",
    ] {
        for hint in [("id_token_hint", tokens.id_token.as_str()), ("client_id", "web")] {
            is_refused(&browser.get(&ask(&[hint, ("post_logout_redirect_uri", uri)])).await);
        }
    }
    is_refused(&browser.get(&ask(&[("client_id", "nobody"), ("post_logout_redirect_uri", BYE)])).await);
    is_refused(&browser.get("/end_session?client_id=web&client_id=quiet").await);
    assert!(scene.is_signed_in(&browser).await);
}

#[tokio::test]
async fn a_hint_of_another_session_or_person_asks() {
    let scene = scene().await;
    let (browser, elsewhere, bobs) =
        (Browser::new(&scene.world), Browser::new(&scene.world), Browser::new(&scene.world));
    scene.tokens(&browser, "web", "openid read").await;
    let other_session = scene.tokens(&elsewhere, "web", "openid read").await;
    let request_uri = scene.world.pushed(scene.world.push("web")).await;
    let login = bobs.get(&authorize("web", &request_uri)).await;
    let page = bobs.press(&login, "login", &[("username", "bob"), ("password", PASSWORD)]).await;
    let code = page.answer("code").unwrap();
    let body = scene.world.send(scene.world.redeem("web", &code, &key())).await.ok();
    for hint in [other_session.id_token.as_str(), body["id_token"].as_str().unwrap()] {
        let page = browser.get(&ask(&[("id_token_hint", hint), ("post_logout_redirect_uri", BYE)])).await;
        assert!(page.element("logout").is_some() && page.left_for.is_none(), "{}", page.html);
        assert!(scene.is_signed_in(&browser).await);
        let left = browser.press(&page, "logout", &[]).await;
        assert_eq!(left.left_for.as_deref(), Some(BYE));
        assert!(!scene.is_signed_in(&browser).await);
        scene.tokens(&browser, "web", "openid read").await;
    }
    assert!(scene.is_signed_in(&elsewhere).await && scene.is_signed_in(&bobs).await);
}

#[tokio::test]
async fn rejects_a_confirmation_that_our_page_did_not_make() {
    let scene = scene().await;
    let (browser, attacker) = (Browser::new(&scene.world), Browser::new(&scene.world));
    scene.tokens(&browser, "web", "openid read").await;
    scene.tokens(&attacker, "web", "openid read").await;
    let page = attacker.get(&ask(&[("client_id", "web")])).await;
    let stolen = |name: &str| {
        let at = page.html.find(&format!("name=\"{name}\" value=\"")).unwrap() + name.len() + 15;
        page.html[at..].split('"').next().unwrap().to_owned()
    };
    let (request, token) = (stolen("request"), stolen("form_token"));
    for values in [
        &[("action", "logout")][..],
        &[("action", "logout"), ("request", &request)],
        &[("action", "logout"), ("request", &request), ("form_token", &token)],
    ] {
        let page = browser.post("/end_session/confirm", values).await;
        assert_eq!(page.status, 403, "{}", page.html);
        assert!(scene.is_signed_in(&browser).await);
    }
    // What is sealed can't be changed, and is good for a while only.
    is_refused(&browser.get("/end_session/confirm").await);
    is_refused(&browser.get(&format!("/end_session/confirm?request={}", &request[1..])).await);
    scene.world.advance(1801);
    is_refused(&browser.get(&format!("/end_session/confirm?request={request}")).await);
}

#[tokio::test]
async fn a_form_of_the_client_ends_the_session_too() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let tokens = scene.tokens(&browser, "web", "openid read").await;
    let values =
        [("id_token_hint", tokens.id_token.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")];
    let page = browser.post("/end_session", &values).await;
    assert_eq!(page.left_for.as_deref(), Some(format!("{BYE}&state=s").as_str()));
    assert!(!page.url.contains(&tokens.id_token), "an ID token stays out of addresses");
    assert!(!scene.is_signed_in(&browser).await);
}

#[tokio::test]
async fn what_was_granted_in_a_session_ends_with_it_unless_it_was_to_outlive_it() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let online = scene.tokens(&browser, "web", "openid read").await;
    let offline = scene.tokens(&browser, "other-web", "openid read offline_access").await;
    assert_eq!(online.claims()["sid"], offline.claims()["sid"], "one session");
    let elsewhere = scene.tokens(&Browser::new(&scene.world), "web", "openid read").await;
    browser.get(&ask(&[("id_token_hint", &online.id_token)])).await;
    assert!(!scene.refreshes("web", &online).await);
    assert!(scene.refreshes("other-web", &offline).await);
    assert!(scene.refreshes("web", &elsewhere).await, "another session goes on");
    assert_eq!(scene.world.introspect(&online.access_token).await["active"], false);
}

#[tokio::test]
async fn what_is_advertised_of_logout_is_there() {
    let scene = scene().await;
    let document = crate::metadata::document(&scene.world).await;
    assert_eq!(document["end_session_endpoint"], format!("{ISSUER}/end_session"));
    assert_eq!(document["backchannel_logout_supported"], true);
    assert_eq!(document["backchannel_logout_session_supported"], true);
    assert_eq!(document["mtls_endpoint_aliases"].get("end_session_endpoint"), None);
    let without = Setup::new().start().await;
    let document = crate::metadata::document(&without).await;
    assert_eq!(document.get("end_session_endpoint"), None);
    assert_eq!(Browser::new(&without).get("/end_session").await.status, 404);
}
