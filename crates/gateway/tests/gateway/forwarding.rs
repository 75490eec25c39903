//! Requests and responses go through as they are, as they come, over either HTTP version.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bindery_http::ClientCertificates;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::json;
use tokio::time::timeout;

use crate::application::SOON;
use crate::scene::{Answer, Scene, by_hand, proven};
use crate::world::Authority;

#[tokio::test]
async fn each_chunk_comes_back_before_the_next_one_is_sent() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    for version in [1, 2] {
        let (sender, body) = by_hand();
        let request = proven(&client, "POST", "https://api.example/echo", &token);
        let answer = match version {
            1 => {
                let request = request.uri("/echo").header("host", "api.example").body(body).unwrap();
                let mut connection = scene.http1(None).await;
                tokio::spawn(async move { connection.send_request(request).await })
            }
            _ => {
                let mut connection = scene.http2().await;
                tokio::spawn(async move { connection.send_request(request.body(body).unwrap()).await })
            }
        };
        sender.send("one").await.unwrap();
        let response = timeout(SOON, answer).await.unwrap().unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut back = response.into_body().into_data_stream();
        assert_eq!(timeout(SOON, back.next()).await.unwrap().unwrap().unwrap(), "one");
        for chunk in ["two", "three"] {
            sender.send(chunk).await.unwrap();
            assert_eq!(timeout(SOON, back.next()).await.unwrap().unwrap().unwrap(), chunk);
        }
        drop(sender);
        // HTTP/2 may end with an empty frame.
        while let Some(rest) = timeout(SOON, back.next()).await.unwrap() {
            assert!(rest.unwrap().is_empty(), "HTTP/{version}");
        }
    }
}

#[tokio::test]
async fn method_target_and_body_arrive_unchanged() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    for (method, target) in [
        ("GET", "/a/b?x=1&y=%2F&z=a+b"),
        ("DELETE", "/caf%C3%A9/%7Euser;v=1"),
        ("PATCH", "/trailing/"),
        ("REPORT", "/?"),
        ("OPTIONS", "/options"),
    ] {
        let answer = scene.send(proven(&client, method, target, &token)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.json()["method"], method);
        assert_eq!(answer.json()["target"], target);
    }
    let request = proven(&client, "POST", "/echo", &token);
    assert_eq!(scene.send_body(request, Body::from("a body")).await.text, "a body");
    let answer = scene.send(proven(&client, "HEAD", "/x", &token)).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""));
    assert!(answer.headers.contains_key("content-length"));
}

#[tokio::test]
async fn http2_clients_reach_an_http1_application() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let mut connection = scene.http2().await;
    for _ in 0..3 {
        let request = proven(&client, "GET", "https://api.example/report", &token);
        let response = connection.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
        let answer = Answer::of(response).await;
        assert_eq!(answer.json()["version"], "HTTP/1.1");
        assert_eq!(answer.received("bindery-subject"), ["alice"]);
    }
}

/// An application behind TLS, with the certificate of `authority`.
fn behind_tls(authority: &Authority) -> String {
    let listener = authority.listen(ClientCertificates::Asked);
    let url = format!("https://localhost:{}", listener.local_address().port());
    let report = |axum::Extension(peer): axum::Extension<bindery_http::Peer>, request: Request<Body>| async move {
        let certificate = peer.certificate.certificate().map(|held| held.thumbprint().to_string());
        let version = format!("{:?}", request.version());
        let authority = request.uri().authority().map(ToString::to_string);
        let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
        let name = peer.server_name.as_deref().map(ToOwned::to_owned);
        axum::Json(json!({
            "version": version, "certificate": certificate, "authority": authority, "host": host, "name": name,
        }))
    };
    tokio::spawn(listener.serve(axum::Router::new().fallback(report)));
    url
}

