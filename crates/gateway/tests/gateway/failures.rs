//! When the application or the client fails: a fixed answer, in time, and nothing said twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::application::SOON;
use crate::scene::{Scene, by_hand, proven};
use crate::world::{Authority, any_port};

#[tokio::test]
async fn an_application_that_is_down_means_502() {
    let closed = std::net::TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let authority = Arc::new(Authority::new());
    let scene = Scene::in_front_of(&authority, &format!("http://{closed}"), "", "");
    let (client, token) = scene.client();
    let answer = scene.send(proven(&client, "GET", "/x", &token)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.json()["error"], "server_error");
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    assert!(!answer.text.contains(&closed.port().to_string()), "{}", answer.text);
}

#[tokio::test]
async fn an_application_that_never_answers_means_504() {
    let scene = Scene::with("", "response_timeout_seconds = 1\n");
    let (client, token) = scene.client();
    let answer = timeout(SOON, scene.send(proven(&client, "GET", "/never", &token))).await.unwrap();
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn a_response_that_breaks_off_or_falls_silent_does_not_look_whole() {
    let scene = Scene::with("", "idle_timeout_seconds = 1\n");
    let (client, token) = scene.client();
    for path in ["/breaks", "/stalls"] {
        let (sender, body) = by_hand();
        let request = proven(&client, "POST", path, &token).header("host", "api.example").body(body).unwrap();
        let response = scene.http1(None).await.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut back = response.into_body().into_data_stream();
        assert_eq!(timeout(SOON, back.next()).await.unwrap().unwrap().unwrap(), "some");
        drop(sender);
        assert!(timeout(SOON, back.next()).await.unwrap().unwrap().is_err(), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_falls_silent_in_its_body_is_told_408() {
    let scene = Scene::with("", "idle_timeout_seconds = 1\n");
    let (client, token) = scene.client();
    let some = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from("some"))]);
    let body = Body::from_stream(some.chain(futures_util::stream::pending()));
    let request = proven(&client, "POST", "/count", &token);
    let answer = timeout(SOON, scene.send_body(request, body)).await.unwrap();
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not() {
    let scene = Scene::with("", "maximum_body_bytes = 1000\n");
    let (client, token) = scene.client();
    let told = scene.send_body(proven(&client, "POST", "/count", &token), Body::from(vec![0; 1001])).await;
    assert_eq!(told.status, StatusCode::PAYLOAD_TOO_LARGE);
    let stream = || {
        futures_util::stream::iter(
            (0..11).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from(vec![0; 100]))),
        )
    };
    let untold = Body::from_stream(stream());
    let untold = scene.send_body(proven(&client, "POST", "/count", &token), untold).await;
    assert_eq!(untold.status, StatusCode::PAYLOAD_TOO_LARGE);
    let within = Body::from_stream(stream().take(10));
    let within = scene.send_body(proven(&client, "POST", "/count", &token), within).await;
    assert_eq!(within.text, "1000");
}

/// An application that reads one request per connection and hangs up without an answer.
#[tokio::test]
async fn a_request_whose_bytes_were_written_is_not_sent_again() {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut served = false;
                let mut buffer = vec![0; 65_536];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    counter.fetch_add(1, Ordering::SeqCst);
                    assert!(length > 0);
                    if served {
                        return;
                    }
                    served = true;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                }
            });
        }
    });
    let scene = Scene::in_front_of(&Arc::new(Authority::new()), &format!("http://{address}"), "", "");
    let (client, token) = scene.client();
    assert_eq!(scene.send(proven(&client, "POST", "/x", &token)).await.text, "ok");
    // The second request goes over the kept connection, is read, and gets no answer.
    let answer = scene.send(proven(&client, "POST", "/x", &token)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_application_that_does_not_speak_http_means_502() {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"SSH-2.0-nothing\r\n\r\n").await;
        }
    });
    let scene = Scene::in_front_of(&Arc::new(Authority::new()), &format!("http://{address}"), "", "");
    let (client, token) = scene.client();
    let answer = scene.send(proven(&client, "GET", "/x", &token)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn an_upgrade_that_nobody_asked_for_is_not_passed_on() {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 65_536];
            let _ = stream.read(&mut buffer).await;
            let switch = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
            let _ = stream.write_all(switch).await;
        }
    });
    let scene = Scene::in_front_of(&Arc::new(Authority::new()), &format!("http://{address}"), "", "");
    let (client, token) = scene.client();
    let answer = scene.send(proven(&client, "GET", "/x", &token)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
}
