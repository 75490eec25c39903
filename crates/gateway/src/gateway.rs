//! The gateway: a request is examined, judged by the guard, dressed with its verified identity and sent on;
//! the response comes back as it arrives. One gateway serves any number of listeners; it is cheap to clone.
//! It must never forward a request that the guard has not let through.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bindery_core::resource::AuthorizedRequest;
use bindery_http::Clock;
use bindery_http::cors::CorsLayer;
use bindery_resource_server::layer::{Passage, judge};
use bindery_resource_server::observer::Observer;
use bindery_resource_server::{Guard, Mode};
use bindery_store::ReplayStore;
use bindery_store::memory::ReplayMemory;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tower::util::BoxCloneSyncService;

use crate::answer::Fault;
use crate::forwarded::{self, PublicHosts};
use crate::hop_by_hop::{self, Hop};
use crate::identity;
use crate::metrics::GatewayMetrics;
use crate::response::Dressing;
use crate::tunnel::{Ends, Tunnels};
use crate::upstream::Upstream;

/// The service that a gateway is to a listener.
pub type GatewayService<B> = BoxCloneSyncService<Request<B>, Response<Body>, Infallible>;

/// What a gateway needs beside its configuration.
pub struct GatewayParts<R> {
    /// The replay store.
    pub replay: R,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The client for fetching keys and introspecting, made from
    /// [`bindery_resource_server::outbound::http_client_builder`].
    pub http_client: reqwest::Client,
    /// Where decisions are told; `tracing` when `None`.
    pub observer: Option<Arc<dyn Observer>>,
    /// What counts its requests.
    pub metrics: GatewayMetrics,
}

/// A guard in front of one application. `R` is the guard's replay store.
pub struct Gateway<R = ReplayMemory> {
    pub(crate) inner: Arc<Inner<R>>,
}

pub(crate) struct Inner<R> {
    pub(crate) guard: Guard<R>,
    pub(crate) upstream: Upstream,
    pub(crate) public_hosts: PublicHosts,
    pub(crate) identity_headers: bool,
    pub(crate) forward_credentials: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) tunnel_idle: Option<Duration>,
    pub(crate) tunnels_end_with_token: bool,
    pub(crate) cors: Option<CorsLayer>,
    pub(crate) tunnels: Tunnels,
    pub(crate) metrics: GatewayMetrics,
}

impl<R> Clone for Gateway<R> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<R> fmt::Debug for Gateway<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({})", self.inner.upstream.host())
    }
}

impl<R: ReplayStore> Gateway<R> {
    /// The service, for [`bindery_http::listener::Listener::serve`] or any hyper server that puts a
    /// [`bindery_http::Peer`] among the extensions of its requests.
    #[must_use]
    pub fn service<B>(&self) -> GatewayService<B>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let gateway = self.clone();
        let forward = tower::service_fn(move |request: Request<B>| {
            let gateway = gateway.clone();
            async move { Ok::<_, Infallible>(gateway.answer(request.map(Body::new)).await) }
        });
        match &self.inner.cors {
            Some(cors) => BoxCloneSyncService::new(tower::Layer::layer(cors, forward)),
            None => BoxCloneSyncService::new(forward),
        }
    }

    /// The guard.
    #[must_use]
    pub fn guard(&self) -> &Guard<R> {
        &self.inner.guard
    }

    /// WebSockets that are open now.
    #[must_use]
    pub fn open_tunnels(&self) -> usize {
        self.inner.tunnels.open_now()
    }

    /// Waits for open WebSockets to end and cuts those that have not after `grace`. They have left HTTP, so
    /// the listener no longer counts them: shut both down, at the same time.
    pub async fn shut_down(&self, grace: Duration) {
        self.inner.tunnels.shut_down(grace).await;
    }

    /// Answers one request, and counts the answer.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let begun = Instant::now();
        let response = self.answer_uncounted(request).await;
        self.inner.metrics.answered(response.status().as_u16(), begun.elapsed());
        response
    }

    async fn answer_uncounted(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let hop = match hop_by_hop::examine(&parts) {
            Ok(hop) => hop,
            Err(fault) => {
                tracing::info!(event = "request_not_forwarded", reason = fault.reason());
                return self.fail(fault);
            }
        };
        let passage = match judge(&self.inner.guard, &mut parts).await {
            Ok(passage) => passage,
            Err(response) => return *response,
        };
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let dressing = self.prepare(&mut parts, &hop, passage);
        let begun = Instant::now();
        let sent = self.inner.upstream.send(parts, body, hop.websocket, self.inner.guard.edge()).await;
        self.inner.metrics.upstream(begun.elapsed());
        match sent {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                self.switch(response, upgrade.filter(|_| hop.websocket), &dressing)
            }
            Ok(response) => dressing.relay(response),
            Err(fault) => {
                let mut response = self.fail(fault);
                dressing.dress(response.headers_mut());
                response
            }
        }
    }

    fn fail(&self, fault: Fault) -> Response<Body> {
        self.inner.metrics.not_forwarded(fault);
        fault.answer()
    }

    /// From the request as it came to the request as it goes on.
    fn prepare(&self, parts: &mut Parts, hop: &Hop, passage: Passage) -> Dressing {
        let inner = &*self.inner;
        let authorized = parts.extensions.remove::<AuthorizedRequest>();
        forwarded::set(parts, inner.guard.edge(), &inner.public_hosts);
        hop.renew_request(&mut parts.headers, inner.upstream.speaks_http1());
        if inner.identity_headers {
            identity::set(&mut parts.headers, passage.mode, authorized.as_ref());
        }
        // A verified token is spent here; behind the gateway it would only be one more place to steal it.
        // Where the guard merely watches, the application still checks it.
        if passage.mode == Mode::Enforce && !inner.forward_credentials {
            parts.headers.remove(AUTHORIZATION);
            parts.headers.remove(bindery_http::presented::DPOP);
        }
        if let Ok(host) = HeaderValue::from_str(inner.upstream.host().as_str()) {
            parts.headers.insert(HOST, host);
        }
        let expires_at = authorized.as_ref().map(|request| request.token().expires_at());
        Dressing { passage, expires_at, idle: inner.idle }
    }

    /// The application takes up the WebSocket.
    fn switch(
        &self,
        response: Response<Incoming>,
        client: Option<OnUpgrade>,
        dressing: &Dressing,
    ) -> Response<Body> {
        let Some(client) = client else {
            tracing::error!(event = "upstream_switched_unasked");
            return self.fail(Fault::UpstreamUnreachable);
        };
        let mut response = response;
        let left = dressing.expires_at.filter(|_| self.inner.tunnels_end_with_token).map(|expires_at| {
            let seconds = expires_at.seconds_since(self.inner.guard.now());
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        });
        let ends = Ends { idle: self.inner.tunnel_idle, after: left };
        self.inner.tunnels.open(client, hyper::upgrade::on(&mut response), ends);
        let mut switched = Response::new(Body::empty());
        *switched.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *switched.headers_mut() = std::mem::take(response.headers_mut());
        dressing.dress(switched.headers_mut());
        switched.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        switched.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        switched
    }
}
