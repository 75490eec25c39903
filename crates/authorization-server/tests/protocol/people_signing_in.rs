//! Signing in: what it tells a stranger, how often one may guess, and that nobody is signed in by another's
//! page, cookie or link.

use std::collections::BTreeMap;

use bindery_store::record::AccountRecord;
use serde_json::json;

use crate::authorization::{PASSWORD, authorize, sign_in, world, world_with};
use crate::browser::{Browser, Page};
use crate::support::World;

const SESSION: &str = "__Host-bindery-session-";
const BROWSER: &str = "__Host-bindery-browser-";
const KNOWN: &str = "__Host-bindery-known-";

async fn login_page<'w>(world: &'w World) -> (Browser<'w>, Page) {
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(world);
    let page = browser.get(&authorize("web", &request_uri)).await;
    assert!(page.url.starts_with("/login?interaction="), "{}", page.url);
    (browser, page)
}

async fn alice(world: &World) -> AccountRecord {
    world.store.find_account_by_username("alice").await.unwrap().unwrap()
}

async fn try_password(browser: &Browser<'_>, page: &Page, username: &str, password: &str) -> Page {
    browser.press(page, "login", &[("username", username), ("password", password)]).await
}

fn is_signed_in(page: &Page) -> bool {
    page.left_for.is_some() || page.element("allow").is_some()
}

#[tokio::test]
async fn rejects_wrong_unknown_locked_and_disabled_accounts_with_the_same_bytes() {
    let world = world().await;
    for name in ["locked", "disabled"] {
        world.account(name, PASSWORD).await;
    }
    let (browser, page) = login_page(&world).await;
    for _ in 0..5 {
        try_password(&browser, &page, "locked", "wrong password").await;
    }
    let mut disabled = world.store.find_account_by_username("disabled").await.unwrap().unwrap();
    disabled.disabled = true;
    let _ = world.store.update_account(&disabled).await.unwrap();
    let wrong = try_password(&browser, &page, "alice", "wrong password").await;
    assert!(wrong.element("message").is_some(), "{}", wrong.html);
    for (name, password) in [
        ("nobody", "wrong password"),
        ("nobody", PASSWORD),
        ("locked", PASSWORD),
        ("disabled", PASSWORD),
        ("not a name", "wrong password"),
        ("alice", "\u{7}"),
        ("alice", ""),
    ] {
        let other = try_password(&browser, &page, name, password).await;
        assert_eq!(other.status, wrong.status, "{name}");
        // The name that was typed is all that differs.
        let (value, expected) = (format!("value=\"{name}\""), "value=\"alice\"".to_owned());
        assert_eq!(other.html.replace(&value, &expected), wrong.html, "{name}");
        let names = |page: &Page| {
            let mut names: Vec<_> = page.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&other), names(&wrong), "{name}");
    }
    assert!(!wrong.html.contains(PASSWORD) && !wrong.html.contains("wrong password"));
}

#[tokio::test]
async fn too_many_failures_lock_an_account_for_longer_each_time() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    for _ in 0..5 {
        try_password(&browser, &page, "ALICE", "wrong password").await;
    }
    assert!(!is_signed_in(&try_password(&browser, &page, "alice", PASSWORD).await), "locked for 30 seconds");
    world.advance(29);
    assert!(!is_signed_in(&try_password(&browser, &page, "alice", PASSWORD).await));
    world.advance(1);
    try_password(&browser, &page, "alice", "wrong password").await;
    world.advance(59);
    assert!(!is_signed_in(&try_password(&browser, &page, "alice", PASSWORD).await), "locked for a minute");
    world.advance(1);
    assert!(is_signed_in(&try_password(&browser, &page, "alice", PASSWORD).await));
    assert_eq!(alice(&world).await.failed_logins, 0);
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_count_than_lock_the_account() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    let guesses = (0..20).map(|_| try_password(&browser, &page, "alice", "wrong password"));
    futures_util::future::join_all(guesses).await;
    let account = alice(&world).await;
    assert!(account.locked_until.is_some());
    assert!(!is_signed_in(&try_password(&browser, &page, "alice", PASSWORD).await));
}

#[tokio::test]
async fn tries_with_one_name_are_limited_whether_there_is_such_an_account_or_not() {
    let world = world().await;
    let mut answers = Vec::new();
    for name in ["alice", "nobody", "not a name"] {
        let (browser, page) = login_page(&world).await;
        for _ in 0..30 {
            try_password(&browser, &page, name, "wrong password").await;
        }
        let limited = try_password(&browser, &page, name, PASSWORD).await;
        assert_eq!(limited.status, 429, "{name}");
        answers.push(limited.element("message").is_some());
        world.advance(60);
    }
    assert_eq!(answers, [true; 3]);
}

