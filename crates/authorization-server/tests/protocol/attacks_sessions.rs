//! Attacks with what somebody began and somebody else ends: a page that was left open, a code or a device's answer
//! that waits, when its person signs out, loses the account, or makes room for another. Each test is named after the
//! rule that stops the attack (docs/attacks.md).

use bindery_authorization_server::people::accounts::{self, AccessEnded};
use bindery_http::Clock as _;
use bindery_store::record::AccountRecord;
use serde_json::{Value, json};

use crate::authorization::{PASSWORD, authorize, challenge, sign_in, world, world_with};
use crate::browser::{Browser, Page};
use crate::support::{Call, World, key};

async fn login_page(world: &World, browser: &Browser<'_>) -> Page {
    browser.get(&authorize("web", &world.pushed(world.push("web")).await)).await
}

/// Signs in at the browser and leaves the consent page open.
async fn consent_page(world: &World, browser: &Browser<'_>) -> Page {
    let consent = sign_in(browser, &login_page(world, browser).await).await;
    assert!(consent.element("allow").is_some(), "{}", consent.html);
    consent
}

async fn sign_out(browser: &Browser<'_>) {
    let page = browser.get("/logout").await;
    let out = browser.press(&page, "logout", &[]).await;
    assert!(out.html.contains("signed out"), "{}", out.html);
}

async fn disable(world: &World) {
    let account = world.store.find_account_by_username("alice").await.unwrap().unwrap();
    let _ = world.store.update_account(&AccountRecord { disabled: true, ..account }).await.unwrap();
}

/// On a shared computer: who comes next finds the page of whoever left.
#[tokio::test]
async fn rejects_a_consent_after_its_person_signed_out() {
    let world = world().await;
    let browser = Browser::new(&world);
    let consent = consent_page(&world, &browser).await;
    sign_out(&browser).await;
    let pressed = browser.press(&consent, "allow", &[]).await;
    assert_eq!(pressed.left_for, None);
    assert!(pressed.element("password").is_some(), "who it is, is asked again: {}", pressed.html);
    // Signing in anew, the same request goes on.
    let consent = sign_in(&browser, &pressed).await;
    assert!(browser.press(&consent, "allow", &[]).await.answer("code").is_some());
}

#[tokio::test]
async fn rejects_a_consent_of_a_disabled_account() {
    let world = world().await;
    let browser = Browser::new(&world);
    let consent = consent_page(&world, &browser).await;
    disable(&world).await;
    let pressed = browser.press(&consent, "allow", &[]).await;
    assert!(pressed.left_for.is_none() && pressed.element("password").is_some(), "{}", pressed.html);
}

/// The page says who is signed in, and it is who gives.
#[tokio::test]
async fn rejects_a_consent_by_another_person_at_the_same_browser() {
    let world = world().await;
    world.account("bob", PASSWORD).await;
    let browser = Browser::new(&world);
    let consent = consent_page(&world, &browser).await;
    sign_out(&browser).await;
    let login = browser.get("/account").await;
    let account = browser.press(&login, "login", &[("username", "bob"), ("password", PASSWORD)]).await;
    assert!(account.html.contains("bob"), "{}", account.html);
    let shown = browser.get(&format!("/consent?interaction={}", consent.hidden("interaction"))).await;
    assert!(shown.element("allow").is_none() && shown.element("password").is_some(), "{}", shown.html);
    let pressed = browser.press(&consent, "allow", &[]).await;
    assert!(pressed.left_for.is_none() && pressed.element("password").is_some(), "{}", pressed.html);
}

#[tokio::test]
async fn rejects_a_code_of_an_account_that_was_disabled_meanwhile() {
    let world = world().await;
    let code = world.code(world.push("web")).await;
    disable(&world).await;
    world.send(world.redeem("web", &code, &key())).await.error(400, "invalid_grant");
}

#[tokio::test]
async fn rejects_a_code_whose_person_signed_out_before_it_was_redeemed() {
    let world = world().await;
    let browser = Browser::new(&world);
    let consent = consent_page(&world, &browser).await;
    let code = browser.press(&consent, "allow", &[]).await.answer("code").unwrap();
    sign_out(&browser).await;
    world.send(world.redeem("web", &code, &key())).await.error(400, "invalid_grant");
}

