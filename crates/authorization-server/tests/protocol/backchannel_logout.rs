//! Who is told of the end of a session, with what, how often, and by which way (OpenID Connect Back-Channel
//! Logout 1.0).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::routing::post;
use bindery_authorization_server::people::accounts::{self, AccessEnded};
use bindery_authorization_server::{ClientKeysConfiguration, HttpOutbound};
use bindery_core::encoding::base64url;
use bindery_core::time::UnixTime;
use bindery_http::ClientCertificates;
use bindery_http::listener::{Limits, Listener};
use bindery_http::tls::ServerTls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::clients::Setup;
use crate::logout::{TOLD, ask, is_refused, said_in, scene, start};
use crate::support::ISSUER;

#[tokio::test]
async fn every_client_of_the_session_is_told_once_and_no_other() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let web = scene.tokens(&browser, "web", "openid read").await;
    scene.tokens(&browser, "web", "openid read").await;
    scene.tokens(&browser, "quiet", "openid read").await;
    scene.tokens(&Browser::new(&scene.world), "other-web", "openid read").await;
    browser.get(&ask(&[("id_token_hint", &web.id_token)])).await;
    scene.world.server.deliver_logouts().await.unwrap();
    scene.world.server.deliver_logouts().await.unwrap();
    let told = scene.receiver.told();
    let [(uri, body)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(uri, TOLD);
    let token = body.strip_prefix("logout_token=").unwrap();
    let header: Value =
        serde_json::from_slice(&base64url::decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("logout+jwt"), Some("ES256")));
    let keys = scene.world.server.jwk_set()["keys"].clone();
    assert!(keys.as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]));
    let said = said_in(token);
    let identity = web.claims();
    for name in ["iss", "aud", "sub", "sid"] {
        assert_eq!(said[name], identity[name], "{name}");
    }
    assert_eq!(said["iss"], ISSUER);
    assert_eq!(said["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    assert!(said["jti"].is_string() && said.get("nonce").is_none());
    assert!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap() <= 120);
    // It is no ID token: nobody is signed out by it.
    scene.tokens(&browser, "web", "openid read").await;
    is_refused(&browser.get(&ask(&[("id_token_hint", token)])).await);
}

#[tokio::test]
async fn a_client_that_cannot_be_reached_is_told_later_and_not_for_ever() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let web = scene.tokens(&browser, "web", "openid read").await;
    scene.receiver.answering(None);
    browser.get(&ask(&[("id_token_hint", &web.id_token)])).await;
    let mut attempts = Vec::new();
    for _ in 0..400 {
        let before = scene.receiver.told().len();
        scene.world.server.deliver_logouts().await.unwrap();
        attempts.push(scene.receiver.told().len() - before);
        scene.world.advance(10);
    }
    assert_eq!(attempts.iter().sum::<usize>(), 7, "few");
    assert!(attempts.iter().all(|made| *made <= 1) && attempts[2] == 0 && attempts[1] == 1, "ever rarer");
    let identifiers: std::collections::BTreeSet<_> = scene
        .receiver
        .told()
        .iter()
        .map(|(_, body)| said_in(body.strip_prefix("logout_token=").unwrap())["jti"].to_string())
        .collect();
    assert_eq!(identifiers.len(), 7, "each attempt has a token of its own");
}

#[tokio::test]
async fn a_message_waits_in_the_store_for_whoever_comes_next_and_is_sent_by_one() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let web = scene.tokens(&browser, "web", "openid read").await;
    scene.receiver.answering(Some(503));
    browser.get(&ask(&[("id_token_hint", &web.id_token)])).await;
    scene.world.server.deliver_logouts().await.unwrap();
    scene.receiver.answering(Some(204));
    scene.world.advance(60);
    // As after a restart: two other processes on the same store.
    let (one, two) = (scene.another().await, scene.another().await);
    let (first, second) = tokio::join!(one.deliver_logouts(), two.deliver_logouts());
    first.unwrap();
    second.unwrap();
    assert_eq!(scene.receiver.told().len(), 2);
    scene.world.advance(600);
    scene.world.server.deliver_logouts().await.unwrap();
    assert_eq!(scene.receiver.told().len(), 2, "it has been taken");
}

