//! The operator's listener: `/metrics` for Prometheus, `/readyz` and `/healthz` with the parts that are at
//! fault. Plain HTTP for a network that clients can't reach; it changes nothing and shows no secret.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
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
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

/// Few read metrics, and one after the other.
const CONNECTIONS: usize = 32;

/// A bound socket.
pub(crate) struct OperatorListener(Listener);

/// What an operator may read of a process.
#[async_trait]
pub(crate) trait Observed: Send + Sync + 'static {
    /// The page of metrics.
    async fn metrics(&self) -> Result<String, fmt::Error>;

    /// Whether requests can be answered, and part by part why not.
    async fn readiness(&self) -> (bool, Value);
}

/// Authorization servers and what they count in `metrics`.
pub(crate) struct ObservedServers {
    metrics: Metrics,
    servers: Vec<AuthorizationServer>,
}

impl ObservedServers {
    pub(crate) fn new(metrics: Metrics, issuers: &Issuers) -> Self {
        Self { metrics, servers: issuers.iter().cloned().collect() }
    }
}

#[async_trait]
impl Observed for ObservedServers {
    async fn metrics(&self) -> Result<String, fmt::Error> {
        for server in &self.servers {
            server.sample_metrics().await;
        }
        self.metrics.render()
    }

    async fn readiness(&self) -> (bool, Value) {
        let mut ready = true;
        let mut issuers = Vec::new();
        for server in &self.servers {
            let readiness = server.readiness().await;
            let holds = readiness.require().is_ok();
            ready &= holds;
            let parts = readiness.parts().map(|(part, holds)| (part.to_owned(), holds.into()));
            let parts: Map<String, Value> = parts.into_iter().collect();
            issuers.push(json!({"issuer": server.issuer(), "ready": holds, "parts": parts}));
        }
        (ready, json!({ "issuers": issuers }))
    }
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

    /// Serves what is observed.
    pub(crate) fn serve(self, observed: impl Observed) -> Observing {
        let handle = self.0.handle();
        let router = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/readyz", get(show_readiness))
            .route("/healthz", get(async || StatusCode::OK))
            .with_state(Arc::new(observed) as Arc<dyn Observed>);
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

async fn show_metrics(State(observed): State<Arc<dyn Observed>>) -> Response {
    match observed.metrics().await {
        Ok(page) => answer(StatusCode::OK, Metrics::CONTENT_TYPE, page),
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", String::new()),
    }
}

async fn show_readiness(State(observed): State<Arc<dyn Observed>>) -> Response {
    let (ready, document) = observed.readiness().await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, "application/json", document.to_string())
}

fn answer(status: StatusCode, media_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    render::forbid_storing(response.headers_mut());
    response
}
