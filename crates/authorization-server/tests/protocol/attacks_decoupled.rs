//! Attacks on requests that are answered elsewhere: device authorization (RFC 8628 section 5) and decoupled
//! authentication (CIBA). What single polls and pages do stands in `device` and `ciba`; here is what a thief, a
//! phisher and a nuisance try.

use bindery_store::record::PendingKind;
use serde_json::json;

use crate::browser::Browser;
use crate::ciba;
use crate::device;
use crate::support::{Answer, Call, key};

fn refused(answer: &Answer, error: &str, reason: &str) {
    answer.error(400, error).reason(reason);
}

/// RFC 8628 section 5.1: fresh browsers, other spellings and good codes in between are no way around the limit.
#[tokio::test]
async fn whoever_guesses_user_codes_is_counted_by_address_and_not_by_browser() {
    let world = device::world().await;
    let device = world.device(world.ask_as("tv")).await;
    let mut answers = Vec::new();
    for attempt in 0..12 {
        let browser = Browser::new(&world);
        let guess = ["BCDF-GHJK", "bcdfghjl", "BCDF GHJM", "not a code"][attempt % 4];
        answers.push(device::type_code(&browser, guess).await.status.as_u16());
    }
    assert_eq!((answers[0], answers[11]), (200, 429), "{answers:?}");
    assert_eq!(device::type_code(&Browser::new(&world), &device.user_code).await.status, 429);
}

/// RFC 8628 section 5.4, 5.5: a person who was sent a link sees whose device it is and which code it shows, before
/// there is anything to allow; nothing that stands in the link confirms anything.
#[tokio::test]
async fn a_link_confirms_nothing_and_the_page_says_which_client_asks_and_for_what() {
    let world = device::world().await;
    let device = world.device(world.ask_as("tv")).await;
    let browser = Browser::new(&world);
    let code = &device.user_code;
    for link in [
        format!("/device?user_code={code}"),
        format!("/device?user_code={code}&action=confirm"),
        format!("/device?user_code={code}&action=allow&confirm=1"),
    ] {
        let page = browser.get(&link).await;
        assert!(
            page.element("allow").is_none() && page.element("user-code").is_none(),
            "{link}: {}",
            page.html
        );
    }
    let compare = device::type_code(&browser, code).await;
    assert!(compare.html.contains("Television") && compare.html.contains(code.as_str()), "{}", compare.html);
    assert!(compare.element("allow").is_none(), "to compare comes first: {}", compare.html);
    let login = browser.press(&compare, "confirm", &[]).await;
    let consent = crate::authorization::sign_in(&browser, &login).await;
    assert!(consent.html.contains("Television") && consent.html.contains("read"), "{}", consent.html);
    assert!(consent.element("allow").is_some() && consent.element("deny").is_some());
    // Until then, the device has nothing.
    refused(&world.poll("tv", &device, &key()).await, "authorization_pending", "authorization_pending");
}

/// The page of one person's browser is worth nothing in another's.
#[tokio::test]
async fn a_consent_that_another_browser_sends_answers_for_no_device() {
    let world = device::world().await;
    let device = world.device(world.ask_as("tv")).await;
    let browser = Browser::new(&world);
    let login = device::confirm(&browser, &device.user_code).await;
    let consent = crate::authorization::sign_in(&browser, &login).await;
    let stranger = Browser::new(&world);
    stranger.get("/device").await;
    let answer = stranger.press(&consent, "allow", &[]).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    refused(&world.poll("tv", &device, &key()).await, "authorization_pending", "authorization_pending");
}

/// The user code is no device code, and a code of one kind is none of another.
#[tokio::test]
async fn what_the_person_types_is_worth_nothing_at_the_token_endpoint() {
    let world = device::world().await;
    let own = key();
    let device = world.device(world.ask_as("tv")).await;
    world.answer(&device, "allow").await;
    for code in [device.user_code.as_str(), &device.user_code.replace('-', "")] {
        let call = Call::token(device::GRANT).with("client_id", "tv").with("device_code", code);
        refused(&world.send(call.dpop(world.proof(&own))).await, "invalid_grant", "code");
    }
    let refresh = world.refresh("tv", &device.code).dpop(world.proof(&own));
    world.send(refresh).await.error(400, "invalid_grant");
    world.poll("tv", &device, &own).await.ok();
}

