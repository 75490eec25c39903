//! The device authorization endpoint (RFC 8628 section 3.1): a device that has no browser asks for a code that its
//! person types elsewhere. A proof sent along binds the request to its key at once; without one the first poll does.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::authorization_request::AuthorizationParameters;
use bindery_core::oauth::form::Form;
use bindery_core::oauth::polling::DEVICE_CODE_GRANT;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_request::ClientParameters;
use bindery_core::token::confirmation::Confirmation;
use http::StatusCode;
use serde_json::{Value, json};

use super::{FormRequest, Refusal, json as json_answer};
use crate::decoupled::{self, device};
use crate::event::{AuditEvent, Shown};
use crate::server::{AuthorizationServer, Server};
use crate::{admission, authenticate, binding};

pub(crate) const PATH: &str = "/device_authorization";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match respond(server, request).await {
        Ok(answer) => json_answer(StatusCode::OK, answer.to_string().into_bytes()),
        Err(refusal) => refusal.answer(server),
    }
}

async fn respond(server: &Server, request: Request) -> Result<Value, Refusal> {
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
    if !client.metadata.grant_types.iter().any(|grant| grant == DEVICE_CODE_GRANT) {
        return Err(TokenError::UnauthorizedClient.into());
    }
    let ask = decoupled::ask(server, &decoupled::parameters(&form)?, &client.metadata)?;
    if authenticated.is_public() {
        admission::require_share(server, authenticated.client_id(), PATH).map_err(TokenError::from)?;
    }
    let proven = evidence.spend_proof(server, now).await?;
    let bound_to = proven.and_then(|jkt| Confirmation::Dpop(jkt).to_claim());
    let begun = device::begin(server, &client, ask, bound_to, now).await?;
    server.audit.record(AuditEvent::DeviceCodeIssued {
        client_id: &client.metadata.client_id,
        jkt: proven.as_ref().map(|jkt| jkt as Shown<'_>),
    });
    let verification_uri = format!("{}{}", server.settings.issuer, super::device::PATH);
    Ok(json!({
        "device_code": begun.device_code.as_str(),
        "user_code": begun.user_code.to_string(),
        "verification_uri": verification_uri,
        "verification_uri_complete": format!("{verification_uri}?user_code={}", begun.user_code),
        "expires_in": server.settings.device.lifetime,
        "interval": server.settings.device.interval,
    }))
}
