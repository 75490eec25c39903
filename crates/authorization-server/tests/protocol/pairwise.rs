//! Pairwise names (OpenID Connect Core section 8): two clients of different sectors find out nothing of a person that
//! they could compare, by none of the ways in which a client is told of people.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::authorization::{CALLBACK, authorize, sign_in, world_from, world_with};
use crate::browser::Browser;
use crate::logout::{Receiver, TOLD, said_in};
use crate::support::{API, Call, World, claims, key};

const FAR: &str = "https://far.example/callback";

/// `web` and `far`, of two sectors, both told of logouts.
async fn two_sectors() -> (World, Arc<Receiver>) {
    let receiver = Arc::new(Receiver::default());
    receiver.answering(Some(200));
    let members = json!({"subject_type": "pairwise", "consent": "implied", "backchannel_logout_uri": TOLD});
    let world = world_from(members.clone(), |setup| {
        setup.outbound = Some(receiver.clone());
        let mut far = json!({
            "client_id": "far", "token_endpoint_auth_method": "private_key_jwt", "redirect_uris": [FAR],
            "jwks": {"keys": [setup.assertion_key.public_key().to_jwk()]}, "scope": "openid read",
            "grant_types": ["authorization_code"], "audiences": [API],
        });
        crate::support::merge(&mut far, &members);
        setup.configuration["client"].as_array_mut().unwrap().push(far);
    });
    (world.await, receiver)
}

/// The ID token that a client gets for whoever is signed in at the browser.
async fn id_token(world: &World, browser: &Browser<'_>, client_id: &str) -> String {
    let redirect_uri = if client_id == "far" { FAR } else { CALLBACK };
    let request_uri = world.pushed(world.push(client_id).replacing("redirect_uri", redirect_uri)).await;
    let mut page = browser.get(&authorize(client_id, &request_uri)).await;
    if page.left_for.is_none() {
        page = sign_in(browser, &page).await;
    }
    let redeem = world.redeem(client_id, &page.answer("code").unwrap(), &key());
    let tokens = world.send(redeem.replacing("redirect_uri", redirect_uri)).await.ok();
    tokens["id_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rejects_a_sid_that_two_sectors_can_compare() {
    let (world, receiver) = two_sectors().await;
    let browser = Browser::new(&world);
    let web = id_token(&world, &browser, "web").await;
    let [first, again, far] = [
        said_in(&web),
        said_in(&id_token(&world, &browser, "web").await),
        said_in(&id_token(&world, &browser, "far").await),
    ];
    for name in ["sub", "sid"] {
        assert!(first[name].is_string());
        assert_eq!(first[name], again[name], "{name}: a client knows its own again");
        assert_ne!(first[name], far[name], "{name}: and nobody else's");
    }
    let sessions = world.store.list_sessions(None, None, 10).await.unwrap();
    let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
    assert!(first["sid"] != session.session_id && far["sid"] != session.session_id);
    // Its own client is still believed with it, and told of the end by it.
    let page = browser.get(&format!("/end_session?id_token_hint={web}")).await;
    assert!(page.element("logout").is_none(), "no question: {}", page.html);
    assert!(world.store.list_sessions(None, None, 10).await.unwrap()[0].ended_at.is_some());
    world.server.deliver_logouts().await.unwrap();
    let told: Vec<Value> = receiver
        .told()
        .iter()
        .map(|(_, body)| said_in(body.strip_prefix("logout_token=").unwrap()))
        .collect();
    assert_eq!(told.len(), 2);
    for known in [&first, &far] {
        let token = told.iter().find(|token| token["aud"] == known["aud"]).unwrap();
        assert_eq!((&token["sid"], &token["sub"]), (&known["sid"], &known["sub"]));
    }
}

#[tokio::test]
async fn rejects_to_tell_a_pairwise_client_the_persons_own_name() {
    let world = world_with(json!({"subject_type": "pairwise"})).await;
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    let subject = claims(&tokens["id_token"])["sub"].clone();
    for token in ["access_token", "refresh_token"] {
        let call = Call::to("/introspect").with("token", tokens[token].as_str().unwrap());
        let said = world.send(call.assertion(world.assertion("web"))).await.ok();
        assert_eq!((&said["active"], &said["sub"]), (&json!(true), &subject), "{token}");
    }
}
