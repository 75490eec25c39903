//! The listener over real sockets.

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::loopback::{any_port, header, says_its_peer, self_signed, start};
use crate::peer::ApplicationProtocol::{Http1, Http2};
use crate::tls::ClientCertificates::{Asked, NotAsked};

fn impatient() -> Limits {
    Limits {
        handshake_timeout: Duration::from_millis(150),
        header_timeout: Duration::from_millis(150),
        ..Limits::default()
    }
}

/// Reads until the other side closes; a reset counts as closed.
async fn read_to_close(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes));
    let _ = read.await.expect("the server keeps the connection open");
    bytes
}

#[tokio::test]
async fn every_request_carries_the_certificate_of_its_handshake_over_both_protocols() {
    let server = start(Asked, Limits::default(), says_its_peer());
    let issued = server.authority.issue("client.example");
    for (protocol, name) in [(Http1, "http1"), (Http2, "http2")] {
        let response = server.get(server.client(Some(&issued)), protocol).await.unwrap();
        assert_eq!(header(&response, "certificate"), issued.thumbprint().to_string());
        assert_eq!(header(&response, "protocol"), name);
        assert_eq!(header(&response, "name"), "localhost");
        let response = server.get(server.client(None), protocol).await.unwrap();
        assert_eq!(header(&response, "certificate"), "NotOffered");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_taken_and_its_thumbprint_is_that_of_its_der() {
    let server = start(Asked, Limits::default(), says_its_peer());
    let stranger = self_signed("stranger.example");
    let response = server.get(server.client(Some(&stranger)), Http2).await.unwrap();
    assert_eq!(header(&response, "certificate"), stranger.thumbprint().to_string());
}

#[tokio::test]
async fn a_listener_that_does_not_ask_sees_no_certificate() {
    let server = start(NotAsked, Limits::default(), says_its_peer());
    let issued = server.authority.issue("client.example");
    let response = server.get(server.client(Some(&issued)), Http1).await.unwrap();
    assert_eq!(header(&response, "certificate"), "NotAsked");
}

#[tokio::test]
async fn requests_of_one_connection_share_one_peer() {
    let server = start(Asked, Limits::default(), says_its_peer());
    let issued = server.authority.issue("client.example");
    let mut config = server.client(Some(&issued));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = server.handshake(config).await.unwrap();
    let port = stream.get_ref().0.local_addr().unwrap().port().to_string();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let request = http::Request::get("https://localhost/").body(axum::body::Body::empty()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(header(&response, "certificate"), issued.thumbprint().to_string());
        assert_eq!(header(&response, "port"), port);
    }
}

#[tokio::test]
async fn garbage_and_silence_in_the_handshake_delay_nobody_and_are_cut_off() {
    let server = start(Asked, impatient(), says_its_peer());
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut garbage = TcpStream::connect(server.address).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let response = server.get(server.client(None), Http1).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!read_to_close(&mut garbage).await.starts_with(b"HTTP"));
    assert_eq!(read_to_close(&mut silent).await, b"");
}

#[tokio::test]
async fn silence_after_the_handshake_is_cut_off_before_and_inside_the_first_line() {
    let server = start(NotAsked, impatient(), says_its_peer());
    for first in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", b"GET / HTTP/1.1\r\nhost: lo"] {
        let mut stream = server.handshake(server.client(None)).await.unwrap();
        stream.write_all(first).await.unwrap();
        stream.flush().await.unwrap();
        assert!(!read_to_close(&mut stream).await.starts_with(b"HTTP/1.1 2"));
    }
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused_and_a_large_certificate_header_fits() {
    let server = start(NotAsked, Limits::default(), says_its_peer());
    for (length, status) in [(40 * 1024, "HTTP/1.1 200"), (80 * 1024, "HTTP/1.1 431")] {
        let mut stream = server.handshake(server.client(None)).await.unwrap();
        let value = "a".repeat(length);
        let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: {value}\r\n\r\n");
        let _ = stream.write_all(request.as_bytes()).await;
        let answer = read_to_close(&mut stream).await;
        assert!(answer.starts_with(status.as_bytes()), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let limits = Limits { maximum_connections: 1, ..Limits::default() };
    let server = start(NotAsked, limits, says_its_peer());
    let first = server.handshake(server.client(None)).await.unwrap();
    assert!(server.handshake(server.client(None)).await.is_err());
    drop(first);
    while server.handshake(server.client(None)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn protocol_upgrades_pass_through_tls() {
    let echo = any(|mut request: axum::extract::Request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "echo")])
    });
    let server = start(Asked, Limits::default(), Router::new().route("/", echo));
    let mut stream = server.handshake(server.client(None)).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(read_to_close(&mut stream).await, b"ping");
}

#[tokio::test]
async fn a_plaintext_listener_has_peers_without_tls() {
    let listener = Listener::plaintext(any_port(), Limits::default()).unwrap();
    assert!(!listener.is_encrypted());
    let (address, handle) = (listener.local_address(), listener.handle());
    assert_ne!(address.port(), 0);
    let serving = tokio::spawn(listener.serve(says_its_peer()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(read_to_close(&mut stream).await).unwrap();
    assert!(answer.contains("certificate: NotAsked") && answer.contains("protocol: none"), "{answer}");
    handle.shut_down(Duration::ZERO);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutting_down_lets_a_running_request_end_and_takes_no_more() {
    let arrived = Arc::new(tokio::sync::Notify::new());
    let go_on = Arc::new(tokio::sync::Notify::new());
    let service = {
        let (arrived, go_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
        Router::new().fallback(move || async move {
            arrived.notify_one();
            go_on.notified().await;
            "done"
        })
    };
    let listener = Listener::plaintext(any_port(), Limits::default()).unwrap();
    let (address, handle) = (listener.local_address(), listener.handle());
    let serving = tokio::spawn(listener.serve(service));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    arrived.notified().await;
    assert_eq!(handle.connections(), 1);
    handle.shut_down(Duration::from_secs(60));
    go_on.notify_one();
    assert!(read_to_close(&mut stream).await.ends_with(b"done"));
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn a_bind_failure_names_the_address_and_the_remedy() {
    let holder = Listener::plaintext(any_port(), Limits::default()).unwrap();
    let error = Listener::plaintext(holder.local_address(), Limits::default()).unwrap_err().to_string();
    assert!(error.contains(&holder.local_address().to_string()) && error.contains("in use"), "{error}");
    let elsewhere = "192.0.2.1:0".parse().unwrap();
    let error = Listener::plaintext(elsewhere, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("no such address"), "{error}");
}

#[tokio::test]
async fn without_tls_only_listed_proxies_are_answered_and_their_headers_alone_are_facts() {
    let listed = |network: &str| {
        let settings = crate::trusted_proxy::TrustedProxySettings {
            format: "rfc9440".into(),
            networks: vec![network.into()],
            ..Default::default()
        };
        EdgePolicy::behind(crate::trusted_proxy::TrustedProxies::new(settings).unwrap())
    };
    for (edge, answered) in [
        (listed("127.0.0.1"), true),
        (listed("127.0.0.0/8"), true),
        (listed("127.0.0.2"), false),
        (EdgePolicy::direct(), false),
    ] {
        let listener = Listener::plaintext(any_port(), Limits::default()).unwrap().only_for_proxies_of(edge);
        let (address, handle) = (listener.local_address(), listener.handle());
        tokio::spawn(listener.serve(says_its_peer()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let answer = read_to_close(&mut stream).await;
        assert_eq!(answer.starts_with(b"HTTP/1.1 200"), answered, "{}", String::from_utf8_lossy(&answer));
        assert!(answered || answer.is_empty());
        handle.shut_down(Duration::ZERO);
    }
}

/// Pings keep a connection alive, not its place among the connections.
#[tokio::test]
async fn an_http2_connection_without_requests_is_closed_and_one_with_a_request_is_not() {
    let limits = Limits {
        http2_idle_timeout: Duration::from_millis(300),
        http2_ping_interval: Duration::from_millis(50),
        ..Limits::default()
    };
    let slow = Router::new().fallback(any(async || {
        tokio::time::sleep(Duration::from_millis(900)).await;
        StatusCode::OK
    }));
    let server = start(NotAsked, limits, slow);
    let mut config = server.client(None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = server.handshake(config).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("https://localhost/").body(axum::body::Body::empty()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "three times the idle time is fine while a request runs");
    drop(response);
    // The client answers every ping and asks for nothing.
    let ended = tokio::time::timeout(Duration::from_secs(20), connection).await;
    let _ = ended.expect("the idle connection stays open").unwrap();
    assert!(sender.is_closed());
}
