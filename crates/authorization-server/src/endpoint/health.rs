//! A probe for load balancers: the store answers, or the server is not ready. Says nothing else.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bindery_http::render;
use http::StatusCode;

use crate::server::AuthorizationServer;

pub(crate) async fn answer(State(server): State<AuthorizationServer>) -> Response {
    let ready = server.0.store.list_nonce_keys().await.is_ok();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    render::forbid_storing(response.headers_mut());
    response
}
