//! What is asked of a request before anything else looks at it: it did not come in early data (RFC 8470), and
//! its sender does not ask too often. Who is refused here has spent nothing and learns nothing but when to come
//! again. Limits by client, key, account and user code are asked for where those are known, by [`require`].

use std::hash::Hash;
use std::net::IpAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bindery_core::oauth::token_error::TokenError;
use bindery_http::early_data::require_finished_handshake;
use bindery_http::{Peer, client_address, render};
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::endpoint::{account, login, refuse};
use crate::event::{AuditEvent, Shown};
use crate::limits::{Limit, TooMany};
use crate::observation::refused;
use crate::people::pages;
use crate::server::{AuthorizationServer, Server};

/// Where people's secrets are tried; below the issuer.
const SIGN_IN: [&str; 5] =
    [login::PATH, login::PASSKEY_PATH, account::PATH, account::PASSKEY_PATH, "/device"];

/// Who can't be told apart, because a listed proxy names no addresses, shares limits under this name.
pub(crate) const UNKNOWN: &str = "unknown address";

/// Lets a request through that came neither early nor too often.
pub(crate) async fn admit(
    State(server): State<AuthorizationServer>,
    request: Request,
    next: Next,
) -> Response {
    let server = &*server.0;
    if require_finished_handshake(request.headers()).is_err() {
        return too_early();
    }
    match require_address(server, &request) {
        Ok(()) => next.run(request).await,
        Err(too_many) => answer(server, request.headers(), too_many),
    }
}

fn require_address(server: &Server, request: &Request) -> Result<(), TooMany> {
    // Without a peer it is the process that asks itself.
    let Some(peer) = request.extensions().get::<Peer>() else { return Ok(()) };
    let address = client_address(peer, request.headers(), &server.edge);
    if let Some(address) = address {
        require_of(server, Limit::Address, address)?;
    }
    let path = request.uri().path().strip_prefix(server.settings.internal_path.as_str());
    if request.method() == Method::POST && path.is_some_and(|path| SIGN_IN.contains(&path)) {
        return match address {
            Some(address) => require_of(server, Limit::SignIn, address),
            None => require(server, Limit::UnknownSignIn, UNKNOWN, None),
        };
    }
    Ok(())
}

/// Counts one attempt of `address` and requires that it is within the limit.
///
/// # Errors
/// [`TooMany`].
pub(crate) fn require_of(server: &Server, limit: Limit, address: IpAddr) -> Result<(), TooMany> {
    server.limits.require_address(limit, address).inspect_err(|too_many| {
        report(server, too_many, None, Some(&address));
    })
}

/// Counts one attempt of `key` and requires that it is within the limit. `client_id` is for the operator, where
/// it was authenticated.
///
/// # Errors
/// [`TooMany`]; it becomes a [`TokenError`] by `?`, and a page by [`answer`].
pub(crate) fn require<K: Hash + ?Sized>(
    server: &Server,
    limit: Limit,
    key: &K,
    client_id: Option<&str>,
) -> Result<(), TooMany> {
    server.limits.require(limit, key).inspect_err(|too_many| report(server, too_many, client_id, None))
}

/// Counts one thing that is about to be remembered in the name of a client, which did not authenticate for it, and
/// requires that there are not too many of its `kind`.
///
/// # Errors
/// [`TooMany`]; nothing was remembered.
pub(crate) fn require_share(server: &Server, client_id: &str, kind: &'static str) -> Result<(), TooMany> {
    require(server, Limit::PublicClient, &(kind, client_id), Some(client_id))
}

fn report(server: &Server, too_many: &TooMany, client_id: Option<&str>, address: Option<Shown<'_>>) {
    let limit = too_many.limit.name();
    server.metrics.limited(limit);
    server.audit.record_sparingly(AuditEvent::RateLimited { limit, client_id, address });
}

impl From<TooMany> for TokenError {
    fn from(too_many: TooMany) -> Self {
        Self::TooManyRequests { retry_after: too_many.retry_after }
    }
}

/// 429 (RFC 6585 section 4), as a page for browsers and as an OAuth error for everybody else.
pub(crate) fn answer(server: &Server, headers: &HeaderMap, too_many: TooMany) -> Response {
    let wants_page = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let mut response = match wants_page {
        true => pages::error(server, headers, &[], StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
        false => refuse(server, too_many.into()),
    };
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(too_many.retry_after));
    refused(response, "rate_limited")
}

/// The proxy in front repeats the request after the handshake (RFC 8470 section 5.2).
fn too_early() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TOO_EARLY;
    render::forbid_storing(response.headers_mut());
    refused(response, "too_early")
}
