//! The endpoints, one file each, and what they share: reading a form request and rendering an error. No
//! answer of an endpoint that handles tokens is ever stored by a cache (RFC 6749 section 5.1).

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bindery_core::mtls::certificate::PresentedCertificate;
use bindery_core::oauth::authorization_request::AuthorizationError;
use bindery_core::oauth::backchannel_request::BackchannelRefused;
use bindery_core::oauth::form::{FormInvalid, MAXIMUM_FORM};
use bindery_core::oauth::request_object::RequestObjectRefused;
use bindery_core::oauth::token_error::{ProofWindow, TokenError};
use bindery_core::time::UnixTime;
use bindery_http::presented::{self, Presented};
use bindery_http::{Peer, identity_headers, render};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::event::AuditEvent;
use crate::observation::refused;
use crate::server::Server;

pub(crate) mod account;
pub(crate) mod approval;
pub(crate) mod assets;
pub(crate) mod authorize;
pub(crate) mod backchannel_authentication;
pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod device_authorization;
pub(crate) mod end_session;
pub(crate) mod health;
pub(crate) mod interactions;
pub(crate) mod introspection;
pub(crate) mod jwks;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod pushed_authorization_request;
pub(crate) mod registration;
pub(crate) mod revocation;
pub(crate) mod token;
pub(crate) mod userinfo;

/// How long a body may take to arrive, so that a peer that trickles bytes does not hold its place for ever.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A form request whose size and media type hold, and from which whatever a client may not say of itself
/// has been removed.
pub(crate) struct FormRequest {
    parts: Parts,
    body: Bytes,
    /// The time of its last byte: whoever sends slowly is not judged by an earlier clock.
    pub(crate) arrived_at: UnixTime,
}

impl FormRequest {
    pub(crate) async fn receive(server: &Server, request: Request) -> Result<Self, TokenError> {
        let (mut parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>().cloned();
        identity_headers::strip_untrusted(&mut parts.headers, peer.as_ref(), &server.edge)
            .report(peer.as_ref());
        require_form(&parts.headers)?;
        let body = read_capped(body, MAXIMUM_FORM).await.map_err(|unreadable| match unreadable {
            BodyUnreadable::TooLong => TokenError::Form(FormInvalid::TooLong),
            BodyUnreadable::TooSlow => TokenError::BodyTooSlow,
        })?;
        Ok(Self { parts, body, arrived_at: server.clock.now() })
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn presented(&self, server: &Server) -> Result<Presented<'_>, TokenError> {
        presented::from_request(&self.parts, &server.edge).map_err(|rejection| {
            server.audit.record(AuditEvent::RequestUnusable { rejection: &rejection });
            TokenError::RequestUnusable
        })
    }
}

/// Why a body is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyUnreadable {
    TooLong,
    TooSlow,
}

/// A body of at most `cap` bytes that arrives in time.
pub(crate) async fn read_capped(body: Body, cap: usize) -> Result<Bytes, BodyUnreadable> {
    read_within(body, cap, BODY_DEADLINE).await
}

async fn read_within(body: Body, cap: usize, deadline: Duration) -> Result<Bytes, BodyUnreadable> {
    match tokio::time::timeout(deadline, to_bytes(body, cap)).await {
        Ok(read) => read.map_err(|_| BodyUnreadable::TooLong),
        Err(_) => Err(BodyUnreadable::TooSlow),
    }
}

/// RFC 6749 section 3.2 and appendix B: one media type, with parameters or without.
pub(crate) fn require_form(headers: &HeaderMap) -> Result<(), TokenError> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(TokenError::MediaType) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err(TokenError::MediaType)
    }
}

/// A JSON answer that nobody stores.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    render::forbid_storing(response.headers_mut());
    response
}

/// The answer to a refused request: with the challenge that Basic wants, and with exactly one nonce where
/// one is asked for.
pub(crate) fn refuse(server: &Server, error: TokenError) -> Response {
    let now = server.clock.now();
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let dpop = &server.settings.dpop;
    let window = ProofWindow { now, past: seconds(dpop.past), future: seconds(dpop.future) };
    let status = StatusCode::from_u16(error.form().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refused(json(status, error.render(&window)), error.form().reason);
    match error {
        TokenError::ClientAuthentication { basic: true } => {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"authorization server\""));
        }
        TokenError::TooManyRequests { retry_after } => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
        }
        // Without its nonce the client would repeat itself for ever.
        TokenError::UseDpopNonce { .. } => match server.nonce_keys.issue(&server.settings.issuer, now) {
            Ok(nonce) => render::set_dpop_nonce(response.headers_mut(), nonce.as_str()),
            Err(_) => return refuse(server, TokenError::Unavailable),
        },
        _ => {}
    }
    response
}

/// Why a request is refused that a client makes itself to ask for something of a person: as at the token endpoint,
/// or as an authorization request (RFC 9126 section 2.3, RFC 8628 section 3.2, CIBA Core section 13).
#[derive(Debug)]
pub(crate) enum Refusal {
    Token(TokenError),
    Authorization(AuthorizationError),
    Backchannel(BackchannelRefused),
    /// A signed authentication request breaks a rule (CIBA Core section 13).
    SignedRequest(RequestObjectRefused),
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<AuthorizationError> for Refusal {
    fn from(error: AuthorizationError) -> Self {
        Self::Authorization(error)
    }
}

impl From<BackchannelRefused> for Refusal {
    fn from(refused: BackchannelRefused) -> Self {
        Self::Backchannel(refused)
    }
}

impl Refusal {
    /// The reason that the client is told.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.form().reason,
            Self::Authorization(error) => error.reason(),
            Self::Backchannel(refused) => refused.form().1,
            Self::SignedRequest(refused) => refused.reason(),
        }
    }

    pub(crate) fn answer(self, server: &Server) -> Response {
        let (status, code, reason, sentence) = match self {
            Self::Token(error) => return refuse(server, error),
            Self::Authorization(error) => {
                let form = error.form();
                (form.status, form.code, form.reason, form.sentence)
            }
            Self::Backchannel(fault) => {
                let (code, reason, sentence) = fault.form();
                (fault.status(), code, reason, sentence)
            }
            Self::SignedRequest(fault) => (400, "invalid_request", fault.reason(), fault.sentence()),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let members = serde_json::json!({"error": code, "error_description": sentence, "reason": reason});
        refused(json(status, members.to_string().into_bytes()), reason)
    }
}

/// The certificate's thumbprint, for events.
pub(crate) fn x5t(presented: &Presented<'_>) -> Option<String> {
    match &presented.certificate {
        PresentedCertificate::Present(certificate) => Some(certificate.thumbprint().to_string()),
        PresentedCertificate::Absent(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rejects_a_body_that_does_not_arrive_in_time() {
        let silent = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let outcome = read_within(Body::from_stream(silent), MAXIMUM_FORM, Duration::ZERO).await;
        assert_eq!(outcome, Err(BodyUnreadable::TooSlow));
    }
}