/// A command beside the server ends what a person holds; the running server tells the clients of it.
#[tokio::test]
async fn a_command_that_ends_a_persons_sessions_leaves_it_to_the_server_to_tell_their_clients() {
    for ended in [AccessEnded::Everything, AccessEnded::Allowed] {
        let scene = scene().await;
        let browser = Browser::new(&scene.world);
        let web = scene.tokens(&browser, "web", "openid read").await;
        scene.tokens(&browser, "quiet", "openid read").await;
        let elsewhere = scene.tokens(&Browser::new(&scene.world), "other-web", "openid read").await;
        let account = scene.world.store.find_account_by_username("alice").await.unwrap().unwrap();
        let now = UnixTime::from_seconds(scene.world.now());
        accounts::end_access(&*scene.world.store, &account.subject, ended, now).await.unwrap();
        assert!(scene.receiver.told().is_empty(), "the command calls nobody");
        // As by a server that starts afterwards, and by one that runs.
        let another = scene.another().await;
        another.deliver_logouts().await.unwrap();
        scene.world.server.deliver_logouts().await.unwrap();
        let told = scene.receiver.told();
        let mut sessions: Vec<_> = told
            .iter()
            .map(|(_, body)| said_in(body.strip_prefix("logout_token=").unwrap())["sid"].to_string())
            .collect();
        let mut expected = vec![web.claims()["sid"].to_string(), elsewhere.claims()["sid"].to_string()];
        sessions.sort();
        expected.sort();
        assert_eq!(sessions, expected, "each session's client once, and `quiet` not at all");
        assert!(!scene.refreshes("web", &web).await, "what was granted in a session ends with it");
        // Once more does nothing more.
        accounts::end_access(&*scene.world.store, &account.subject, ended, now).await.unwrap();
        scene.world.server.deliver_logouts().await.unwrap();
        assert_eq!(scene.receiver.told().len(), 2);
    }
}

#[tokio::test]
async fn a_client_that_says_no_is_not_asked_again() {
    let scene = scene().await;
    let browser = Browser::new(&scene.world);
    let web = scene.tokens(&browser, "web", "openid read").await;
    scene.receiver.answering(Some(400));
    browser.get(&ask(&[("id_token_hint", &web.id_token)])).await;
    for _ in 0..10 {
        scene.world.server.deliver_logouts().await.unwrap();
        scene.world.advance(600);
    }
    assert_eq!(scene.receiver.told().len(), 1);
}

/// The whole way over a real connection, by the client that guards against private addresses.
#[tokio::test]
async fn a_logout_token_arrives_over_https() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = ServerTls::from_pem(
        cert.pem().as_bytes(),
        signing_key.serialize_pem().as_bytes(),
        ClientCertificates::NotAsked,
    );
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = Listener::tls(address, tls.unwrap(), Limits::default()).unwrap();
    let uri = format!("https://localhost:{}/backchannel", listener.local_address().port());
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let answer = post(async move |Form(form): Form<Vec<(String, String)>>| {
        sender.send(form).unwrap();
    });
    tokio::spawn(listener.serve(axum::Router::new().route("/backchannel", answer)));
    let roots = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(roots.path(), cert.pem()).unwrap();
    let configuration = |hosts: Vec<String>| ClientKeysConfiguration {
        roots_file: Some(roots.path().to_owned()),
        dangerous_private_hosts: hosts,
        ..ClientKeysConfiguration::default()
    };
    for (hosts, arrives) in [(vec!["localhost".to_owned()], true), (Vec::new(), false)] {
        let mut setup = Setup::new();
        setup.outbound = Some(Arc::new(HttpOutbound::new(&configuration(hosts)).unwrap()));
        let scene = start(setup, &uri, Arc::default()).await;
        let browser = Browser::new(&scene.world);
        let web = scene.tokens(&browser, "web", "openid read").await;
        browser.get(&ask(&[("id_token_hint", &web.id_token)])).await;
        scene.world.server.deliver_logouts().await.unwrap();
        let form =
            tokio::time::timeout(Duration::from_secs(if arrives { 10 } else { 0 }), received.recv()).await;
        assert_eq!(form.is_ok(), arrives, "nobody makes the server call its own network");
        if let Ok(Some(form)) = form {
            let [(name, token)] = form.as_slice() else { panic!("{form:?}") };
            assert_eq!(name, "logout_token");
            assert_eq!(said_in(token)["sid"], web.claims()["sid"]);
        }
    }
}
