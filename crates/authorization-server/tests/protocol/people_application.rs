//! The interaction API: an application reads what is asked and says who it is; its word counts in the browser
//! that began, and only from a client with the scope and a key.

use std::sync::Arc;

use bindery_crypto::SigningKey;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::authorization::{CALLBACK, authorize};
use crate::browser::{Browser, Page};
use crate::clients::Setup;
use crate::support::{Answer, Call, ISSUER, World, claims, key};

const LOGIN: &str = "https://login.app.example/sign-in?tenant=7";

async fn world() -> World {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    setup.configuration["people"] = json!({"login": {"url": LOGIN}});
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    clients.push(json!({
        "client_id": "web", "client_name": "Web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        "grant_types": ["authorization_code"], "redirect_uris": [CALLBACK], "scope": "openid profile read",
        "audiences": [crate::support::API],
    }));
    clients.push(json!({
        "client_id": "login-app", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        "grant_types": ["client_credentials"], "scope": "bindery:interactions other",
        "audiences": [format!("{ISSUER}/interactions"), "https://other.example"],
    }));
    setup.start().await
}

struct Application<'w> {
    world: &'w World,
    key: Arc<SigningKey>,
    token: String,
}

impl<'w> Application<'w> {
    async fn new(world: &'w World) -> Self {
        let key = Arc::new(key());
        let token = token(world, &key, "bindery:interactions", None).await;
        Self { world, key, token }
    }

    async fn call(&self, method: Method, id: &str, body: Option<Value>) -> Answer {
        let path = format!("/interactions/{id}");
        let proof =
            self.world.resource_proof(&self.key, method.as_str(), &format!("{ISSUER}{path}"), &self.token);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("DPoP {}", self.token))
            .header("dpop", proof)
            .header("content-type", "application/json")
            .body(body.into())
            .unwrap();
        self.world.dispatch(request, None).await
    }

    async fn read(&self, id: &str) -> Answer {
        self.call(Method::GET, id, None).await
    }

    async fn say(&self, id: &str, what: Value) -> Answer {
        self.call(Method::POST, id, Some(what)).await
    }
}

async fn token(world: &World, key: &SigningKey, scope: &str, resource: Option<&str>) -> String {
    let call = Call::token("client_credentials")
        .assertion(world.assertion("login-app"))
        .with("scope", scope)
        .dpop(world.proof(key));
    let call = match resource {
        Some(resource) => call.with("resource", resource),
        None => call,
    };
    world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned()
}

async fn sent_to_application(browser: &Browser<'_>, world: &World, push: Call) -> (Page, String) {
    let request_uri = world.pushed(push).await;
    let page = browser.get(&authorize("web", &request_uri)).await;
    let left_for = page.left_for.clone().unwrap();
    assert!(left_for.starts_with(&format!("{LOGIN}&interaction=")), "{left_for}");
    let id = page.answer("interaction").unwrap();
    (page, id)
}

fn alice(world: &World) -> Value {
    json!({
        "result": "signed_in", "subject": "alice-of-the-app", "auth_time": world.now(), "amr": ["otp"],
        "acr": "urn:example:app", "claims": {"name": "Alice of the App"},
    })
}

