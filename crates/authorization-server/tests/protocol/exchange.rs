//! Every request that these tests send passes here, so that whatever is secret in it or in its answer is written
//! down for the search of the whole run's logs (`crates/cli/tests/redaction.rs`).

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use bindery_http::Peer;
use http::Request;
use tower::ServiceExt as _;

#[path = "../../../cli/tests/redaction/record.rs"]
#[expect(dead_code, reason = "other suites record processes and listen otherwise")]
pub(crate) mod record;

use record::message;

/// Sends a request, and writes down its secrets and those of the answer.
pub(crate) async fn exchange(router: &Router, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap();
    message::headers(&parts.headers);
    message::parameters(parts.uri.query().unwrap_or_default().as_bytes());
    message::payload(&body);
    if let Some(certificate) = parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.certificate())
    {
        record::certificate(certificate.leaf());
    }
    let request = Request::from_parts(parts, Body::from(body));
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap();
    message::headers(&parts.headers);
    message::payload(&body);
    Response::from_parts(parts, Body::from(body))
}
