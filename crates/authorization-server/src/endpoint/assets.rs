//! What pages load: the style sheet, the scripts, and the pictures of an operator's theme. Read at start and
//! the same for everybody; a name that isn't in the table is not found.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use crate::server::AuthorizationServer;

pub(crate) const PATH: &str = "/assets/{name}";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, Path(name): Path<String>) -> Response {
    let Some(asset) = server.0.people.templates.asset(&name) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(Body::from(asset.content.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
    response
}
