//! Attacks through the browser: forged forms, other people's interactions, fixed sessions, frames, guessing of
//! accounts, and sending people somewhere else. Each test is named after the rule that stops the attack.

use crate::authorization::{PASSWORD, authorize, sign_in, world};
use crate::browser::{Browser, Page};
use crate::support::World;

async fn login_page(world: &World, browser: &Browser<'_>) -> Page {
    browser.get(&authorize("web", &world.pushed(world.push("web")).await)).await
}

/// Clickjacking, sniffing, referrers and caches: every page says no.
#[tokio::test]
async fn every_page_forbids_frames_scripts_caches_and_referrers() {
    let world = world().await;
    let browser = Browser::new(&world);
    let login = login_page(&world, &browser).await;
    let wrong =
        browser.press(&login, "login", &[("username", "alice"), ("password", "wrong wrong wrong")]).await;
    let consent = sign_in(&browser, &login_page(&world, &browser).await).await;
    let error = browser.get("/authorize?client_id=unknown").await;
    for page in [&login, &wrong, &consent, &error] {
        let header =
            |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("default-src 'none'") && policy.contains("base-uri 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert!(header("cache-control").contains("no-store"));
        assert!(page.headers.get("access-control-allow-origin").is_none());
    }
}

/// CSRF: a form that no page of ours has made, or that was made for somebody else, does nothing.
#[tokio::test]
async fn rejects_a_consent_whose_form_token_is_missing_or_anothers() {
    let world = world().await;
    let (browser, other) = (Browser::new(&world), Browser::new(&world));
    let consent = sign_in(&browser, &login_page(&world, &browser).await).await;
    let foreign = sign_in(&other, &login_page(&world, &other).await).await;
    let foreign_token = foreign.hidden("form_token");
    let interaction = consent.hidden("interaction");
    for token in ["", "made-up", foreign_token.as_str()] {
        let fields = [("interaction", interaction.as_str()), ("form_token", token), ("action", "allow")];
        let page = browser.post("/consent", &fields).await;
        assert_eq!(page.left_for, None);
        assert!(page.status.is_client_error(), "{}", page.status);
    }
    let page = browser.post("/consent", &[("interaction", &interaction), ("action", "allow")]).await;
    assert!(page.left_for.is_none() && page.status.is_client_error());
    // The person's own form still works.
    assert!(browser.press(&consent, "allow", &[]).await.answer("code").is_some());
}

/// Login CSRF and session fixation: another browser's interaction can't be continued, and the session cookie is new
/// after signing in.
#[tokio::test]
async fn a_session_begins_with_a_cookie_that_nobody_had_before() {
    let world = world().await;
    let browser = Browser::new(&world);
    let login = login_page(&world, &browser).await;
    let before = browser.cookies();
    sign_in(&browser, &login).await;
    let after = browser.cookies();
    let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value)).count();
    assert!(changed > 0, "signing in changed no cookie");
    // The cookies from before are nobody's.
    let fixed = Browser::new(&world);
    fixed.set_cookies(before);
    let page =
        fixed.get(&authorize("web", &world.pushed(world.push("web").with("prompt", "none")).await)).await;
    assert_eq!(page.answer("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn rejects_a_login_form_that_another_browser_sends() {
    let world = world().await;
    let victim = Browser::new(&world);
    let attacker = Browser::new(&world);
    let login = login_page(&world, &attacker).await;
    let page = victim.press(&login, "login", &[("username", "alice"), ("password", PASSWORD)]).await;
    assert!(page.left_for.is_none() && page.element("oauth-error").is_some(), "{}", page.html);
}

/// User enumeration: who isn't there is answered as who mistyped.
#[tokio::test]
async fn an_unknown_person_and_a_wrong_password_get_the_same_page() {
    let world = world().await;
    let mut pages = Vec::new();
    for username in ["alice", "nobody-of-that-name"] {
        let browser = Browser::new(&world);
        let login = login_page(&world, &browser).await;
        let fields = [("username", username), ("password", "wrong wrong wrong wrong")];
        let page = browser.press(&login, "login", &fields).await;
        let values = [page.hidden("form_token"), page.hidden("interaction"), username.to_owned()];
        let text = values.iter().fold(page.html.clone(), |text, value| text.replace(value.as_str(), "*"));
        pages.push((page.status, text));
    }
    assert_eq!(pages[0], pages[1]);
}

/// Open redirects: no page sends the browser anywhere that its query says.
#[tokio::test]
async fn no_page_redirects_to_where_its_query_says() {
    let world = world().await;
    let browser = Browser::new(&world);
    let consent = sign_in(&browser, &login_page(&world, &browser).await).await;
    assert!(consent.left_for.is_none());
    for path in ["/login", "/consent", "/authorize", "/logout", "/end_session", "/device", "/par", "/"] {
        for name in [
            "next",
            "return_to",
            "redirect_uri",
            "post_logout_redirect_uri",
            "url",
            "target_link_uri",
            "continue",
        ] {
            for evil in ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "%5C%5Cevil.example"] {
                let page = browser.get(&format!("{path}?{name}={evil}")).await;
                assert_eq!(page.left_for, None, "{path}?{name}={evil}");
            }
        }
    }
}
