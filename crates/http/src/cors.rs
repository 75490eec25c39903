//! Lets browser clients of listed origins read what the protocol tells them: `WWW-Authenticate` and
//! `DPoP-Nonce` are exposed, `Authorization` and `DPoP` may be sent (RFC 9449 sections 8.2 and 9). Only
//! true preflights are answered here; other `OPTIONS` requests belong to the application. Cookies are never
//! allowed along: possession is proven, not ambient.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tower::{Layer, Service};

/// Which origins may read answers.
#[derive(Clone, Debug)]
pub enum AllowedOrigins {
    /// Every origin; right for public clients, whose tokens are bound.
    Any,
    /// These, compared byte for byte as browsers serialise them (`https://app.example.com`).
    Listed(Vec<HeaderValue>),
}

impl AllowedOrigins {
    /// Reads a list of origins.
    ///
    /// # Errors
    /// [`OriginInvalid`] when one is not a serialised origin.
    pub fn listed<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, OriginInvalid> {
        let read = |origin: O| {
            let text = origin.as_ref();
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            let well_formed = host.is_some_and(|host| {
                !host.is_empty()
                    && !host.contains(['/', '?', '#', '@', '*'])
                    && text.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
            });
            let value = HeaderValue::from_str(text).ok().filter(|_| well_formed);
            value.ok_or_else(|| OriginInvalid(text.to_owned()))
        };
        origins.into_iter().map(read).collect::<Result<_, _>>().map(Self::Listed)
    }
}

/// A configured origin that no browser would send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an origin; write scheme, host and port only, lower-case, like `https://app.example.com`"
)]
pub struct OriginInvalid(pub String);

/// The layer.
#[derive(Clone, Debug)]
pub struct CorsLayer(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    origins: AllowedOrigins,
    methods: HeaderValue,
    headers: HeaderValue,
}

impl CorsLayer {
    /// Exposes the protocol's headers to `origins`. `methods` are those that preflights allow;
    /// `Authorization`, `DPoP` and `Content-Type` are always allowed headers.
    #[must_use]
    pub fn new(origins: AllowedOrigins, methods: &[Method]) -> Self {
        let methods = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        Self(Arc::new(Rules {
            origins,
            methods: HeaderValue::from_str(&methods).unwrap_or(HeaderValue::from_static("GET, POST")),
            headers: HeaderValue::from_static("authorization, dpop, content-type"),
        }))
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors { inner, rules: Arc::clone(&self.0) }
    }
}

/// The service that [`CorsLayer`] makes.
#[derive(Clone, Debug)]
pub struct Cors<S> {
    inner: S,
    rules: Arc<Rules>,
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<S, B, R> Service<Request<B>> for Cors<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<S::Future, Boxed<Result<Response<R>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(origin) = request.headers().get(ORIGIN).cloned() else {
            return Either::Left(self.inner.call(request));
        };
        let allowed = self.rules.allowed(&origin);
        let asks = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if let Some(allowed) = allowed.clone().filter(|_| asks && request.method() == Method::OPTIONS) {
            let response = self.rules.preflight(allowed);
            return Either::Right(Box::pin(std::future::ready(Ok(response))));
        }
        let answer = self.inner.call(request);
        Either::Right(Box::pin(async move {
            let mut response = answer.await?;
            expose(response.headers_mut(), allowed);
            Ok(response)
        }))
    }
}

impl Rules {
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match &self.origins {
            AllowedOrigins::Any => Some(HeaderValue::from_static("*")),
            AllowedOrigins::Listed(origins) => origins.iter().find(|known| *known == origin).cloned(),
        }
    }

    fn preflight<R: Default>(&self, origin: HeaderValue) -> Response<R> {
        let mut response = Response::new(R::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        headers.insert(
            VARY,
            HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers"),
        );
        response
    }
}

/// Adds to what the application says; what it decided about origins stays.
fn expose(headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("origin"));
    let Some(allowed) = allowed else { return };
    headers.entry(ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(allowed);
    headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("www-authenticate, dpop-nonce"));
}

#[cfg(test)]
#[path = "cors_tests.rs"]
mod tests;
