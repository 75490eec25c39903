//! What waits for a person (CIBA Core sections 7.1 and 8): how much may wait, who may ask at all, and how the person
//! learns of it.

use bindery_authorization_server::people::accounts;
use bindery_core::time::UnixTime;
use bindery_crypto::SigningKey;
use http::Request;
use serde_json::json;

use crate::authorization::{PASSWORD, sign_in};
use crate::browser::Browser;
use crate::ciba::{GRANT, approve, phone, setup, world_with};
use crate::support::{API, Answer, Call, ISSUER, World, key};

fn refused(answer: &Answer, error: &str, reason: &str) {
    answer.error(400, error).reason(reason);
}

fn too_many(answer: &Answer, reason: &str) {
    answer.error(429, "temporarily_unavailable").reason(reason);
}

#[tokio::test]
async fn a_person_is_asked_so_much_at_once_and_no_client_crowds_out_the_others() {
    let (world, _) = world_with(json!({"ciba": {"waiting_per_person": 4}})).await;
    let ask = async |client: &str| world.send(world.usual(client)).await;
    for _ in 0..2 {
        ask("teller").await.ok();
    }
    too_many(&ask("teller").await, "too_many_for_person");
    world.advance(1);
    for _ in 0..2 {
        ask("other-teller").await.ok();
    }
    too_many(&ask("other-teller").await, "too_many_for_person");
    too_many(&ask("pinged").await, "too_many_for_person");
    // Others are asked, and an answer makes room.
    world.account("bob", PASSWORD).await;
    world.send(world.usual("teller").replacing("login_hint", "bob")).await.ok();
    approve(&world, "deny").await;
    ask("teller").await.ok();
    too_many(&ask("teller").await, "too_many_for_person");
    // And so does time.
    world.advance(120);
    ask("teller").await.ok();
}

#[tokio::test]
async fn a_client_asks_so_many_people_at_once() {
    let (world, _) = world_with(json!({"ciba": {"waiting_per_client": 3}})).await;
    for name in ["bob", "carol", "dave"] {
        world.account(name, PASSWORD).await;
    }
    let ask =
        async |client: &str, name: &str| world.send(world.usual(client).replacing("login_hint", name)).await;
    for name in ["alice", "bob", "carol"] {
        ask("teller", name).await.ok();
    }
    too_many(&ask("teller", "dave").await, "too_many_of_client");
    ask("other-teller", "dave").await.ok();
    // What is answered counts until it is fetched, and no longer.
    approve(&world, "allow").await;
    too_many(&ask("teller", "dave").await, "too_many_of_client");
    world.advance(120);
    ask("teller", "dave").await.ok();
}

#[tokio::test]
async fn bounds_that_bound_nothing_do_not_start() {
    for (member, value) in [("waiting_per_person", 0), ("waiting_per_person", 101), ("waiting_per_client", 0)]
    {
        let configuration = setup(json!({"ciba": {member: value}})).configuration;
        let error = crate::configuration::start(configuration).await.unwrap_err();
        assert!(error.contains(&format!("ciba.{member}")), "{error}");
    }
}

impl World {
    async fn give_user_code(&self, username: &str, code: &str) {
        let hash = accounts::hash_user_code(code).unwrap();
        let now = UnixTime::from_seconds(self.now());
        let change = accounts::change(&*self.store, username, now, |account| {
            account.user_code_hash = Some(hash.clone());
        });
        change.await.unwrap();
    }
}

/// A server with one more client, which asks people for their codes.
async fn coded_world() -> World {
    let mut setup = setup(json!({}));
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "coded", "client_name": "Teller", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks, "grant_types": [GRANT], "scope": "openid read", "audiences": [API],
        "backchannel_token_delivery_mode": "poll", "backchannel_user_code_parameter": true,
    }));
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world.account("bob", PASSWORD).await;
    world.give_user_code("alice", "a code of alice").await;
    world
}

