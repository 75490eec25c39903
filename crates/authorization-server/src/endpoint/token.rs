//! The token endpoint (RFC 6749 section 3.2): the life of a token request, as the design draws it. Nothing is
//! spent before the nonce was judged, nothing issued before everything holds.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_request;
use bindery_core::oauth::token_response::TokenResponse;
use bindery_http::render;
use http::StatusCode;

use super::{FormRequest, json, refuse, x5t};
use crate::configuration::NoncePolicy;
use crate::event::AuditEvent;
use crate::observation::note_client;
use crate::registration::population;
use crate::server::{AuthorizationServer, Server};
use crate::{authenticate, binding, grant, issue};

pub(crate) const PATH: &str = "/token";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match respond(server, request).await {
        Ok(issued) => {
            let mut response = json(StatusCode::OK, issued.render());
            // DPOP-8.2-01 and AMB-04: the next nonce comes along only where nonces are always required.
            if server.settings.dpop.nonce == NoncePolicy::Required
                && issued.confirmation.dpop().is_some()
                && let Ok(nonce) = server.nonce_keys.issue(&server.settings.issuer, server.clock.now())
            {
                render::set_dpop_nonce(response.headers_mut(), nonce.as_str());
            }
            response
        }
        Err(error) => refuse(server, error),
    }
}

async fn respond(server: &Server, request: Request) -> Result<TokenResponse, TokenError> {
    let form = FormRequest::receive(server, request).await?;
    let now = form.arrived_at;
    let presented = form.presented(server)?;
    let request = token_request::parse(form.body(), &grant::forms())?;
    let evidence = binding::establish(server, &presented, now)?;
    let authentication = authenticate::client(server, PATH, &presented, &request.client, now).await;
    let (authenticated, client) = authentication.require()?;
    let issued = async {
        let asked = grant::GrantRequest {
            server,
            authenticated: &authenticated,
            client: &client.metadata,
            parameters: &request.parameters,
            now,
        };
        let held = grant::require_holder(request.grant, asked).await?;
        let binding = evidence.spend(server, &client.metadata, now).await?;
        let grant_type = held.grant_type();
        note_client(authenticated.client_id(), Some(grant_type));
        let granted = held.redeem(&binding).await?;
        let issued =
            issue::mint(server, grant_type, granted, binding, &authenticated, &client.metadata, now).await;
        if issued.is_ok() {
            population::note_use(server, &client).await;
        }
        issued
    };
    issued.await.inspect_err(|error| {
        server.audit.record(AuditEvent::TokenRefused {
            client_id: authenticated.client_id(),
            reason: error.form().reason,
            x5t: x5t(&presented).as_deref(),
        });
    })
}
