//! The pushed authorization request endpoint (RFC 9126): the client authenticates as at the token endpoint, its
//! whole request is validated here, and what it gets is a reference that means nothing to anybody else. A proof
//! sent along binds the code to its key (RFC 9449 section 10.1).

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::oauth::authorization_request::{AuthorizationError, AuthorizationParameters};
use bindery_core::oauth::form::Form;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_request::ClientParameters;
use bindery_http::render;
use http::StatusCode;
use serde_json::json;

use super::{FormRequest, Refusal, json as json_answer};
use crate::authorization::pushed;
use crate::authorization::request::{self, Channel};
use crate::configuration::NoncePolicy;
use crate::event::{AuditEvent, Shown};
use crate::server::{AuthorizationServer, Server};
use crate::{admission, authenticate, binding};

pub(crate) const PATH: &str = "/par";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match respond(server, request).await {
        Ok(accepted) => {
            let body = json!({
                "request_uri": accepted.request_uri,
                "expires_in": server.settings.request_uri_lifetime.as_secs(),
            });
            let mut response = json_answer(StatusCode::CREATED, body.to_string().into_bytes());
            // As at the token endpoint: the next nonce comes along where nonces are always required.
            if server.settings.dpop.nonce == NoncePolicy::Required
                && accepted.with_proof
                && let Ok(nonce) = server.nonce_keys.issue(&server.settings.issuer, server.clock.now())
            {
                render::set_dpop_nonce(response.headers_mut(), nonce.as_str());
            }
            response
        }
        Err(refusal) => refusal.answer(server),
    }
}

struct Accepted {
    request_uri: String,
    bound_to: Option<JwkThumbprint>,
    with_proof: bool,
}

async fn respond(server: &Server, request: Request) -> Result<Accepted, Refusal> {
    let received = FormRequest::receive(server, request).await?;
    let now = received.arrived_at;
    let presented = received.presented(server)?;
    let form = Form::parse_repeating(received.body(), &AuthorizationParameters::REPEATING);
    let form = form.map_err(TokenError::Form)?;
    // The nonce is judged before the assertion is spent (DPOP-5-15).
    let evidence = binding::establish(server, &presented, now)?;
    let parameters = ClientParameters::read(&form);
    let authentication = authenticate::client(server, PATH, &presented, &parameters, now).await;
    let (authenticated, client) = authentication.require()?;
    let client_id = authenticated.client_id();
    let outcome = async {
        let channel = Channel::Pushed(&authenticated);
        if !client.metadata.grant_types.iter().any(|grant| grant == "authorization_code") {
            return Err(Refusal::from(AuthorizationError::UnauthorizedClient));
        }
        let mut request =
            request::read(server, &form, &client, channel, now).await.map_err(|refused| refused.error)?;
        if authenticated.is_public() {
            admission::require_share(server, client_id, PATH).map_err(TokenError::from)?;
        }
        let proven = evidence.spend_proof(server, now).await?;
        request.dpop_jkt = bind(request.dpop_jkt, proven)?;
        let request_uri = pushed::store(server, &request, now).await.map_err(|_| TokenError::Unavailable)?;
        Ok(Accepted { request_uri, bound_to: request.dpop_jkt, with_proof: proven.is_some() })
    };
    match outcome.await {
        Ok(accepted) => {
            let jkt = accepted.bound_to.as_ref().map(|jkt| -> Shown<'_> { jkt });
            server.audit.record(AuditEvent::RequestPushed { client_id, jkt });
            Ok(accepted)
        }
        Err(refusal) => {
            let reason = refusal.reason();
            server.audit.record(AuditEvent::PushedRequestRefused { client_id, reason });
            Err(refusal)
        }
    }
}

/// The key that the code will be bound to: said, or shown, or both alike (DPOP-10.1-01 to -03).
fn bind(
    said: Option<JwkThumbprint>,
    shown: Option<JwkThumbprint>,
) -> Result<Option<JwkThumbprint>, AuthorizationError> {
    match (said, shown) {
        (Some(said), Some(shown)) if said != shown => Err(AuthorizationError::DpopJktMismatch),
        (said, shown) => Ok(shown.or(said)),
    }
}