#[tokio::test]
async fn a_person_with_a_code_is_asked_by_those_alone_who_send_it() {
    let world = coded_world().await;
    let with = |client: &str, code: &str| world.usual(client).with("user_code", code);
    refused(&world.send(world.usual("coded")).await, "missing_user_code", "user_code_missing");
    for wrong in ["another code", "A code of alice", "a code of alice ", PASSWORD] {
        refused(&world.send(with("coded", wrong)).await, "invalid_user_code", "user_code");
    }
    // A client that was not registered to handle codes reaches nobody who has one.
    refused(&world.send(with("teller", "a code of alice")).await, "missing_user_code", "user_code_missing");
    let waiting = phone(&world).await.get("/approve").await;
    assert!(waiting.element("allow").is_none(), "nothing of that reached the person: {}", waiting.html);
    let id = world.requested(with("coded", "a code of alice")).await;
    approve(&world, "allow").await;
    world.poll_for("coded", &id, &key()).await.ok();
    // Who has none is asked without.
    let bob = |call: Call| call.replacing("login_hint", "bob");
    world.send(bob(world.usual("teller"))).await.ok();
    world.send(bob(with("coded", "anything"))).await.ok();
}

#[tokio::test]
async fn guessing_a_persons_code_is_cut_off_whichever_client_guesses() {
    let world = coded_world().await;
    let guess = async |code: &str| world.send(world.usual("coded").with("user_code", code)).await;
    let mut statuses = Vec::new();
    for number in 0..12 {
        statuses.push(guess(&format!("guess {number}")).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[11]), (400, 429), "{statuses:?}");
    // The good code is not heard either, so that the limit tells nothing.
    assert_eq!(guess("a code of alice").await.status, 429);
    world.give_user_code("bob", "a code of bob").await;
    let bob = world.usual("coded").with("user_code", "a code of bob").replacing("login_hint", "bob");
    world.send(bob).await.ok();
    world.advance(60);
    guess("a code of alice").await.ok();
}

#[tokio::test]
async fn a_code_is_kept_as_a_hash_and_never_logged() {
    let world = coded_world().await;
    crate::logging::seen();
    for code in ["a code of alice", "not the code of alice"] {
        world.send(world.usual("coded").with("user_code", code)).await;
    }
    let account = world.store.find_account_by_username("alice").await.unwrap().unwrap();
    assert!(account.user_code_hash.as_deref().unwrap().starts_with("$argon2id$"));
    assert!(!crate::logging::seen().contains("code of alice"));
    for bad in ["", "123", "a\nb c", &"1".repeat(129)] {
        assert!(accounts::hash_user_code(bad).is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn the_account_page_shows_what_waits_and_leads_to_it() {
    let (world, _) = world_with(json!({})).await;
    let phone = phone(&world).await;
    assert!(phone.get("/account").await.element("waiting").is_none());
    world.send(world.usual("teller").replacing("binding_message", "FIRST")).await.ok();
    world.advance(1);
    world.send(world.usual("other-teller").replacing("binding_message", "SECOND")).await.ok();
    let page = phone.get("/account").await;
    assert!(page.element("waiting").is_some() && page.html.contains("FIRST"), "{}", page.html);
    // Each by its own link, in any order.
    let links: Vec<&str> = page.html.split("href=\"").filter(|rest| rest.contains("approve")).collect();
    let links: Vec<String> = links
        .iter()
        .filter_map(|rest| rest.split('"').next())
        .filter(|link| link.contains("request="))
        .map(|link| link.replace("&#x2f;", "/"))
        .collect();
    assert_eq!(links.len(), 2, "{}", page.html);
    let consent = phone.get(&links[1]).await;
    assert!(consent.html.contains("SECOND") && !consent.html.contains("FIRST"), "{}", consent.html);
    phone.press(&consent, "deny", &[]).await;
    let consent = phone.get("/approve").await;
    assert!(consent.html.contains("FIRST"), "{}", consent.html);
}

/// An application that tells people: it lists what waits for a subject, by the interaction API's own token.
async fn application(setup: &mut crate::clients::Setup) {
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "notifier", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        "grant_types": ["client_credentials"], "scope": "bindery:interactions other",
        "audiences": [format!("{ISSUER}/interactions")],
    }));
}

async fn list(world: &World, scope: &str, query: &str, proves: bool) -> Answer {
    let key = key();
    let call = Call::token("client_credentials").assertion(world.assertion("notifier")).with("scope", scope);
    let token =
        world.send(call.dpop(world.proof(&key))).await.ok()["access_token"].as_str().unwrap().to_owned();
    let stranger = SigningKey::generate(key.algorithm()).unwrap();
    let by = if proves { &key } else { &stranger };
    let proof = world.resource_proof(by, "GET", &format!("{ISSUER}/interactions"), &token);
    let request = Request::get(format!("/interactions{query}"))
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof);
    world.dispatch(request.body(axum::body::Body::empty()).unwrap(), None).await
}