#[tokio::test]
async fn an_application_signs_in_whoever_is_at_the_browser_that_began() {
    let world = world().await;
    let (app, browser) = (Application::new(&world).await, Browser::new(&world));
    let push = world.push("web").with("login_hint", "alice").with("claims", r#"{"userinfo":{"name":null}}"#);
    let (_, id) = sent_to_application(&browser, &world, push).await;
    let asked = app.read(&id).await.ok();
    assert_eq!(asked["client"]["client_name"], "Web");
    assert_eq!((&asked["scope"], &asked["login_hint"]), (&json!("openid read"), &json!("alice")));
    let without = format!("/interactions/{id}/resume");
    let early = browser.get(&without).await;
    assert!(early.left_for.unwrap().starts_with(LOGIN), "not yet: back to the application");
    let resume = app.say(&id, alice(&world)).await.ok()["resume_uri"].as_str().unwrap().to_owned();
    let thief = Browser::new(&world);
    thief.get(&authorize("web", &world.pushed(world.push("web")).await)).await;
    let stolen = thief.get(&resume).await;
    assert!(stolen.left_for.is_none() && stolen.html.contains("other_browser"), "{}", stolen.html);
    // Whoever began it and sent somebody else to the application has the browser, and not the verifier.
    for url in [&without, &format!("{without}?verifier=x")] {
        let began = browser.get(url).await;
        assert!(began.left_for.is_none() && began.html.contains("other_browser"), "{}", began.html);
    }
    let consent = browser.get(&resume).await;
    assert!(consent.element("allow").is_some(), "{}", consent.html);
    let code = browser.press(&consent, "allow", &[]).await.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    let identity = claims(&tokens["id_token"]);
    assert_eq!((&identity["sub"], &identity["acr"]), (&json!("alice-of-the-app"), &json!("urn:example:app")));
    assert_eq!(identity["amr"], json!(["otp"]));
    let account = world.store.find_account("alice-of-the-app").await.unwrap().unwrap();
    assert_eq!(account.claims["name"], "Alice of the App");
    let again = browser.get(&authorize("web", &world.pushed(world.push("web")).await)).await;
    assert!(again.answer("code").is_some(), "the session goes on");
}

#[tokio::test]
async fn an_application_that_refuses_is_reported_as_access_denied() {
    let world = world().await;
    let (app, browser) = (Application::new(&world).await, Browser::new(&world));
    let (_, id) = sent_to_application(&browser, &world, world.push("web")).await;
    let said = app.say(&id, json!({"result": "denied"})).await.ok();
    app.say(&id, alice(&world)).await.error(409, "interaction_over");
    let page = browser.get(said["resume_uri"].as_str().unwrap()).await;
    assert_eq!(page.answer("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn rejects_tokens_without_the_scope_the_audience_or_the_key() {
    let world = world().await;
    let browser = Browser::new(&world);
    let (_, id) = sent_to_application(&browser, &world, world.push("web")).await;
    let own = Arc::new(key());
    let other_scope = token(&world, &own, "other", None).await;
    let other_audience = token(&world, &own, "bindery:interactions", Some("https://other.example")).await;
    let good = token(&world, &own, "bindery:interactions", None).await;
    for (what, token, key, status) in [
        ("another scope", other_scope, Arc::clone(&own), 403),
        ("another audience", other_audience, Arc::clone(&own), 401),
        ("another key", good.clone(), Arc::new(key()), 401),
    ] {
        let app = Application { world: &world, key, token };
        let answer = app.say(&id, alice(&world)).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
    }
    let bearer = Request::post(format!("/interactions/{id}"))
        .header("authorization", format!("Bearer {good}"))
        .header("content-type", "application/json")
        .body(alice(&world).to_string().into())
        .unwrap();
    assert_eq!(world.dispatch(bearer, None).await.status, 401, "never bearer");
    assert!(browser.get(&format!("/interactions/{id}/resume")).await.left_for.unwrap().starts_with(LOGIN));
}

#[tokio::test]
async fn rejects_words_of_an_application_that_break_a_rule() {
    let world = world().await;
    let (app, browser) = (Application::new(&world).await, Browser::new(&world));
    let (_, id) = sent_to_application(&browser, &world, world.push("web").with("prompt", "login")).await;
    let with = |name: &str, value: Value| {
        let mut said = alice(&world);
        said[name] = value;
        said
    };
    for said in [
        json!({}),
        json!({"result": "maybe"}),
        with("subject", json!("")),
        with("subject", json!("client:web")),
        with("subject", json!("al\u{e9}")),
        with("auth_time", json!(world.now() + 3600)),
        with("amr", json!(["a b"])),
        with("acr", json!("")),
        with("extra", json!(1)),
    ] {
        app.say(&id, said.clone()).await.error(400, "invalid_request");
    }
    let old = with("auth_time", json!(world.now() - 3600));
    app.say(&id, old).await.error(409, "login_required");
    app.say("unknown", alice(&world)).await.error(404, "interaction_unknown");
    app.say(&id, alice(&world)).await.ok();
}

#[tokio::test]
async fn the_built_in_pages_are_gone_where_the_application_signs_in() {
    let world = world().await;
    let browser = Browser::new(&world);
    for url in ["/login", "/account"] {
        let page = browser.get(url).await;
        assert_eq!(page.status, 404, "{url}");
        assert!(page.element("password").is_none());
    }
}

#[tokio::test]
async fn a_server_with_its_own_login_has_no_interaction_api() {
    let world = crate::authorization::world().await;
    let request = Request::get("/interactions/x").body(String::new().into()).unwrap();
    world.dispatch(request, None).await.error(404, "interaction_unknown");
}
