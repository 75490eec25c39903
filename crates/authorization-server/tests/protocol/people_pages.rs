//! Every page: its policy, its language, and what becomes of a client's hostile words.

use serde_json::json;

use crate::authorization::{CALLBACK, PASSWORD, authorize, sign_in, world, world_with};
use crate::browser::{Browser, Page};
use crate::clients::Setup;
use crate::support::World;

const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";

fn header<'p>(page: &'p Page, name: &str) -> &'p str {
    page.headers.get(name).unwrap_or_else(|| panic!("{} has no {name}", page.url)).to_str().unwrap()
}

/// Not framed, not stored, no referrer, nothing loaded but what is ours.
fn require_protected(page: &Page) {
    assert_eq!(header(page, "x-frame-options"), "DENY");
    assert_eq!(header(page, "cache-control"), "no-store");
    assert_eq!(header(page, "referrer-policy"), "no-referrer");
    assert_eq!(header(page, "x-content-type-options"), "nosniff");
    assert_eq!(header(page, "content-type"), "text/html; charset=utf-8");
    let policy = header(page, "content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{}: {policy}", page.url);
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{}: {policy}", page.url);
    for raw in ["<style", " style=", " onclick=", " onerror=", " onload="] {
        assert!(!page.html.contains(raw), "{}: {raw}", page.url);
    }
}

#[tokio::test]
async fn every_page_is_kept_from_frames_caches_and_foreign_content() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    let wrong = browser.press(&login, "login", &[("username", "alice"), ("password", "wrong")]).await;
    let consent = sign_in(&browser, &login).await;
    let account = browser.get("/account").await;
    let logout = browser.get("/logout").await;
    let error = browser.get("/authorize").await;
    for page in [&login, &wrong, &consent, &account, &logout, &error] {
        require_protected(page);
    }
    assert!(error.element("oauth-error").is_some());
    // A form that ends in a redirect to the client needs the client's origin in its policy.
    for page in [&login, &consent] {
        assert!(
            header(page, "content-security-policy").contains("form-action 'self' https://client.example;")
        );
    }
    assert!(!header(&account, "content-security-policy").contains("client.example"));
    let over = browser.press(&logout, "logout", &[]).await;
    require_protected(&over);
}

#[tokio::test]
async fn what_pages_load_is_there_and_typed() {
    let world = world().await;
    let browser = Browser::new(&world);
    for (name, media_type) in [
        ("style.css", "text/css; charset=utf-8"),
        ("passkey.js", "text/javascript; charset=utf-8"),
        ("form_post.js", "text/javascript; charset=utf-8"),
    ] {
        let asset = browser.get(&format!("/assets/{name}")).await;
        assert_eq!(header(&asset, "content-type"), media_type);
        assert_eq!(header(&asset, "x-content-type-options"), "nosniff");
    }
    for name in ["login.html", "..%2f..%2fCargo.toml", "nothing.css"] {
        assert_eq!(browser.get(&format!("/assets/{name}")).await.status, 404, "{name}");
    }
}

#[tokio::test]
async fn pages_speak_the_language_that_is_asked_for() {
    let world = world().await;
    let german = world.pushed(world.push("web").with("ui_locales", "fr de")).await;
    let page = Browser::new(&world).get(&authorize("web", &german)).await;
    assert!(page.html.contains("<html lang=\"de\"") && page.html.contains("Anmelden"));
    let plain = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    browser.headers.borrow_mut().push(("accept-language", "de-CH, en;q=0.5".into()));
    let page = browser.get(&authorize("web", &plain)).await;
    assert!(page.html.contains("<html lang=\"de\""));
    let page = Browser::new(&world).get(&authorize("web", &plain)).await;
    assert!(page.html.contains("<html lang=\"en\""));
}

/// A client whose every word is an attack, and a request with rich details.
async fn hostile_world() -> World {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    setup.configuration["authorization_details"] =
        json!([{"type": "payment", "members": ["creditor", "amount", "<img src=x>", "urgent"]}]);
    setup.configuration["people"] = json!({
        "scopes": {"read": {"en": "Read your files", "de": "Ihre Dateien lesen"}},
        "authorization_details": {"payment": {"en": "A payment"}},
    });
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "web", "client_name": HOSTILE, "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        "grant_types": ["authorization_code"], "redirect_uris": [CALLBACK], "scope": "openid read write",
        "audiences": [crate::support::API], "authorization_details_types": ["payment"],
        "logo_uri": "https://cdn.client.example/logo.png?a=1&b='x'", "tos_uri": "https://client.example/tos",
    }));
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world
}

