//! The guard as a tower layer, for axum and hyper applications. It strips identity headers, decides, and
//! either answers itself or passes the request on with [`AuthorizedRequest`] among its extensions. A handler
//! that asks for that extension can't be reached unproven; on a route that only observes or warns it finds
//! [`Tolerated`] in its place.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bindery_core::rejection::Rejection;
use bindery_core::resource::AuthorizedRequest;
use bindery_core::resource::presentation::RequestFacts;
use bindery_http::{Peer, identity_headers, presented, render};
use bindery_store::ReplayStore;
use bindery_store::memory::ReplayMemory;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use tower::{Layer, Service};

use crate::guard::{Decision, Guard};
use crate::route::Mode;

/// Tells a client of a `warn` route why `enforce` would have refused its request: a reason of
/// [`Rejection::reason`].
pub const WOULD_REFUSE: HeaderName = HeaderName::from_static("bindery-would-refuse");

/// Says that a request was let through although it broke a rule; its identity is not proven.
#[derive(Clone, Debug)]
pub struct Tolerated {
    /// How the route is guarded.
    pub mode: Mode,
    /// The broken rule.
    pub rejection: Rejection,
}

/// Puts a [`Guard`] in front of a service.
pub struct GuardLayer<R = ReplayMemory>(Guard<R>);

impl<R> GuardLayer<R> {
    /// A layer of this guard.
    #[must_use]
    pub const fn new(guard: Guard<R>) -> Self {
        Self(guard)
    }
}

impl<R> Clone for GuardLayer<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R, S> Layer<S> for GuardLayer<R> {
    type Service = GuardService<R, S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { guard: self.0.clone(), inner }
    }
}

/// A service behind a [`Guard`].
pub struct GuardService<R, S> {
    guard: Guard<R>,
    inner: S,
}

impl<R, S: Clone> Clone for GuardService<R, S> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone(), inner: self.inner.clone() }
    }
}

/// The future of a guarded service's response.
pub type GuardFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<R, S, B, A> Service<Request<B>> for GuardService<R, S>
where
    R: ReplayStore,
    S: Service<Request<B>, Response = Response<A>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    A: http_body::Body<Data = Bytes> + Send + 'static,
    A::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = GuardFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> GuardFuture {
        let guard = self.guard.clone();
        // The service that was polled ready is the one that is called.
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(guarded(guard, inner, request))
    }
}

async fn guarded<R, S, B, A>(
    guard: Guard<R>,
    mut inner: S,
    request: Request<B>,
) -> Result<Response<Body>, Infallible>
where
    R: ReplayStore,
    S: Service<Request<B>, Response = Response<A>, Error = Infallible>,
    A: http_body::Body<Data = Bytes> + Send + 'static,
    A::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let outcome = judge(&guard, &mut parts).await;
    let passage = match outcome {
        Ok(passage) => passage,
        Err(response) => return Ok(*response),
    };
    let response = inner.call(Request::from_parts(parts, body)).await?;
    let mut response = response.map(Body::new);
    if let Some(nonce) = passage.next_nonce {
        render::set_dpop_nonce(response.headers_mut(), &nonce);
    }
    if let Some(reason) = passage.would_refuse {
        response.headers_mut().insert(WOULD_REFUSE, HeaderValue::from_static(reason));
    }
    Ok(response)
}

/// What a request that goes on adds to its response.
#[derive(Debug, Default)]
pub struct Passage {
    /// A fresh nonce for the client.
    pub next_nonce: Option<String>,
    /// Why the request would be refused if the route enforced; only from routes that warn.
    pub would_refuse: Option<&'static str>,
    /// How strictly the route is guarded.
    pub mode: Mode,
}

/// Judges the head of a request: strips what a client may not say, decides, and leaves the verdict among the
/// extensions. Every door calls this: the layer here, the gateway with its own way of forwarding.
///
/// # Errors
/// The finished answer, when the request must not go on.
pub async fn judge<R: ReplayStore>(
    guard: &Guard<R>,
    parts: &mut http::request::Parts,
) -> Result<Passage, Box<Response<Body>>> {
    // Nothing that somebody set before us may pass for a verdict.
    parts.extensions.remove::<AuthorizedRequest>();
    parts.extensions.remove::<Tolerated>();
    let peer = parts.extensions.get::<Peer>();
    identity_headers::strip_untrusted(&mut parts.headers, peer, guard.edge()).report(peer);

    let (verdict, passage) = {
        let presented = match presented::from_request(parts, guard.edge()) {
            Ok(presented) => presented,
            Err(rejection) => return Err(Box::new(refuse_at_edge(guard, parts, &rejection.into()))),
        };
        let facts = presented.facts(guard.now());
        match guard.decide(&parts.method, &facts).await {
            Decision::Admitted(admission) => {
                let next_nonce = admission.next_nonce.map(|nonce| nonce.to_string());
                (Ok(admission.request), Passage { next_nonce, would_refuse: None, mode: admission.mode })
            }
            Decision::Tolerated { route, rejection } => {
                let would_refuse = (route.mode == Mode::Warn).then(|| rejection.reason());
                // RFC 9449 section 8.2: a client that nobody refuses learns a nonce in no other way, and
                // would seem to be one that `enforce` would break.
                let wanted = rejection.asks_for_nonce().then(|| guard.fresh_nonce(facts.now).ok()).flatten();
                let next_nonce = wanted.map(|nonce| nonce.to_string());
                let passage = Passage { next_nonce, would_refuse, mode: route.mode };
                (Err(Tolerated { mode: route.mode, rejection }), passage)
            }
            Decision::Refused { route, rejection } => {
                return Err(Box::new(guard.answer(&rejection, route, &facts)));
            }
        }
    };
    // The certificate has been read; nobody behind us needs the header that carried it.
    let _ = identity_headers::strip_all(&mut parts.headers, guard.edge());
    match verdict {
        Ok(request) => parts.extensions.insert(request).map(|_| ()),
        Err(tolerated) => parts.extensions.insert(tolerated).map(|_| ()),
    };
    Ok(passage)
}

/// The edge could not say what the request presents, so nothing was decided: refused on every route.
fn refuse_at_edge<R: ReplayStore>(
    guard: &Guard<R>,
    parts: &http::request::Parts,
    rejection: &Rejection,
) -> Response<Body> {
    let absent = bindery_core::mtls::certificate::CertificateAbsence::NotForwarded;
    let facts = RequestFacts {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        authorization: &[],
        dpop: &[],
        token_in_query: false,
        certificate: &bindery_core::mtls::certificate::PresentedCertificate::Absent(absent),
        now: guard.now(),
    };
    let route = guard.inner.routes.fallback();
    guard.inner.observer.rejected(rejection, Mode::Enforce, facts.method, facts.path);
    guard.answer(rejection, route, &facts)
}
