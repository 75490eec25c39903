//! WebSockets: the guard admits the handshake or nobody gets through; what is admitted is an open tunnel that
//! a shutdown knows of.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::handshake::client::{Response, generate_key};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::application::SOON;
use crate::scene::{Scene, proven};

type Socket = WebSocketStream<TlsStream<TcpStream>>;

async fn connect(scene: &Scene, request: http::request::Builder) -> Result<(Socket, Response), Error> {
    let request = request
        .header("host", "api.example")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key())
        .body(())
        .unwrap();
    client_async(request, scene.tls(None, b"http/1.1").await).await
}

async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
    let echo = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(echo.into_text().unwrap().as_str(), text);
}

fn refused(result: Result<(Socket, Response), Error>) -> StatusCode {
    match result {
        Err(Error::Http(response)) => response.status(),
        Err(other) => panic!("{other}"),
        Ok(_) => StatusCode::SWITCHING_PROTOCOLS,
    }
}

#[tokio::test]
async fn a_proven_handshake_opens_a_tunnel_and_an_unproven_one_does_not() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let url = |path: &str| format!("wss://api.example{path}");
    let request = |path: &str| {
        Request::get(url(path))
            .header("authorization", format!("DPoP {token}"))
            .header("bindery-subject", "admin")
    };
    let proof = client.proof("GET", "/websocket", &token);
    let (mut socket, response) = connect(&scene, request("/websocket").header("dpop", &proof)).await.unwrap();
    assert_eq!(response.headers()["seen-subject"], "alice");
    say(&mut socket, "hello").await;
    say(&mut socket, &"x".repeat(100_000)).await;
    assert_eq!(scene.gateway.open_tunnels(), 1);

    let replayed = connect(&scene, request("/websocket").header("dpop", &proof)).await;
    assert_eq!(refused(replayed), StatusCode::UNAUTHORIZED);
    assert_eq!(refused(connect(&scene, request("/websocket")).await), StatusCode::UNAUTHORIZED);
    let bearer = Request::get(url("/websocket")).header("authorization", format!("Bearer {token}"));
    assert_eq!(refused(connect(&scene, bearer).await), StatusCode::UNAUTHORIZED);
    let elsewhere = client.proof("GET", "/other", &token);
    let elsewhere = connect(&scene, request("/websocket").header("dpop", elsewhere)).await;
    assert_eq!(refused(elsewhere), StatusCode::UNAUTHORIZED);
    assert_eq!(scene.gateway.open_tunnels(), 1);

    socket.close(None).await.unwrap();
    while timeout(SOON, socket.next()).await.unwrap().is_some_and(|message| message.is_ok()) {}
    drop(socket);
    timeout(SOON, scene.gateway.shut_down(SOON)).await.unwrap();
    assert_eq!(scene.gateway.open_tunnels(), 0);
}

#[tokio::test]
async fn a_watched_route_lets_the_handshake_through_without_identity() {
    let scene = Scene::new();
    let request = Request::get("wss://api.example/observed/websocket").header("bindery-subject", "admin");
    let (mut socket, response) = connect(&scene, request).await.unwrap();
    assert!(!response.headers().contains_key("seen-subject"));
    say(&mut socket, "hello").await;
}

#[tokio::test]
async fn a_shutdown_waits_for_tunnels_and_cuts_them_when_the_grace_is_over() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let proof = client.proof("GET", "/websocket", &token);
    let request = Request::get("wss://api.example/websocket")
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof);
    let (mut socket, _) = connect(&scene, request).await.unwrap();
    say(&mut socket, "hello").await;
    let gateway = scene.gateway.clone();
    let shutdown = tokio::spawn(async move { gateway.shut_down(Duration::from_secs(1)).await });
    say(&mut socket, "still open").await;
    timeout(SOON, shutdown).await.unwrap().unwrap();
    assert_eq!(scene.gateway.open_tunnels(), 0);
    assert!(timeout(SOON, socket.next()).await.unwrap().is_none_or(|message| message.is_err()));
}

#[tokio::test]
async fn a_silent_tunnel_is_closed() {
    let scene = Scene::with("", "tunnel_idle_timeout_seconds = 1\n");
    let (client, token) = scene.client();
    let proof = client.proof("GET", "/websocket", &token);
    let request = Request::get("wss://api.example/websocket")
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof);
    let (mut socket, _) = connect(&scene, request).await.unwrap();
    say(&mut socket, "hello").await;
    assert!(timeout(SOON, socket.next()).await.unwrap().is_none_or(|message| message.is_err()));
}

#[tokio::test]
async fn other_upgrades_are_plain_requests() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    for protocol in ["h2c", "websocket, h2c", "TLS/1.0"] {
        let request = proven(&client, "GET", "/x", &token)
            .header("connection", "upgrade, http2-settings")
            .header("http2-settings", "AAMAAABkAAQAAP__")
            .header("upgrade", protocol);
        let answer = scene.send(request).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.received("upgrade").is_empty() && answer.received("connection").is_empty());
    }
}

#[tokio::test]
async fn a_tunnel_ends_with_its_token_on_request() {
    let scene = Scene::with("", "tunnels_end_with_token = true\n");
    let (client, _) = scene.client();
    let mut claims = scene.issuer.claims(client.cnf());
    claims.insert("exp".into(), (crate::world::START.as_seconds() + 1).into());
    let token = scene.issuer.sign(&claims);
    let proof = client.proof("GET", "/websocket", &token);
    let request = Request::get("wss://api.example/websocket")
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof);
    let (mut socket, _) = connect(&scene, request).await.unwrap();
    say(&mut socket, "hello").await;
    assert!(timeout(SOON, socket.next()).await.unwrap().is_none_or(|message| message.is_err()));
}
