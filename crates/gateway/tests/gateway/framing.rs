//! Requests that two servers may read differently, as bytes: they are refused or settled before anything is
//! forwarded, and none of them reaches another application or another path than the judged one.

use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::application::SOON;
use crate::scene::{Scene, proven};

/// Sends bytes as they are, and reads until the gateway closes or answers.
async fn raw(scene: &Scene, request: &str) -> String {
    let mut stream = scene.tls(None, b"http/1.1").await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn ambiguous_framing_is_refused_or_settled_and_smuggles_nothing() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let head = |rest: &str| {
        let proof = client.proof("POST", "/x", &token);
        format!(
            "POST /x HTTP/1.1\r\nhost: api.example\r\nauthorization: DPoP {token}\r\ndpop: {proof}\r\n\
             connection: close\r\n{rest}"
        )
    };
    for rest in [
        "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "content-length: +5\r\n\r\nhello",
        "content-length: 5, 5\r\n\r\nhello",
        "content-length: -1\r\n\r\n",
        "transfer-encoding: gzip\r\n\r\n",
        "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "x-folded: a\r\n b\r\n\r\n",
    ] {
        let answer = raw(&scene, &head(rest)).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{rest:?}: {answer}");
    }
    // hyper takes chunked framing for the truth and drops the length; the application sees one framing.
    let answer =
        raw(&scene, &head("content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
            .await;
    assert!(answer.starts_with("HTTP/1.1 400") || !answer.contains("content-length\",\"3"), "{answer}");
}

#[tokio::test]
async fn tunnels_and_echoes_of_credentials_are_refused() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let connect = "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert!(raw(&scene, connect).await.starts_with("HTTP/1.1 501"));
    assert_eq!(scene.send(proven(&client, "TRACE", "/x", &token)).await.status, StatusCode::NOT_IMPLEMENTED);
    let asterisk = "OPTIONS * HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n\r\n";
    assert!(raw(&scene, asterisk).await.starts_with("HTTP/1.1 400"));
    // Absolute form: the guard judges the path, the application is the configured one.
    let proof = client.proof("GET", "/x", &token);
    let absolute = format!(
        "GET https://evil.example/x HTTP/1.1\r\nhost: evil.example\r\nauthorization: DPoP {token}\r\n\
         dpop: {proof}\r\nconnection: close\r\n\r\n"
    );
    let answer = raw(&scene, &absolute).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("evil.example"), "{answer}");
}

#[tokio::test]
async fn paths_that_the_application_may_read_differently_never_reach_it() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    for path in [
        "/observed/../admin",
        "/observed/%2e%2e/admin",
        "/observed/..;/admin",
        "/observed%2fadmin",
        "/observed%5c..%5cadmin",
        "/observed//admin",
        "/observed/%252e%252e/admin",
        "/observed;x/..;y/admin",
        "/observed/%00",
    ] {
        for request in [Request::get(path), proven(&client, "GET", path, &token)] {
            assert_eq!(scene.send(request).await.status, StatusCode::BAD_REQUEST, "{path}");
        }
    }
}

/// DPOP-4.1-01: the names of headers have no case, their values have.
#[tokio::test]
async fn a_proof_is_found_under_its_name_in_any_case() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    for name in ["DPoP", "DPOP", "dpop", "dPoP"] {
        let proof = client.proof("GET", "/x", &token);
        let head = |proof: &str| {
            format!(
                "GET /x HTTP/1.1\r\nHOST: api.example\r\nAUTHORIZATION: DPoP {token}\r\n{name}: {proof}\r\n\
                 connection: close\r\n\r\n"
            )
        };
        let answer = raw(&scene, &head(&proof.to_uppercase())).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{name}: {answer}");
        let answer = raw(&scene, &head(&proof)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
}