#[tokio::test]
async fn consent_shows_everything_that_is_asked_and_no_word_of_the_client_as_html() {
    let world = hostile_world().await;
    let details = json!([{
        "type": "payment", "creditor": HOSTILE, "amount": {"currency": "EUR", "value": "12.50"},
        "<img src=x>": ["<b>1</b>", true], "urgent": true,
    }]);
    let push = world
        .push("web")
        .with("authorization_details", details.to_string())
        .with("resource", crate::support::API)
        .with("claims", json!({"userinfo": {"email": null, "<i>": null}}).to_string());
    let request_uri = world.pushed(push).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    let consent = sign_in(&browser, &login).await;
    for page in [&login, &consent] {
        require_protected(page);
        for raw in ["<script>alert", "<img src=x", "<b>1", "<i>", "\u{202e}", "\"onerror"] {
            assert!(!page.html.contains(raw), "{}: {raw}", page.url);
        }
        assert!(page.html.contains("&lt;script&gt;alert(1)"));
        let policy = header(page, "content-security-policy");
        assert!(policy.contains("img-src 'self' https://cdn.client.example;"), "{policy}");
    }
    for text in ["Read your files", "Know who you are", "A payment", "12.50", "EUR", "Your email address"] {
        assert!(consent.html.contains(text), "{text}: {}", consent.html);
    }
    assert!(consent.html.contains("Afterwards you go back to client.example."));
    assert!(consent.element("details").is_some() && consent.element("resources").is_some());
    let done = browser.press(&consent, "allow", &[]).await;
    assert!(done.answer("code").is_some());
}

#[tokio::test]
async fn rich_details_are_asked_about_each_time_and_scopes_once() {
    let world = hostile_world().await;
    let browser = Browser::new(&world);
    let plain = || async { world.pushed(world.push("web")).await };
    let login = browser.get(&authorize("web", &plain().await)).await;
    let consent = sign_in(&browser, &login).await;
    assert!(browser.press(&consent, "allow", &[]).await.answer("code").is_some());
    let again = browser.get(&authorize("web", &plain().await)).await;
    assert!(again.answer("code").is_some(), "the same or less is not asked again");
    for (name, value) in [("claims", r#"{"userinfo":{"email":null}}"#), ("resource", crate::support::API)] {
        let more = world.pushed(world.push("web").with(name, value)).await;
        let more = browser.get(&authorize("web", &more)).await;
        assert!(more.element("allow").is_some(), "more is asked: {name}");
        browser.press(&more, "allow", &[]).await;
        let again = world.pushed(world.push("web").with(name, value)).await;
        assert!(browser.get(&authorize("web", &again)).await.answer("code").is_some(), "{name}");
    }
    let anew = world.pushed(world.push("web").with("prompt", "consent")).await;
    let anew = browser.get(&authorize("web", &anew)).await;
    assert!(anew.element("allow").is_some(), "prompt=consent asks");
    let details = json!([{"type": "payment", "amount": "1"}]).to_string();
    for _ in 0..2 {
        let rich = world.pushed(world.push("web").with("authorization_details", &details)).await;
        let consent = browser.get(&authorize("web", &rich)).await;
        assert!(consent.element("allow").is_some(), "a payment is never remembered");
        browser.press(&consent, "allow", &[]).await;
    }
}

#[tokio::test]
async fn a_client_whose_consent_is_implied_asks_nobody() {
    let world = world_with(json!({"consent": "implied"})).await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    assert!(sign_in(&browser, &login).await.answer("code").is_some());
}

#[tokio::test]
async fn rejects_a_consent_without_the_token_of_its_page_or_with_neither_button() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    let consent = sign_in(&browser, &login).await;
    let interaction = consent.hidden("interaction");
    let forged = [("interaction", interaction.as_str()), ("action", "allow")];
    assert_eq!(browser.post("/consent", &forged).await.status, 403);
    let login_token = [forged[0], forged[1], ("form_token", &login.hidden("form_token"))];
    assert_eq!(browser.post("/consent", &login_token).await.status, 403, "a token for another page");
    let neither = [forged[0], ("form_token", &consent.hidden("form_token"))];
    assert_eq!(browser.post("/consent", &neither).await.status, 400);
    assert!(browser.press(&consent, "allow", &[]).await.answer("code").is_some());
    let twice = browser.press(&consent, "allow", &[]).await;
    assert!(twice.left_for.is_none() && twice.html.contains("interaction_expired"));
}

#[tokio::test]
async fn consent_can_not_come_before_signing_in() {
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    let skipped = browser.get(&login.url.replace("/login", "/consent")).await;
    assert!(skipped.url.starts_with("/login"), "{}", skipped.url);
}

#[tokio::test]
async fn several_issuers_on_one_host_have_cookies_of_their_own() {
    let world = world().await;
    let browser = Browser::new(&world);
    let request_uri = world.pushed(world.push("web")).await;
    browser.get(&authorize("web", &request_uri)).await;
    let mut setup = Setup::new();
    setup.configuration["issuer"] = "https://id.example/tenant".into();
    setup.configuration["mtls_base_url"] = "https://mtls.id.example/tenant".into();
    let other = setup.start().await;
    let tenant = Browser::new(&other);
    tenant.get("/tenant/login").await;
    let suffix = |browser: &Browser<'_>| browser.cookie_name("__Host-bindery-browser-").unwrap();
    assert_ne!(suffix(&browser), suffix(&tenant));
}
