//! Passkeys: added by who has just signed in, good for the account that they belong to, once for each
//! challenge, from our own origin, by a device that verifies its owner.

use bindery_core::encoding::base64url;
use bindery_store::record::AccountRecord;
use serde_json::{Value, json};

use crate::authorization::{PASSWORD, authorize, sign_in};
use crate::browser::{Browser, Page};
use crate::clients::Setup;
use crate::people_authenticator::Authenticator;
use crate::support::{World, claims, key};

const SESSION: &str = "__Host-bindery-session-";

async fn world() -> World {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    setup.configuration["acr"] = json!([
        {"value": "urn:example:low"},
        {"value": "urn:example:high", "methods": ["mfa"]},
    ]);
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "consent": "implied",
        "grant_types": ["authorization_code"], "redirect_uris": [crate::authorization::CALLBACK],
        "scope": "openid read", "audiences": [crate::support::API],
    }));
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world
}

async fn alice(world: &World) -> AccountRecord {
    world.store.find_account_by_username("alice").await.unwrap().unwrap()
}

/// What the page's script does before it asks the device.
async fn begin(browser: &Browser<'_>, page: &Page, form: &str) -> Value {
    let url = page.attribute(form, "data-begin").unwrap();
    let token = page.hidden("form_token");
    let interaction = match form {
        "login-form" => page.hidden("interaction"),
        _ => String::new(),
    };
    let begun = browser.post(&url, &[("form_token", &token), ("interaction", &interaction)]).await;
    assert_eq!(begun.status, 200, "{}", begun.html);
    serde_json::from_str(&begun.html).unwrap()
}

async fn register(browser: &Browser<'_>, device: &mut Authenticator, name: &str) -> Page {
    let page = browser.get("/account").await;
    let begun = begin(browser, &page, "register-form").await;
    let credential = device.create(&begun["options"]).to_string();
    let ceremony = begun["ceremony"].as_str().unwrap();
    let fields = [("ceremony", ceremony), ("credential", &credential), ("name", name)];
    browser.press(&page, "register", &fields).await
}

async fn with_password(world: &World) -> Browser<'_> {
    let browser = Browser::new(world);
    let login = browser.get("/login").await;
    sign_in(&browser, &login).await;
    browser
}

async fn use_passkey(browser: &Browser<'_>, page: &Page, device: &mut Authenticator) -> Page {
    let begun = begin(browser, page, "login-form").await;
    let credential = device.get(&begun["options"]).to_string();
    let fields = [("ceremony", begun["ceremony"].as_str().unwrap()), ("credential", &credential)];
    browser.press(page, "passkey", &fields).await
}

#[tokio::test]
async fn a_passkey_is_added_signs_in_and_says_so_in_the_id_token() {
    let world = world().await;
    let browser = with_password(&world).await;
    let mut device = Authenticator::new(1);
    let added = register(&browser, &mut device, "My <phone>").await;
    assert!(added.element("notice").is_some(), "{}", added.html);
    assert!(added.html.contains("My &lt;phone&gt;") && !added.html.contains("<phone>"));
    let keys = alice(&world).await.passkeys;
    assert_eq!(keys.as_array().unwrap().len(), 1);

    let request_uri = world.pushed(world.push("web").with("acr_values", "urn:example:high")).await;
    let fresh = Browser::new(&world);
    let login = fresh.get(&authorize("web", &request_uri)).await;
    let done = use_passkey(&fresh, &login, &mut device).await;
    let code = done.answer("code").unwrap_or_else(|| panic!("{}", done.html));
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    let identity = claims(&tokens["id_token"]);
    assert_eq!(identity["acr"], "urn:example:high");
    assert_eq!(identity["amr"], json!(["hwk", "user", "mfa"]));
    assert_eq!(identity["sub"], alice(&world).await.subject);
}