/// A stranger who polls with what he found neither binds the request to his key nor makes its device wait longer.
#[tokio::test]
async fn a_strangers_polls_neither_bind_nor_delay() {
    let world = device::world().await;
    let (own, thief) = (key(), key());
    let device = world.device(world.ask_as("tv")).await;
    for _ in 0..3 {
        refused(&world.poll("other-tv", &device, &thief).await, "invalid_grant", "code");
    }
    refused(&world.poll("tv", &device, &own).await, "authorization_pending", "authorization_pending");
    world.advance(5);
    for _ in 0..3 {
        refused(&world.poll("tv", &device, &thief).await, "invalid_grant", "code_binding");
    }
    refused(&world.poll("tv", &device, &own).await, "authorization_pending", "authorization_pending");
    world.answer(&device, "allow").await;
    refused(&world.poll("tv", &device, &thief).await, "invalid_grant", "code_binding");
    world.poll("tv", &device, &own).await.ok();
}

#[tokio::test]
async fn a_strangers_polls_of_an_authentication_neither_bind_nor_delay() {
    let (world, _) = ciba::world_with(json!({})).await;
    let (own, thief) = (key(), key());
    let id = world.requested(world.usual("teller")).await;
    for _ in 0..3 {
        refused(&world.poll_for("other-teller", &id, &thief).await, "invalid_grant", "code");
    }
    refused(&world.poll_for("teller", &id, &own).await, "authorization_pending", "authorization_pending");
    world.advance(5);
    refused(&world.poll_for("teller", &id, &thief).await, "invalid_grant", "code_binding");
    refused(&world.poll_for("teller", &id, &own).await, "authorization_pending", "authorization_pending");
    ciba::approve(&world, "allow").await;
    world.poll_for("teller", &id, &own).await.ok();
    // Once, whoever asks and with whatever key.
    for (client, key) in [("teller", &own), ("teller", &thief), ("other-teller", &own)] {
        let answer = world.poll_for(client, &id, key).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!("invalid_grant")));
    }
}

/// CIBA Core section 10.2: the address is the registered one, whatever a request says.
#[tokio::test]
async fn a_ping_goes_to_the_registered_address_and_to_who_wants_one() {
    let (world, pings) = ciba::world_with(json!({})).await;
    let evil = "https://evil.example/ping";
    let with_evil = |client: &str| {
        ["backchannel_client_notification_endpoint", "client_notification_endpoint", "redirect_uri"]
            .iter()
            .fold(world.usual(client), |call, name| call.with(name, evil))
    };
    // One that polls is never called, though it gave a token.
    world.requested(with_evil("teller")).await;
    ciba::approve(&world, "allow").await;
    world.requested(with_evil("pinged")).await;
    ciba::approve(&world, "allow").await;
    world.server.deliver_pings().await.unwrap();
    let told: Vec<_> = pings.told().into_iter().map(|(uri, ..)| uri).collect();
    assert_eq!(told, ["https://client.example/ping"]);
}

/// Whoever reads the log, the audit trail, the store or the person's page learns neither of the two secrets.
#[tokio::test]
async fn the_notification_token_and_the_request_identifier_are_told_to_their_client_alone() {
    let (world, pings) = ciba::world_with(json!({})).await;
    let token = "a-token-that-only-the-client-knows-0123456789";
    let id = world.requested(world.usual("pinged").replacing("client_notification_token", token)).await;
    let stored = world.store.list_pending(PendingKind::BackchannelRequest, None, 10).await.unwrap();
    let mut seen: Vec<String> = stored.iter().map(|record| record.payload.to_string()).collect();
    let page = ciba::phone(&world).await.get("/approve").await;
    seen.push(page.html);
    seen.push(format!("{:?}", page.headers));
    ciba::approve(&world, "allow").await;
    let queued = world.store.list_pending(PendingKind::BackchannelPing, None, 10).await.unwrap();
    assert_eq!(queued.len(), 1);
    seen.extend(queued.iter().map(|record| record.payload.to_string()));
    world.server.deliver_pings().await.unwrap();
    let (_, bearer, body) = pings.told().pop().unwrap();
    assert_eq!((bearer.as_str(), body), (token, json!({"auth_req_id": id})));
    world.server.flush_audit().await;
    let filter = bindery_store::record::AuditFilter::default();
    seen.extend(
        world.store.list_audit(&filter, None, 100).await.unwrap().iter().map(|one| one.fields.to_string()),
    );
    seen.push(crate::logging::seen());
    assert!(seen.iter().any(|text| text.contains("backchannel_requested")), "the log was looked at");
    for text in seen {
        assert!(!text.contains(token) && !text.contains(&id), "{text}");
    }
}
