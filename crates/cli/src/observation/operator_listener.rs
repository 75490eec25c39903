//! The operator's listener: `/metrics` for Prometheus, `/readyz` and `/healthz` with the parts that are at
//! fault. Plain HTTP for a network that clients can't reach; it changes nothing and shows no secret.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bindery_authorization_server::{AuthorizationServer, Issuers, Metrics};
use bindery_http::listener::{Limits, Listener, ListenerHandle};
use bindery_http::render;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tokio::task::JoinHandle;

/// Few read metrics, and one after the other.
const CONNECTIONS: usize = 32;

/// A bound socket.
pub(crate) struct OperatorListener(Listener);

struct Observed {
    metrics: Metrics,
    servers: Vec<AuthorizationServer>,
}

impl OperatorListener {
    pub(super) fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let limits = Limits { maximum_connections: CONNECTIONS, ..Limits::default() };
        let listener = Listener::plaintext(address, limits).context("metrics of [observation]")?;
        let address = listener.local_address();
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "metrics are served to whoever reaches this address; keep it off public networks");
        }
        tracing::info!(%address, "metrics at /metrics");
        Ok(Self(listener))
    }

    /// Serves what these issuers count in `metrics`.
    pub(crate) fn serve(self, metrics: Metrics, issuers: &Issuers) -> Observing {
        let servers = issuers.iter().cloned().collect();
        let handle = self.0.handle();
        let router = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/readyz", get(show_readiness))
            .route("/healthz", get(async || StatusCode::OK))
            .with_state(Arc::new(Observed { metrics, servers }));
        Observing { handle, serving: tokio::spawn(self.0.serve(router)) }
    }
}

/// The listener at work.
pub(crate) struct Observing {
    handle: ListenerHandle,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Observing {
    /// Closes it.
    pub(crate) async fn end(self) {
        self.handle.shut_down(Duration::ZERO);
        let _ = self.serving.await;
    }
}

async fn show_metrics(State(observed): State<Arc<Observed>>) -> Response {
    for server in &observed.servers {
        server.sample_metrics().await;
    }
    match observed.metrics.render() {
        Ok(page) => answer(StatusCode::OK, Metrics::CONTENT_TYPE, page),
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", String::new()),
    }
}

async fn show_readiness(State(observed): State<Arc<Observed>>) -> Response {
    let mut status = StatusCode::OK;
    let mut issuers = Vec::new();
    for server in &observed.servers {
        let readiness = server.readiness().await;
        if readiness.require().is_err() {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        let parts = readiness.parts().map(|(part, holds)| (part.to_owned(), holds.into()));
        let parts: serde_json::Map<String, serde_json::Value> = parts.into_iter().collect();
        issuers
            .push(json!({"issuer": server.issuer(), "ready": readiness.require().is_ok(), "parts": parts}));
    }
    answer(status, "application/json", json!({ "issuers": issuers }).to_string())
}

fn answer(status: StatusCode, media_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    render::forbid_storing(response.headers_mut());
    response
}
