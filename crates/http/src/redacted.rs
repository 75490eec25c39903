//! Logs requests without what must not be logged: method, route, status and the peer's address, never a
//! query, a header or a body. Spans made here are the only place where requests enter the log.

use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use futures_util::FutureExt as _;
use futures_util::future::Map;
use http::{Request, Response};
use tower::{Layer, Service};
use tracing::instrument::{Instrument as _, Instrumented};
use tracing::{Span, field};

use crate::peer::Peer;

/// The longest path that is logged, in bytes.
pub const MAXIMUM_PATH: usize = 160;

/// A span for one request: method, route (or the path without its query, shortened), peer; the status is
/// recorded by [`record_status`].
#[must_use]
pub fn request_span<B>(request: &Request<B>) -> Span {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let path = route.unwrap_or_else(|| request.uri().path());
    let peer = request.extensions().get::<Peer>().map(|peer| field::display(peer.address));
    tracing::info_span!(
        "request",
        method = request.method().as_str(),
        path = &path[..path.floor_char_boundary(MAXIMUM_PATH)],
        peer,
        status = field::Empty
    )
}

/// Records the status of the answer in the span and writes one line.
pub fn record_status(span: &Span, status: http::StatusCode) {
    span.record("status", status.as_u16());
    tracing::info!(parent: span, status = status.as_u16(), "answered");
}

/// Wraps a service so that each request runs in its span and leaves one line.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestLogLayer;

impl<S> Layer<S> for RequestLogLayer {
    type Service = RequestLog<S>;

    fn layer(&self, inner: S) -> RequestLog<S> {
        RequestLog(inner)
    }
}

/// The service that [`RequestLogLayer`] makes.
#[derive(Clone, Debug)]
pub struct RequestLog<S>(S);

type Answer<R, E> = Result<Response<R>, E>;

impl<S, B, R> Service<Request<B>> for RequestLog<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Instrumented<Map<S::Future, fn(Answer<R, S::Error>) -> Answer<R, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = request_span(&request);
        let answer = span.in_scope(|| self.0.call(request));
        answer.map(record as fn(_) -> _).instrument(span)
    }
}

/// Runs inside the request's span.
fn record<R, E>(answer: Answer<R, E>) -> Answer<R, E> {
    if let Ok(response) = &answer {
        record_status(&Span::current(), response.status());
    }
    answer
}

#[cfg(test)]
#[path = "redacted_tests.rs"]
mod tests;