#[tokio::test]
async fn a_key_that_may_be_on_several_devices_is_told_from_one_that_may_not() {
    let world = world().await;
    let browser = with_password(&world).await;
    let mut device = Authenticator::new(1);
    device.may_be_copied = true;
    register(&browser, &mut device, "cloud").await;
    let request_uri = world.pushed(world.push("web")).await;
    let fresh = Browser::new(&world);
    let login = fresh.get(&authorize("web", &request_uri)).await;
    let code = use_passkey(&fresh, &login, &mut device).await.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    assert_eq!(claims(&tokens["id_token"])["amr"], json!(["swk", "user", "mfa"]));
}

#[tokio::test]
async fn rejects_devices_that_lie() {
    let world = world().await;
    let browser = with_password(&world).await;
    let mut device = Authenticator::new(1);
    register(&browser, &mut device, "key").await;
    type Lie = (&'static str, fn(&mut Authenticator));
    let lies: [Lie; 3] = [
        ("another origin", |device| device.origin = "https://evil.example".into()),
        ("a subdomain", |device| device.origin = "https://login.id.example".into()),
        ("an owner who was not verified", |device| device.verifies = false),
    ];
    for (what, lie) in lies {
        let fresh = Browser::new(&world);
        let login = fresh.get("/login").await;
        lie(&mut device);
        let refused = use_passkey(&fresh, &login, &mut device).await;
        (device.origin, device.verifies) = (crate::support::ISSUER.into(), true);
        assert_eq!(fresh.cookie(SESSION), None, "{what}");
        assert!(refused.html.contains("passkey was not accepted"), "{what}: {}", refused.html);
    }
    let fresh = Browser::new(&world);
    let login = fresh.get("/login").await;
    use_passkey(&fresh, &login, &mut device).await;
    assert!(fresh.cookie(SESSION).is_some());
    let copy = Browser::new(&world);
    let login = copy.get("/login").await;
    device.forget_last();
    use_passkey(&copy, &login, &mut device).await;
    assert_eq!(copy.cookie(SESSION), None, "a counter that goes back is a copied key");
    let mut stranger = Authenticator::new(2);
    stranger.create(&json!({"publicKey": {
        "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
        "user": {"id": alice(&world).await.subject},
    }}));
    use_passkey(&copy, &login, &mut stranger).await;
    assert_eq!(copy.cookie(SESSION), None, "a key that nobody registered");
}

#[tokio::test]
async fn a_challenge_is_good_once_for_a_while_and_in_its_own_browser() {
    let world = world().await;
    let browser = with_password(&world).await;
    let mut device = Authenticator::new(1);
    register(&browser, &mut device, "key").await;
    let (first, second) = (Browser::new(&world), Browser::new(&world));
    let (page, elsewhere) = (first.get("/login").await, second.get("/login").await);
    let begun = begin(&first, &page, "login-form").await;
    let ceremony = begun["ceremony"].as_str().unwrap();
    let credential = device.get(&begun["options"]).to_string();
    let fields = [("ceremony", ceremony), ("credential", credential.as_str())];
    second.press(&elsewhere, "passkey", &fields).await;
    assert_eq!(second.cookie(SESSION), None, "another browser's ceremony");
    first.press(&page, "passkey", &fields).await;
    assert_eq!(first.cookie(SESSION), None, "it was spent by the attempt");
    let begun = begin(&first, &page, "login-form").await;
    let credential = device.get(&begun["options"]).to_string();
    let fields = [("ceremony", begun["ceremony"].as_str().unwrap()), ("credential", credential.as_str())];
    world.advance(300);
    first.press(&page, "passkey", &fields).await;
    assert_eq!(first.cookie(SESSION), None, "after five minutes");
    use_passkey(&first, &page, &mut device).await;
    assert!(first.cookie(SESSION).is_some());
    let begun = begin(&second, &elsewhere, "login-form").await;
    let credential = device.get(&begun["options"]).to_string();
    let fields = [("ceremony", begun["ceremony"].as_str().unwrap()), ("credential", credential.as_str())];
    second.press(&elsewhere, "passkey", &fields).await;
    assert!(second.cookie(SESSION).is_some());
    let third = Browser::new(&world);
    let page = third.get("/login").await;
    third.press(&page, "passkey", &fields).await;
    assert_eq!(third.cookie(SESSION), None, "used before");
}

#[tokio::test]
async fn a_ceremony_needs_the_token_of_its_page() {
    let world = world().await;
    let browser = Browser::new(&world);
    browser.get("/login").await;
    for url in ["/login/passkey", "/account/passkey"] {
        let refused = browser.post(url, &[("form_token", "x")]).await;
        assert!(refused.status == 403 || refused.url.starts_with("/login"), "{url}");
        assert!(!refused.html.contains("challenge"), "{url}");
    }
}

#[tokio::test]
async fn only_who_signed_in_just_now_adds_or_removes_a_passkey() {
    let world = world().await;
    let browser = with_password(&world).await;
    let mut device = Authenticator::new(1);
    register(&browser, &mut device, "key").await;
    let page = browser.get("/account").await;
    world.advance(601);
    let begun = browser.post("/account/passkey", &[("form_token", &page.hidden("form_token"))]).await;
    assert_eq!(begun.status, 403);
    let id = base64url::encode([1; 16]);
    let token = page.hidden("form_token");
    let remove = [("form_token", token.as_str()), ("passkey", id.as_str()), ("action", "remove-passkey")];
    assert!(browser.post("/account", &remove).await.html.contains("sign in again"));
    assert_eq!(alice(&world).await.passkeys.as_array().unwrap().len(), 1);
    let login = browser.get("/login").await;
    sign_in(&browser, &login).await;
    let token = browser.get("/account").await.hidden("form_token");
    let remove = [("form_token", token.as_str()), ("passkey", id.as_str()), ("action", "remove-passkey")];
    assert!(browser.post("/account", &remove).await.element("notice").is_some());
    assert!(alice(&world).await.passkeys.as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_essential_context_that_only_passkeys_reach_takes_no_password() {
    let world = world().await;
    let essential =
        |value: &str| json!({"id_token": {"acr": {"essential": true, "values": [value]}}}).to_string();
    let push = world.push("web").with("claims", essential("urn:example:high"));
    let request_uri = world.pushed(push).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    assert!(login.element("password").is_none() && login.element("passkey").is_some(), "{}", login.html);
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("interaction", &*login.hidden("interaction")),
        ("form_token", &*login.hidden("form_token")),
    ];
    let refused = browser.post("/login", &fields).await;
    assert!(refused.left_for.is_none() && browser.cookie(SESSION).is_none());
    let push = world.push("web").with("claims", essential("urn:example:unknown"));
    let request_uri = world.pushed(push).await;
    let browser = with_password(&world).await;
    let refused = browser.get(&authorize("web", &request_uri)).await;
    assert_eq!(refused.answer("error").as_deref(), Some("unmet_authentication_requirements"));
}

#[tokio::test]
async fn a_stronger_context_makes_a_signed_in_person_step_up() {
    let world = world().await;
    let browser = with_password(&world).await;
    let mut device = Authenticator::new(1);
    register(&browser, &mut device, "key").await;
    let low = world.pushed(world.push("web").with("acr_values", "urn:example:low")).await;
    let done = browser.get(&authorize("web", &low)).await;
    assert!(done.answer("code").is_some(), "a password reaches it");
    let high = world.pushed(world.push("web").with("acr_values", "urn:example:high")).await;
    let login = browser.get(&authorize("web", &high)).await;
    assert!(login.element("passkey").is_some(), "{:?}", login.left_for);
    let done = use_passkey(&browser, &login, &mut device).await;
    let code = done.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    assert_eq!(claims(&tokens["id_token"])["acr"], "urn:example:high");
    // A resource learns it from the token itself, or by asking (RFC 9470 section 6).
    let access = claims(&tokens["access_token"]);
    assert_eq!((&access["acr"], &access["auth_time"]), (&json!("urn:example:high"), &json!(world.now())));
    let told = world.introspect(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((&told["acr"], &told["auth_time"]), (&json!("urn:example:high"), &json!(world.now())));
}
