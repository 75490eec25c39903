//! The application behind the gateway: two connection pools (one that speaks HTTP/2 when a TLS application
//! offers it, one for WebSocket handshakes, which need HTTP/1.1) and the time that an answer may take. A
//! request is sent again only if not one byte of it was written.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bindery_http::EdgePolicy;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout_at};

use crate::answer::Fault;
use crate::body::{Progress, Relayed};

type Pool = Client<HttpsConnector<Dial>, Relayed>;

/// Where an application is, and what it is called there.
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    /// What is dialled.
    pub(crate) authority: Authority,
    /// The name that its certificate is verified against; for http it plays no part.
    pub(crate) server_name: ServerName<'static>,
    /// `Host` and `:authority` of its requests.
    pub(crate) host: Authority,
    /// Without TLS, whether it speaks HTTP/2 from the first byte.
    pub(crate) http2: bool,
}

/// How long the parts of an exchange may take, and how long a request may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
    pub(crate) idle: Option<Duration>,
    pub(crate) pool_idle: Duration,
    pub(crate) body: Option<u64>,
}

/// One application.
pub(crate) struct Upstream {
    origin: Origin,
    limits: Limits,
    streams: Pool,
    handshakes: Pool,
}

impl Upstream {
    pub(crate) fn new(
        origin: Origin,
        tls: &rustls::ClientConfig,
        limits: Limits,
    ) -> Result<Self, http::Error> {
        let dial = Dial::new(&origin, limits.connect)?;
        let https = || {
            HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .with_server_name_resolver(FixedServerNameResolver::new(origin.server_name.clone()))
        };
        let pool = |connector, http2| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(limits.pool_idle)
                .http2_adaptive_window(true)
                .http2_only(http2)
                .set_host(false)
                .build(connector)
        };
        let streams = https().enable_http1().enable_http2().wrap_connector(dial.clone());
        let handshakes = https().enable_http1().wrap_connector(dial);
        let (streams, handshakes) = (pool(streams, origin.http2), pool(handshakes, false));
        Ok(Self { origin, limits, streams, handshakes })
    }

    /// The `Host` of requests.
    pub(crate) fn host(&self) -> &Authority {
        &self.origin.host
    }

    /// The application is certainly reached over HTTP/1.1.
    pub(crate) fn speaks_http1(&self) -> bool {
        self.origin.scheme == Scheme::HTTP && !self.origin.http2
    }

    /// Sends the request; the path and query go on exactly as they came.
    ///
    /// # Errors
    /// A [`Fault`] that says who is to blame: the client, the application, or time.
    pub(crate) async fn send(
        &self,
        parts: Parts,
        body: Body,
        websocket: bool,
        edge: &EdgePolicy,
    ) -> Result<Response<Incoming>, Fault> {
        let Parts { method, uri, mut headers, .. } = parts;
        let length = body.size_hint().exact();
        if self.limits.body.zip(length).is_some_and(|(most, length)| length > most) {
            return Err(Fault::BodyTooLong);
        }
        // RFC 9112 section 6.2: the length that hyper has read is the length that goes on, once.
        if let (Some(_), Some(length)) = (headers.remove(CONTENT_LENGTH), length) {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        let progress = Arc::new(Progress::new());
        let Limits { body: maximum, idle, .. } = self.limits;
        let body = Relayed::request(body, maximum, idle, Arc::clone(&progress), edge.clone());
        let mut request = Request::new(body);
        *request.uri_mut() = self.target(&method, uri)?;
        *request.method_mut() = method;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        let pool = if websocket { &self.handshakes } else { &self.streams };
        self.wait(pool.request(request), &progress).await
    }

    fn target(&self, method: &Method, uri: Uri) -> Result<Uri, Fault> {
        let path = uri.into_parts().path_and_query.unwrap_or(PathAndQuery::from_static("/"));
        let target = Uri::builder().scheme(self.origin.scheme.clone()).authority(self.origin.host.clone());
        target.path_and_query(path).build().map_err(|error| {
            tracing::error!(event = "target_unusable", %method, %error);
            Fault::Internal
        })
    }

    /// Waits for the head of the response. The time runs from the last frame of the request's body, so an
    /// upload may take as long as it moves.
    async fn wait(
        &self,
        response: impl Future<Output = Result<Response<Incoming>, hyper_util::client::legacy::Error>>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Fault> {
        let mut response = std::pin::pin!(response);
        loop {
            match timeout_at(progress.last() + self.limits.response, &mut response).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(_)) if progress.was_too_long() => return Err(Fault::BodyTooLong),
                Ok(Err(_)) if progress.was_silent() => return Err(Fault::ClientStalled),
                Ok(Err(error)) => return Err(unreachable_for(&error)),
                Err(_) if progress.last() + self.limits.response > Instant::now() => {}
                Err(_) => {
                    tracing::error!(event = "upstream_timeout", upstream = %self.origin.authority);
                    return Err(Fault::UpstreamTimeout);
                }
            }
        }
    }
}

/// Dials the configured address, whatever a request is called: `:authority` and `Host` can then be one name
/// (RFC 9113 section 8.3.1), and no request can choose whom the gateway talks to.
#[derive(Clone)]
pub(crate) struct Dial {
    connector: HttpConnector,
    target: Uri,
}

impl Dial {
    fn new(origin: &Origin, within: Duration) -> Result<Self, http::Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(within));
        let target = Uri::builder()
            .scheme(origin.scheme.clone())
            .authority(origin.authority.clone())
            .path_and_query("/");
        Ok(Self { connector, target: target.build()? })
    }
}

impl tower::Service<Uri> for Dial {
    type Response = <HttpConnector as tower::Service<Uri>>::Response;
    type Error = <HttpConnector as tower::Service<Uri>>::Error;
    type Future = <HttpConnector as tower::Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        tower::Service::poll_ready(&mut self.connector, context)
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.connector.call(self.target.clone())
    }
}

/// A connection that was not made in time is a time-out, everything else a bad gateway.
fn unreachable_for(error: &hyper_util::client::legacy::Error) -> Fault {
    let mut causes = vec![error.to_string()];
    let mut timed_out = false;
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        timed_out |= kind == Some(std::io::ErrorKind::TimedOut);
        causes.push(cause.to_string());
        source = cause.source();
    }
    tracing::error!(
        event = "upstream_unreachable",
        connecting = error.is_connect(),
        reason = causes.join(": ")
    );
    if timed_out { Fault::UpstreamTimeout } else { Fault::UpstreamUnreachable }
}