#[tokio::test]
async fn an_application_learns_what_waits_for_a_person_and_leads_the_person_there() {
    let mut setup = setup(json!({}));
    application(&mut setup).await;
    let world = setup.start().await;
    let subject = world.account("alice", PASSWORD).await;
    world.account("mallory", PASSWORD).await;
    world.requested(world.usual("teller")).await;
    let query = format!("?subject={subject}");
    let listed = list(&world, "bindery:interactions", &query, true).await.ok();
    let [request] = listed["requests"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!(request["client"]["client_id"], "teller");
    assert_eq!((&request["scope"], &request["binding_message"]), (&json!("openid read"), &json!("W4SCT")));
    assert_eq!(request["expires_at"].as_i64().unwrap() - request["created_at"].as_i64().unwrap(), 120);
    let link = request["approve_uri"].as_str().unwrap();
    // Another person who follows the link is not asked, though they sign in.
    let stranger = Browser::new(&world);
    let login = stranger.get(link).await;
    let page = stranger.press(&login, "login", &[("username", "mallory"), ("password", PASSWORD)]).await;
    assert!(page.element("allow").is_none() && !page.html.contains("W4SCT"), "{}", page.html);
    // The person signs in on the way, and is.
    world.requested(world.usual("teller")).await;
    let listed = list(&world, "bindery:interactions", &query, true).await.ok();
    let link = listed["requests"][0]["approve_uri"].as_str().unwrap();
    let browser = Browser::new(&world);
    let consent = sign_in(&browser, &browser.get(link).await).await;
    assert!(consent.html.contains("W4SCT"), "{}", consent.html);
    browser.press(&consent, "allow", &[]).await;
    let gone = browser.get(link).await;
    assert!(gone.element("allow").is_none(), "{}", gone.html);
    for nonsense in ["/approve?request=", "/approve?request=x", "/approve?request=AAAA"] {
        assert!(browser.get(nonsense).await.element("allow").is_none());
    }
}

#[tokio::test]
async fn nobody_but_an_application_with_its_key_learns_what_waits() {
    let mut setup = setup(json!({}));
    application(&mut setup).await;
    let world = setup.start().await;
    let subject = world.account("alice", PASSWORD).await;
    world.requested(world.usual("teller")).await;
    let query = format!("?subject={subject}");
    let refused = |answer: Answer, status: u16| {
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
        assert!(!answer.body.to_string().contains("W4SCT"));
    };
    refused(list(&world, "other", &query, true).await, 403);
    refused(list(&world, "bindery:interactions", &query, false).await, 401);
    let nobody = Request::get(format!("/interactions{query}")).body(axum::body::Body::empty()).unwrap();
    refused(world.dispatch(nobody, None).await, 401);
    for query in ["", "?subject=", "?subject=a&subject=b", "?sub=alice"] {
        refused(list(&world, "bindery:interactions", query, true).await, 400);
    }
    let others = list(&world, "bindery:interactions", "?subject=somebody-else", true).await.ok();
    assert_eq!(others, json!({"requests": []}));
}

/// Where an application signs people in, it leads them by the link.
#[tokio::test]
async fn a_link_leads_through_the_applications_own_login() {
    const LOGIN: &str = "https://login.app.example/sign-in";
    let mut setup = setup(json!({"people": {"login": {"url": LOGIN}}}));
    application(&mut setup).await;
    let world = setup.start().await;
    let subject = world.account("alice", PASSWORD).await;
    world.requested(world.usual("teller")).await;
    let listed = list(&world, "bindery:interactions", &format!("?subject={subject}"), true).await.ok();
    let browser = Browser::new(&world);
    let page = browser.get(listed["requests"][0]["approve_uri"].as_str().unwrap()).await;
    let left_for = page.left_for.unwrap();
    assert!(left_for.starts_with(&format!("{LOGIN}?interaction=")), "{left_for}");
    assert_eq!(browser.get("/approve").await.status, 404, "there is no login here to begin with");
}
