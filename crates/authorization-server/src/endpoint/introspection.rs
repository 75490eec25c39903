//! Token introspection (RFC 7662). The caller authenticates as a client, and is told of a token only if it is
//! the resource server that the token is for, or the client that it was issued to; everything else is
//! inactive, in the same bytes (INT-2-03). A DPoP header here is not the token's proof and is not looked at
//! (DPOP-6.2-03, AMB-28).

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::introspection::{ActiveToken, IntrospectionResponse};
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_query::TokenQuery;
use http::StatusCode;

use super::{FormRequest, json, refuse};
use crate::server::{AuthorizationServer, Server};
use crate::{authenticate, issued_token};

pub(crate) const PATH: &str = "/introspect";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match respond(server, request).await {
        Ok(answer) => json(StatusCode::OK, answer.render()),
        Err(error) => refuse(server, error),
    }
}

async fn respond(server: &Server, request: Request) -> Result<IntrospectionResponse, TokenError> {
    let form = FormRequest::receive(server, request).await?;
    let now = form.arrived_at;
    let presented = form.presented(server)?;
    let query = TokenQuery::parse(form.body())?;
    let authentication = authenticate::client(server, PATH, &presented, &query.client, now).await;
    let (caller, client) = authentication.require()?;
    // INT-4-01: saying a name is not authentication.
    if caller.is_public() {
        return Err(TokenError::ClientAuthentication { basic: false });
    }
    let found = issued_token::find(server, &query.token, now).await?;
    match found.filter(|found| concerns(&found.token, &client.metadata)) {
        Some(found) => Ok(IntrospectionResponse::Active(Box::new(found.token))),
        None => Ok(IntrospectionResponse::Inactive),
    }
}

/// INT-2-04, JINT-8-01. A refresh token concerns nobody but its client.
fn concerns(token: &ActiveToken, caller: &ClientMetadata) -> bool {
    let audience = token.audience.iter().any(|audience| caller.introspection_audiences.contains(audience));
    token.client_id == caller.client_id || (audience && !token.refresh)
}
