//! The endpoints, one file each, and what they share: reading a form request and rendering an error. No
//! answer of an endpoint that handles tokens is ever stored by a cache (RFC 6749 section 5.1).

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bindery_core::mtls::certificate::PresentedCertificate;
use bindery_core::oauth::form::{FormInvalid, MAXIMUM_FORM};
use bindery_core::oauth::token_error::{ProofWindow, TokenError};
use bindery_core::time::UnixTime;
use bindery_http::presented::{self, Presented};
use bindery_http::{Peer, identity_headers, render};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::server::Server;

pub(crate) mod health;
pub(crate) mod introspection;
pub(crate) mod jwks;
pub(crate) mod metadata;
pub(crate) mod revocation;
pub(crate) mod token;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A form request whose size and media type hold, and from which whatever a client may not say of itself
/// has been removed.
pub(crate) struct FormRequest {
    parts: Parts,
    body: Bytes,
}

impl FormRequest {
    pub(crate) async fn receive(server: &Server, request: Request) -> Result<Self, TokenError> {
        let (mut parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>().cloned();
        identity_headers::strip_untrusted(&mut parts.headers, peer.as_ref(), &server.edge)
            .report(peer.as_ref());
        require_form(&parts.headers)?;
        let body = to_bytes(body, MAXIMUM_FORM).await.map_err(|_| TokenError::Form(FormInvalid::TooLong))?;
        Ok(Self { parts, body })
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn presented(&self, server: &Server) -> Result<Presented<'_>, TokenError> {
        presented::from_request(&self.parts, &server.edge).map_err(|rejection| {
            tracing::warn!(event = "request_unusable", %rejection);
            TokenError::RequestUnusable
        })
    }
}

/// RFC 6749 section 3.2 and appendix B: one media type, with parameters or without.
fn require_form(headers: &HeaderMap) -> Result<(), TokenError> {
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
pub(crate) fn refuse(server: &Server, error: TokenError, now: UnixTime) -> Response {
    let seconds = |seconds: u32| std::time::Duration::from_secs(u64::from(seconds));
    let dpop = &server.settings.dpop;
    let window = ProofWindow { now, past: seconds(dpop.past), future: seconds(dpop.future) };
    let status = StatusCode::from_u16(error.form().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, error.render(&window));
    match error {
        TokenError::ClientAuthentication { basic: true } => {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"authorization server\""));
        }
        // Without its nonce the client would repeat itself for ever.
        TokenError::UseDpopNonce { .. } => match server.nonce_keys.issue(&server.settings.issuer, now) {
            Ok(nonce) => render::set_dpop_nonce(response.headers_mut(), nonce.as_str()),
            Err(_) => return refuse(server, TokenError::Unavailable, now),
        },
        _ => {}
    }
    response
}

/// The certificate's thumbprint, for events.
pub(crate) fn x5t(presented: &Presented<'_>) -> Option<String> {
    match &presented.certificate {
        PresentedCertificate::Present(certificate) => Some(certificate.thumbprint().to_string()),
        PresentedCertificate::Absent(_) => None,
    }
}