#[tokio::test]
async fn a_tls_application_is_spoken_to_in_http2_with_the_gateway_s_own_certificate() {
    let authority = Arc::new(Authority::new());
    let own = authority.issue("gateway.example");
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let options = format!(
        "host = \"orders.internal\"\nroots_file = \"{}\"\ncertificate_file = \"{}\"\nkey_file = \"{}\"\n",
        file("roots", &authority.root),
        file("certificate", &own.certificate),
        file("key", &own.key),
    );
    let scene = Scene::in_front_of(&authority, &behind_tls(&authority), "", &options);
    let (client, token) = scene.client();
    let answer = scene.send(proven(&client, "GET", "/", &token)).await;
    // One name in both places, and the certificate verified against the one in the URL.
    let expected = json!({
        "version": "HTTP/2.0", "certificate": own.thumbprint(), "authority": "orders.internal",
        "host": "orders.internal", "name": "localhost",
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_tls_application_that_other_roots_vouch_for_is_not_spoken_to() {
    let (authority, other) = (Arc::new(Authority::new()), Authority::new());
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots");
    std::fs::write(&roots, &other.root).unwrap();
    let options = format!("roots_file = \"{}\"\n", roots.display());
    let scene = Scene::in_front_of(&authority, &behind_tls(&authority), "", &options);
    let (client, token) = scene.client();
    let answer = scene.send(proven(&client, "GET", "/", &token)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_megabytes_pass_and_an_application_that_does_not_read_holds_the_client_back() {
    const CHUNKS: usize = 800;
    const CHUNK: &[u8] = &[7; 65_536];
    let (go, gone) = tokio::sync::watch::channel(false);
    let slow = axum::Router::new().fallback(move |body: Body| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|go| *go).await.unwrap();
            let mut bytes = 0;
            let mut stream = body.into_data_stream();
            while let Some(Ok(chunk)) = stream.next().await {
                bytes += chunk.len();
            }
            bytes.to_string()
        }
    });
    let scene = Scene::before(slow, "", "");
    let (client, token) = scene.client();
    let produced = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&produced);
    let chunks = futures_util::stream::iter(0..CHUNKS).map(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::convert::Infallible>(Bytes::from_static(CHUNK))
    });
    let request = proven(&client, "POST", "/", &token)
        .header("host", "api.example")
        .header("expect", "100-continue")
        .body(Body::from_stream(chunks))
        .unwrap();
    let mut connection = scene.http1(None).await;
    let mut answer =
        tokio::spawn(async move { Answer::of(connection.send_request(request).await.unwrap()).await });
    // Sockets and windows hold some of it; the gateway adds no memory of its own.
    assert!(timeout(Duration::from_millis(700), &mut answer).await.is_err());
    let held = produced.load(Ordering::SeqCst) * CHUNK.len();
    assert!(held > 0 && held < 24 * 1024 * 1024, "{held} bytes left the client while nobody read");
    go.send_replace(true);
    let answer = timeout(SOON, answer).await.unwrap().unwrap();
    assert_eq!(answer.text, (CHUNKS * CHUNK.len()).to_string());
}

#[tokio::test]
async fn trailers_pass_both_ways_without_what_only_headers_may_say() {
    let scene = Scene::with("strip_headers = [\"x-estate-user\"]", "");
    let (client, token) = scene.client();
    let mut trailers = HeaderMap::new();
    for name in [
        "x-checksum",
        "bindery-subject",
        "authorization",
        "x-forwarded-for",
        "content-length",
        "x-estate-user",
        "x_estate_user",
    ] {
        trailers.insert(name, HeaderValue::from_static("1"));
    }
    let frames =
        [Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from("x"))), Ok(Frame::trailers(trailers))];
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    let request = proven(&client, "POST", "https://api.example/trailers", &token)
        .header("te", "trailers")
        .header("trailer", "x-checksum, bindery-subject, authorization, x-forwarded-for")
        .body(body)
        .unwrap();
    let answer = Answer::of(scene.http2().await.send_request(request).await.unwrap()).await;
    assert_eq!(answer.all("came"), ["x-checksum"]);
    assert_eq!(answer.all("te-came"), ["trailers"]);
    let trailers = answer.trailers.unwrap();
    assert_eq!(trailers.keys().collect::<Vec<_>>(), ["grpc-status"]);
}

#[tokio::test]
async fn a_refused_request_is_answered_before_its_body_is_asked_for() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let (sender, body) = by_hand();
    let request = proven(&client, "POST", "/elsewhere", &token)
        .uri("/count")
        .header("host", "api.example")
        .header("expect", "100-continue")
        .body(body)
        .unwrap();
    let answer = scene.http1(None).await.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    drop(sender);
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let mut connection = scene.http1(None).await;
    for round in 0..20 {
        let request = proven(&client, "POST", "/echo", &token).header("host", "api.example");
        let request = request.body(Body::from(round.to_string())).unwrap();
        connection.ready().await.unwrap();
        let answer = Answer::of(connection.send_request(request).await.unwrap()).await;
        assert_eq!(answer.text, round.to_string());
    }
}

#[tokio::test]
async fn an_application_without_tls_is_spoken_to_in_http2_on_request() {
    let scene = Scene::with("", "http2_prior_knowledge = true\n");
    let (client, token) = scene.client();
    let answer = scene.send(proven(&client, "GET", "/x", &token).header("te", "trailers")).await;
    assert_eq!(answer.json()["version"], "HTTP/2.0");
    assert_eq!(answer.received("te"), ["trailers"]);
}

#[tokio::test]
async fn cookies_that_http2_split_arrive_on_one_line() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let request = proven(&client, "GET", "https://api.example/x", &token)
        .header("cookie", "a=b")
        .header("cookie", "c=d")
        .body(Body::empty())
        .unwrap();
    let answer = Answer::of(scene.http2().await.send_request(request).await.unwrap()).await;
    assert_eq!(answer.received("cookie"), ["a=b; c=d"]);
    assert_eq!(answer.received("via"), ["2 bindery"]);
}