#[tokio::test]
async fn signing_in_changes_the_session_cookie_and_ends_the_one_before() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    assert_eq!(browser.cookie(SESSION), None, "nobody is signed in before");
    sign_in(&browser, &page).await;
    let first = browser.cookie(SESSION).unwrap();
    let thief = browser.copy();
    let again = browser.get("/login").await;
    sign_in(&browser, &again).await;
    let second = browser.cookie(SESSION).unwrap();
    assert_ne!(first, second, "a cookie that somebody planted or saw is worth nothing");
    assert!(thief.get("/account").await.url.starts_with("/login"), "the old cookie opens nothing");
    assert_eq!(browser.get("/account").await.url, "/account");
    let sessions = world.store.list_sessions(Some(&alice(&world).await.subject), None, 10).await.unwrap();
    assert_eq!(sessions.len(), 1, "it is the same session under a new cookie");
}

#[tokio::test]
async fn another_person_at_the_same_browser_ends_the_session_before() {
    let world = world().await;
    world.account("bob", PASSWORD).await;
    let (browser, page) = login_page(&world).await;
    sign_in(&browser, &page).await;
    let login = browser.get("/login").await;
    try_password(&browser, &login, "bob", PASSWORD).await;
    let subject = alice(&world).await.subject;
    let sessions = world.store.list_sessions(Some(&subject), None, 10).await.unwrap();
    assert!(sessions.iter().all(|session| session.ended_at.is_some()));
    assert!(browser.get("/account").await.html.contains("Signed in as bob"));
}

#[tokio::test]
async fn a_planted_session_cookie_signs_nobody_in_and_is_replaced() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    sign_in(&browser, &page).await;
    let planted = "a".repeat(43);
    browser.plant(SESSION, &planted);
    assert!(browser.get("/account").await.url.starts_with("/login"));
    let login = browser.get("/login").await;
    sign_in(&browser, &login).await;
    assert_ne!(browser.cookie(SESSION).unwrap(), planted);
}

#[tokio::test]
async fn rejects_a_form_without_the_token_of_its_page_in_its_browser() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    let (other, elsewhere) = login_page(&world).await;
    let (_, second) = login_page(&world).await;
    let good = page.hidden("form_token");
    for (what, token, interaction) in [
        ("none", String::new(), page.hidden("interaction")),
        ("another browser's", elsewhere.hidden("form_token"), page.hidden("interaction")),
        ("one that is cut", good[1..].to_owned(), page.hidden("interaction")),
        ("one of another interaction", good.clone(), second.hidden("interaction")),
    ] {
        let values = [
            ("username", "alice"),
            ("password", PASSWORD),
            ("action", "login"),
            ("form_token", &token),
            ("interaction", &interaction),
        ];
        let answer = browser.post("/login", &values).await;
        assert_eq!(answer.status, 403, "{what}");
        assert!(answer.element("oauth-error").is_some() && !is_signed_in(&answer), "{what}");
    }
    // The attacker's page with the attacker's token, sent by the victim's browser.
    let forged = other.press(&page, "login", &[("username", "alice"), ("password", PASSWORD)]).await;
    assert_eq!(forged.status, 403);
    assert_eq!(browser.cookie(SESSION), None);
    assert!(is_signed_in(&sign_in(&browser, &page).await), "the page itself still works");
}

#[tokio::test]
async fn rejects_a_form_that_another_site_sent() {
    let world = world().await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "https://id.example:8443"),
        ("origin", "http://id.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let (browser, page) = login_page(&world).await;
        browser.headers.borrow_mut().push((name, value.into()));
        let answer = sign_in(&browser, &page).await;
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert_eq!(browser.cookie(SESSION), None, "{name}: {value}");
    }
    let (browser, page) = login_page(&world).await;
    // What browsers send from a page without referrer.
    browser
        .headers
        .borrow_mut()
        .extend([("origin", "null".into()), ("sec-fetch-site", "same-origin".into())]);
    assert!(is_signed_in(&sign_in(&browser, &page).await));
}

#[tokio::test]
async fn rejects_signing_in_by_get_and_by_another_media_type() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    let token = page.hidden("form_token");
    let interaction = page.hidden("interaction");
    let url =
        format!("/login?interaction={interaction}&form_token={token}&username=alice&password=x&action=login");
    browser.get(&url).await;
    assert_eq!(browser.cookie(SESSION), None);
    browser.headers.borrow_mut().push(("content-type", "text/plain".into()));
    assert_eq!(sign_in(&browser, &page).await.status, 400);
    assert_eq!(browser.cookie(SESSION), None);
}

#[tokio::test]
async fn rejects_a_login_page_opened_in_another_browser() {
    let world = world().await;
    let (_, page) = login_page(&world).await;
    let (other, _) = login_page(&world).await;
    let answer = other.get(&page.url).await;
    assert!(answer.element("oauth-error").is_some() && answer.element("username").is_none());
    assert!(answer.html.contains("other_browser"));
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_at_its_end_in_any_case() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    sign_in(&browser, &page).await;
    for _ in 0..12 {
        world.advance(3599);
        assert_eq!(browser.get("/account").await.url, "/account", "use keeps it");
    }
    world.advance(12);
    assert!(browser.get("/account").await.url.starts_with("/login"), "after twelve hours, used or not");
    let (browser, page) = login_page(&world).await;
    sign_in(&browser, &page).await;
    world.advance(3600);
    assert!(browser.get("/account").await.url.starts_with("/login"), "after an hour without use");
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    sign_in(&browser, &page).await;
    let mut account = alice(&world).await;
    account.disabled = true;
    let _ = world.store.update_account(&account).await.unwrap();
    assert!(browser.get("/account").await.url.starts_with("/login"));
}

