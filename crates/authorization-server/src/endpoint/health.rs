//! Probes. `/healthz` says that the process answers: restart it when it does not. `/readyz` says whether it
//! can do its work: send requests elsewhere while it can't. Neither says why; the operator's listener does.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bindery_http::render;
use http::StatusCode;

use crate::observation::refused;
use crate::server::AuthorizationServer;

/// Liveness: whoever gets here is alive.
pub(crate) async fn live() -> Response {
    empty(StatusCode::OK)
}

/// Readiness: what requests need is there.
pub(crate) async fn ready(State(server): State<AuthorizationServer>) -> Response {
    match server.readiness().await.require() {
        Ok(()) => empty(StatusCode::OK),
        Err(_) => refused(empty(StatusCode::SERVICE_UNAVAILABLE), "not_ready"),
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    render::forbid_storing(response.headers_mut());
    response
}