/// Whoever knew the old password holds nothing after the new one, however long ago they were here.
#[tokio::test]
async fn rejects_a_refresh_token_of_an_expired_session_after_a_new_password() {
    let world = world().await;
    let (thief, key) = (Browser::new(&world), key());
    let consent = consent_page(&world, &thief).await;
    let code = thief.press(&consent, "allow", &[]).await.answer("code").unwrap();
    let stolen = world.send(world.redeem("web", &code, &key)).await.ok();
    world.advance(2 * 3600);
    assert!(thief.get("/account").await.element("password").is_some(), "the session is over by itself");

    let alice = Browser::new(&world);
    let kept = sign_in(&alice, &login_page(&world, &alice).await).await.answer("code").unwrap();
    let kept = world.send(world.redeem("web", &kept, &key)).await.ok();
    let page = alice.get("/account").await;
    let new = "a password that nobody else knows";
    let fields = [("password", PASSWORD), ("new_password", new), ("repeat_password", new)];
    let changed = alice.press(&page, "change-password", &fields).await;
    assert!(changed.element("notice").is_some(), "{}", changed.html);

    let refresh = |tokens: &Value| {
        let call = world.refresh("web", tokens["refresh_token"].as_str().unwrap());
        call.assertion(world.assertion("web")).dpop(world.proof(&key))
    };
    world.send(refresh(&stolen)).await.error(400, "invalid_grant");
    world.send(refresh(&kept)).await.ok();
}

#[tokio::test]
async fn rejects_a_refresh_token_after_an_operator_set_a_new_password() {
    let world = world().await;
    let (thief, key) = (Browser::new(&world), key());
    let consent = consent_page(&world, &thief).await;
    let code = thief.press(&consent, "allow", &[]).await.answer("code").unwrap();
    let stolen = world.send(world.redeem("web", &code, &key)).await.ok();
    let account = world.store.find_account_by_username("alice").await.unwrap().unwrap();
    let now = world.clock.now();
    accounts::end_access(&*world.store, &account.subject, AccessEnded::Allowed, now).await.unwrap();
    let refresh = world.refresh("web", stolen["refresh_token"].as_str().unwrap());
    let refresh = refresh.assertion(world.assertion("web")).dpop(world.proof(&key));
    world.send(refresh).await.error(400, "invalid_grant");
}

/// The name of a public client is everybody's, and an old code stands in the browser's history.
#[tokio::test]
async fn rejects_a_used_code_of_a_public_client_without_its_verifier_and_ends_nothing() {
    let world = world_with(json!({"token_endpoint_auth_method": "none", "jwks": null})).await;
    let code = world.code(public_push()).await;
    let (own, thief) = (key(), key());
    let redeem = |key| {
        let call = Call::token("authorization_code").with("client_id", "web").with("code", &code);
        call.with("redirect_uri", crate::authorization::CALLBACK).dpop(world.proof(key))
    };
    let verifier = crate::authorization::VERIFIER;
    let tokens = world.send(redeem(&own).with("code_verifier", verifier)).await.ok();
    let alive = async || world.introspect(tokens["access_token"].as_str().unwrap()).await["active"].clone();
    world.send(redeem(&thief)).await.error(400, "invalid_grant");
    world.send(redeem(&thief).with("code_verifier", challenge())).await.error(400, "invalid_grant");
    assert_eq!(alive().await, true);
    // Who has the verifier too has the whole request: now somebody has a copy of it.
    world.send(redeem(&thief).with("code_verifier", verifier)).await.error(400, "invalid_grant");
    assert_eq!(alive().await, false);
}

fn public_push() -> Call {
    Call::to("/par")
        .with("client_id", "web")
        .with("response_type", "code")
        .with("redirect_uri", crate::authorization::CALLBACK)
        .with("scope", "openid read")
        .with("code_challenge", challenge())
        .with("code_challenge_method", "S256")
}

/// RFC 8252 section 8.6: any program on the device can say a native client's name and listen at its address.
#[tokio::test]
async fn rejects_a_silent_answer_to_a_public_native_client() {
    let native = "http://127.0.0.1/callback";
    let world = world_with(json!({
        "token_endpoint_auth_method": "none", "jwks": null, "application_type": "native",
        "redirect_uris": [native],
    }))
    .await;
    let browser = Browser::new(&world);
    let ask = |prompt: &str| {
        let push = public_push().replacing("redirect_uri", "http://127.0.0.1:49152/callback");
        if prompt.is_empty() { push } else { push.with("prompt", prompt) }
    };
    let open = async |prompt| browser.get(&authorize("web", &world.pushed(ask(prompt)).await)).await;
    let consent = sign_in(&browser, &open("").await).await;
    assert!(browser.press(&consent, "allow", &[]).await.answer("code").is_some());
    assert_eq!(open("none").await.answer("error").as_deref(), Some("consent_required"));
    let again = open("").await;
    assert!(again.left_for.is_none() && again.element("allow").is_some(), "{}", again.html);
}