#[tokio::test]
async fn a_weaker_hash_is_renewed_when_its_owner_signs_in() {
    let world = world().await;
    let weak = weak_hash(PASSWORD);
    let mut account = alice(&world).await;
    account.password_hash = Some(weak.clone());
    let _ = world.store.update_account(&account).await.unwrap();
    let (browser, page) = login_page(&world).await;
    assert!(is_signed_in(&sign_in(&browser, &page).await));
    let renewed = alice(&world).await.password_hash.unwrap();
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    assert_ne!(renewed, weak);
}

fn weak_hash(password: &str) -> String {
    use argon2::password_hash::PasswordHasher as _;
    use argon2::password_hash::phc::PasswordHash;
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let hash: PasswordHash =
        argon2.hash_password_with_salt(password.as_bytes(), b"a salt of 16 byt").unwrap();
    hash.to_string()
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_our_own_page() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    sign_in(&browser, &page).await;
    let forged = browser.post("/logout", &[("action", "logout")]).await;
    assert_eq!(forged.status, 403);
    assert_eq!(browser.get("/account").await.url, "/account");
    let question = browser.get("/logout").await;
    let stay = browser.press(&question, "stay", &[]).await;
    assert!(stay.element("message").is_some() && browser.cookie(SESSION).is_some());
    let thief = browser.copy();
    let over = browser.press(&question, "logout", &[]).await;
    assert!(over.html.contains("You are signed out."));
    assert_eq!(browser.cookie(SESSION), None);
    assert!(thief.get("/account").await.url.starts_with("/login"), "the cookie is dead, not only gone");
    assert!(browser.cookie(BROWSER).is_some());
}

#[tokio::test]
async fn cancelling_is_reported_as_access_denied() {
    let world = world().await;
    let (browser, page) = login_page(&world).await;
    let answer = browser.press(&page, "cancel", &[]).await;
    assert_eq!(answer.answer("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn a_login_hint_fills_the_name_and_nothing_else() {
    let world = world().await;
    let hint = "alice\"><script>alert(1)</script>";
    let request_uri = world.pushed(world.push("web").with("login_hint", hint)).await;
    let browser = Browser::new(&world);
    let page = browser.get(&authorize("web", &request_uri)).await;
    assert!(!page.html.contains("<script>alert"));
    assert!(page.element("username").unwrap().contains("value=\"alice&quot;&gt;"));
}

#[tokio::test]
async fn no_password_and_no_cookie_is_ever_logged() {
    let world = world_with(json!({})).await;
    let (browser, page) = login_page(&world).await;
    try_password(&browser, &page, "alice", "a wrong password to look for").await;
    sign_in(&browser, &page).await;
    let log = crate::logging::seen();
    for secret in [
        "a wrong password to look for",
        PASSWORD,
        &browser.cookie(SESSION).unwrap(),
        &browser.cookie(BROWSER).unwrap(),
        &page.hidden("form_token"),
    ] {
        assert!(!log.contains(secret), "{secret}");
    }
}

/// Strangers with wrong passwords lock the account for strangers alone.
#[tokio::test]
async fn a_browser_that_signed_in_before_is_not_locked_out_by_strangers() {
    let world = world().await;
    world.account("bob", PASSWORD).await;
    let (browser, page) = login_page(&world).await;
    assert!(is_signed_in(&try_password(&browser, &page, "alice", PASSWORD).await));
    let known: BTreeMap<_, _> =
        browser.cookies().into_iter().filter(|(name, _)| name.starts_with(KNOWN)).collect();
    assert!(!format!("{known:?}").contains("alice"));
    let (stranger, strange) = login_page(&world).await;
    for name in ["alice", "bob"] {
        for _ in 0..5 {
            try_password(&stranger, &strange, name, "wrong password").await;
        }
        assert!(!is_signed_in(&try_password(&stranger, &strange, name, PASSWORD).await), "{name} is locked");
    }
    let again = async |name: &str, password: &str| {
        let (browser, page) = login_page(&world).await;
        let cookies = browser.cookies().into_iter().chain(known.clone()).collect();
        browser.set_cookies(cookies);
        is_signed_in(&try_password(&browser, &page, name, password).await)
    };
    assert!(again("alice", PASSWORD).await, "signed in before");
    assert!(!again("bob", PASSWORD).await, "not to this account");
    assert!(alice(&world).await.locked_until.is_some(), "strangers stay locked out");
    // A copy of the cookie is worth a handful of guesses.
    for _ in 0..4 {
        assert!(!again("alice", "wrong password").await);
    }
    assert!(!again("alice", PASSWORD).await, "its guesses are spent");
    world.advance(3600);
    for _ in 0..5 {
        try_password(&stranger, &strange, "alice", "wrong password").await;
    }
    assert!(again("alice", PASSWORD).await, "an hour later there are new ones");
}
