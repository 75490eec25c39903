//! Watches each request from its arrival at the router to its answer: one span for traces, one duration, one
//! count by endpoint, status and reason. Nothing of a request but its method and the route that matched is
//! looked at here; never a query, a header's value or a body.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, StatusCode};
use opentelemetry::propagation::Extractor;
use tracing::{Instrument as _, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::server::AuthorizationServer;

/// The target of the spans; a level for it decides whether there are any.
pub const SPANS: &str = "bindery_request";

/// Why a request was refused, in the extensions of its answer: a word of the code, for the counters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused(pub(crate) &'static str);

/// Names the cause of a refusal for the counters. Whoever makes an answer of 4xx or 5xx, or one that tells a client
/// or a person of a refusal in another way, calls it.
pub(crate) fn refused(mut response: Response, reason: &'static str) -> Response {
    response.extensions_mut().insert(Refused(reason));
    response
}

/// The cause that is counted: the one that was named, or for what the router itself refuses its status in words.
/// `unnamed` is a mistake of ours, and tests fail on it.
fn reason_of(response: &Response) -> &'static str {
    if let Some(Refused(reason)) = response.extensions().get::<Refused>() {
        return reason;
    }
    match response.status() {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        status if status.is_client_error() || status.is_server_error() => "unnamed",
        _ => "",
    }
}

/// Watches one request.
pub(crate) async fn observe(
    State(server): State<AuthorizationServer>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let server = &*server.0;
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map(MatchedPath::as_str);
    let below = |route: &'_ str| -> String {
        route.strip_prefix(server.settings.internal_path.as_str()).unwrap_or(route).to_owned()
    };
    let span = tracing::debug_span!(
        target: SPANS,
        "request",
        otel.kind = "server",
        otel.name = field::Empty,
        otel.status_code = field::Empty,
        issuer = server.settings.issuer,
        http.request.method = request.method().as_str(),
        http.route = route.unwrap_or("unmatched"),
        http.response.status_code = field::Empty,
        client_id = field::Empty,
        grant_type = field::Empty,
        outcome = field::Empty,
    );
    if !span.is_disabled() {
        continue_trace(&span, &request);
        span.record("otel.name", format!("{} {}", request.method(), route.unwrap_or("unmatched")));
    }
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let reason = reason_of(&response);
    server.metrics.answered(route, below, status, reason, begun.elapsed());
    finish(&span, status, reason);
    response
}

/// Takes the caller's trace for a parent, if the process was told to trust callers about that: without, there is
/// no global propagator and nothing is read.
fn continue_trace(span: &Span, request: &Request) {
    let context = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&TraceHeaders(request.headers()))
    });
    // Without a tracing layer there is nothing to continue.
    let _ = span.set_parent(context);
}

struct TraceHeaders<'a>(&'a HeaderMap);

impl Extractor for TraceHeaders<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

fn finish(span: &Span, status: u16, reason: &'static str) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status);
    span.record("outcome", if reason.is_empty() { "done" } else { reason });
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// Tells the trace of the current request who asked and by which grant.
pub(crate) fn note_client(client_id: &str, grant_type: Option<&'static str>) {
    let span = Span::current();
    if !span.is_disabled() {
        span.record("client_id", client_id);
        if let Some(grant_type) = grant_type {
            span.record("grant_type", grant_type);
        }
    }
}
