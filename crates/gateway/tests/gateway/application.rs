//! An application that knows nothing of tokens: it says what it received, echoes, waits, or misbehaves.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Paths of its own; everything else says what it received.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/echo", any(|body: Body| async { Response::new(body) }))
        .route("/never", any(std::future::pending::<()>))
        .route("/count", any(count))
        .route("/websocket", any(websocket))
        .route("/observed/websocket", any(websocket))
        .route("/trailers", any(trailers))
        .route("/breaks", any(breaks))
        .route("/stalls", any(stalls))
        .route("/odd", any(odd))
        .route("/observed/odd", any(odd))
        .fallback(report)
}

/// What arrived.
async fn report(request: Request<Body>) -> Response {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let uri = request.uri();
    let target = uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
    let (method, version) = (request.method().to_string(), format!("{:?}", request.version()));
    let authority = uri.authority().map(ToString::to_string);
    axum::Json(json!({
        "method": method, "target": target, "version": version, "headers": headers, "authority": authority,
    }))
    .into_response()
}

async fn count(body: Body) -> Response {
    let mut bytes = 0;
    let mut stream = body.into_data_stream();
    while let Some(Ok(chunk)) = stream.next().await {
        bytes += chunk.len();
    }
    bytes.to_string().into_response()
}

/// Says which trailers came, and sends some.
async fn trailers(request: Request<Body>) -> Response {
    let te = request.headers().get("te").cloned();
    let collected = request.into_body().collect().await.unwrap();
    let came: Vec<String> = collected
        .trailers()
        .map(|trailers| trailers.keys().map(ToString::to_string).collect())
        .unwrap_or_default();
    let mut sent = HeaderMap::new();
    sent.insert("grpc-status", HeaderValue::from_static("0"));
    sent.insert("dpop-nonce", HeaderValue::from_static("smuggled"));
    sent.insert("bindery-would-refuse", HeaderValue::from_static("smuggled"));
    let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("data"))), Ok(Frame::trailers(sent))];
    let mut response = Response::new(Body::new(StreamBody::new(futures_util::stream::iter(frames))));
    response.headers_mut().insert("trailer", HeaderValue::from_static("grpc-status, dpop-nonce"));
    response.headers_mut().insert("came", HeaderValue::from_str(&came.join(",")).unwrap());
    if let Some(te) = te {
        response.headers_mut().insert("te-came", te);
    }
    response
}

/// Breaks off in the middle of its response, once the request has ended.
async fn breaks(body: Body) -> Response {
    let some = futures_util::stream::iter([Ok(Bytes::from("some"))]);
    let end = futures_util::stream::once(async move {
        let _ = body.collect().await;
        Err(std::io::Error::other("broken"))
    });
    Response::new(Body::from_stream(some.chain(end)))
}

/// Falls silent in the middle of its response.
async fn stalls() -> Response {
    let some = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from("some"))]);
    Response::new(Body::from_stream(some.chain(futures_util::stream::pending())))
}

/// Answers with the headers that the request lists as `name: value` lines of its body.
async fn odd(body: String) -> Response {
    let mut response = "odd".into_response();
    for line in body.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "status" {
            *response.status_mut() = StatusCode::from_bytes(value.as_bytes()).unwrap();
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    response
}

/// Takes up a WebSocket and echoes until it ends.
async fn websocket(mut request: Request<Body>) -> Response {
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let subject = request.headers().get("bindery-subject").cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let (mut sink, mut stream) = socket.split();
        while let Some(Ok(message)) = stream.next().await {
            if message.is_text() && sink.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert("connection", HeaderValue::from_static("Upgrade"));
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    headers.insert("sec-websocket-accept", derive_accept_key(key.as_bytes()).parse().unwrap());
    if let Some(subject) = subject {
        headers.insert("seen-subject", subject);
    }
    response
}

/// A time within which something that should come on a loopback has come.
pub(crate) const SOON: Duration = Duration::from_secs(20);
