//! The account page: what a person sees and ends, and that nobody else does it for them.

use bindery_store::record::GrantFilter;

use crate::authorization::{PASSWORD, authorize, sign_in, world, world_from};
use crate::browser::Browser;
use crate::support::{World, key};

const SESSION: &str = "__Host-bindery-session-";
const NEW: &str = "a new password for alice";

async fn signed_in(world: &World) -> Browser<'_> {
    let browser = Browser::new(world);
    let login = browser.get("/login").await;
    let account = sign_in(&browser, &login).await;
    assert_eq!(account.url, "/account", "{}", account.html);
    browser
}

#[tokio::test]
async fn a_stranger_sees_no_account() {
    let world = world().await;
    assert!(Browser::new(&world).get("/account").await.url.starts_with("/login"));
}

#[tokio::test]
async fn a_person_ends_another_session_and_nobody_elses() {
    let world = world().await;
    world.account("bob", PASSWORD).await;
    let (here, there) = (signed_in(&world).await, signed_in(&world).await);
    let bob = Browser::new(&world);
    let login = bob.get("/login").await;
    bob.press(&login, "login", &[("username", "bob"), ("password", PASSWORD)]).await;
    let subject = |name: &str| {
        let (store, name) = (world.store.clone(), name.to_owned());
        async move { store.find_account_by_username(&name).await.unwrap().unwrap().subject }
    };
    let bobs = world.store.list_sessions(Some(&subject("bob").await), None, 10).await.unwrap();
    let page = here.get("/account").await;
    let end = |id: String| {
        let (here, token) = (&here, page.hidden("form_token"));
        async move {
            let values =
                [("form_token", token.as_str()), ("session", id.as_str()), ("action", "end-session")];
            here.post("/account", &values).await
        }
    };
    end(bobs[0].session_id.clone()).await;
    assert_eq!(bob.get("/account").await.url, "/account");
    let own = world.store.list_sessions(Some(&subject("alice").await), None, 10).await.unwrap();
    assert_eq!(own.len(), 2);
    let mark = page.html.find("(this browser)").unwrap();
    let mut own: Vec<String> = own.into_iter().map(|session| session.session_id).collect();
    // The rows are sorted by time, and both began in one second: the mark tells which row is which.
    let row = page.html[mark..].find("name=\"session\" value=\"").unwrap() + mark + 22;
    let current_id = page.html[row..row + 22].to_owned();
    own.sort_by_key(|id| *id == current_id);
    for id in own {
        end(id).await;
    }
    assert!(there.get("/account").await.url.starts_with("/login"));
    assert!(here.get("/account").await.url.starts_with("/login"), "its own too");
}

#[tokio::test]
async fn rejects_a_form_without_the_sessions_token() {
    let world = world().await;
    let (here, there) = (signed_in(&world).await, signed_in(&world).await);
    let token = there.get("/account").await.hidden("form_token");
    for values in
        [vec![("action", "revoke-client")], vec![("action", "revoke-client"), ("form_token", &token)]]
    {
        assert_eq!(here.post("/account", &values).await.status, 403);
    }
}

#[tokio::test]
async fn disconnecting_a_client_ends_its_tokens_and_its_consent() {
    let world = world().await;
    let key = key();
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &key)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.introspect(token).await["active"], true);
    let browser = signed_in(&world).await;
    let page = browser.get("/account").await;
    assert!(page.element("clients").is_some() && page.html.contains("Web"), "{}", page.html);
    let values =
        [("form_token", &*page.hidden("form_token")), ("client", "web"), ("action", "revoke-client")];
    let page = browser.post("/account", &values).await;
    assert!(page.element("notice").is_some() && page.element("clients").is_none(), "{}", page.html);
    assert_eq!(world.introspect(token).await["active"], false);
    let live = GrantFilter {
        live_at: Some(bindery_core::time::UnixTime::from_seconds(world.now())),
        ..GrantFilter::default()
    };
    assert!(world.store.list_grants(&live, None, 10).await.unwrap().is_empty());
    let request_uri = world.pushed(world.push("web")).await;
    let asked = browser.get(&authorize("web", &request_uri)).await;
    assert!(asked.element("allow").is_some(), "consent is asked anew");
}

#[tokio::test]
async fn a_new_password_is_none_that_thieves_try_first() {
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), format!("{}\n", NEW.to_uppercase())).unwrap();
    let world = world_from(serde_json::json!({}), |setup| {
        setup.configuration["people"] =
            serde_json::json!({"refused_passwords_file": list.path().to_str().unwrap()});
    })
    .await;
    let here = signed_in(&world).await;
    let page = here.get("/account").await;
    let fields = [("password", PASSWORD), ("new_password", NEW), ("repeat_password", NEW)];
    let refused = here.press(&page, "change-password", &fields).await;
    assert_eq!(refused.status, 400);
    assert!(refused.html.contains("that many people use"), "{}", refused.html);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let world = world().await;
    let (here, there) = (signed_in(&world).await, signed_in(&world).await);
    let page = here.get("/account").await;
    let fields = |current: &'static str, new: &'static str, repeat: &'static str| {
        [("password", current), ("new_password", new), ("repeat_password", repeat)]
    };
    for (fields, text) in [
        (fields("wrong password", NEW, NEW), "current password is wrong"),
        (fields(PASSWORD, NEW, "another"), "differ"),
        (fields(PASSWORD, "short", "short"), "too short"),
        (fields(PASSWORD, "", ""), "that can"),
    ] {
        let refused = here.press(&page, "change-password", &fields).await;
        assert!(refused.html.contains(text), "{text}: {}", refused.html);
        assert_eq!(refused.status, 400);
    }
    let changed = here.press(&page, "change-password", &fields(PASSWORD, NEW, NEW)).await;
    assert!(changed.element("notice").is_some(), "{}", changed.html);
    assert_eq!(here.get("/account").await.url, "/account");
    assert!(there.get("/account").await.url.starts_with("/login"));
    let browser = Browser::new(&world);
    let login = browser.get("/login").await;
    sign_in(&browser, &login).await;
    assert_eq!(browser.cookie(SESSION), None, "the old password is gone");
    browser.press(&login, "login", &[("username", "alice"), ("password", NEW)]).await;
    assert!(browser.cookie(SESSION).is_some());
}
