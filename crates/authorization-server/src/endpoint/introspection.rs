//! Token introspection (RFC 7662), plain or signed (RFC 9701). The caller authenticates as a client, and is told of a token only if it is
//! the resource server that the token is for, or the client that it was issued to; everything else is
//! inactive, in the same bytes (INT-2-03). A DPoP header here is not the token's proof and is not looked at
//! (DPOP-6.2-03, AMB-28).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::introspection::{
    ActiveToken, INTROSPECTION_MEDIA_TYPE, INTROSPECTION_TYPE, IntrospectionResponse,
};
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_query::TokenQuery;
use bindery_core::time::UnixTime;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{FormRequest, json, refuse};
use crate::client_registry::Client;
use crate::encryption::{JWT, encrypt_for_client};
use crate::event::AuditEvent;
use crate::server::{AuthorizationServer, Server};
use crate::{authenticate, issued_token};

pub(crate) const PATH: &str = "/introspect";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let asks_for_jwt = accepts_jwt(request.headers());
    match respond(server, request).await {
        Ok(answer) => answer.render(server, asks_for_jwt).await,
        Err(error) => refuse(server, error),
    }
}

/// JINT-3-01: a caller that wants the signed form names its media type.
fn accepts_jwt(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut names = values.flat_map(|value| value.split(','));
    names.any(|name| {
        name.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(INTROSPECTION_MEDIA_TYPE)
    })
}

/// What is said, to whom, when.
struct Answer {
    said: IntrospectionResponse,
    caller: Arc<Client>,
    now: UnixTime,
}

impl Answer {
    /// JSON, or the signed form where the caller asks for it or the profile demands it (RFC 9701, FMS-INT-01).
    async fn render(self, server: &Server, asks_for_jwt: bool) -> Response {
        let Self { said, caller, now } = self;
        let client = &caller.metadata;
        let demanded = server.settings.rules.of_client(client).require_signed_introspection;
        if !(asks_for_jwt || demanded) {
            return json(StatusCode::OK, said.render());
        }
        let claims = said.signed_claims(&server.settings.issuer, &client.client_id, now);
        let keys = server.signing_keys.current();
        let signed = keys.sign_as(client.introspection.algorithm, Some(INTROSPECTION_TYPE), &claims);
        let Ok(mut answer) = signed else {
            server.audit.record(AuditEvent::SigningFailed {});
            return refuse(server, TokenError::Unavailable);
        };
        if let Some(encryption) = client.introspection.encryption {
            let encrypted = encrypt_for_client(server, client, &answer, encryption, Some(JWT), now).await;
            let Ok(encrypted) = encrypted else { return refuse(server, TokenError::Unavailable) };
            answer = encrypted;
        }
        let mut response = json(StatusCode::OK, answer.into_bytes());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(INTROSPECTION_MEDIA_TYPE));
        response
    }
}

async fn respond(server: &Server, request: Request) -> Result<Answer, TokenError> {
    let form = FormRequest::receive(server, request).await?;
    let now = form.arrived_at;
    let presented = form.presented(server)?;
    let query = TokenQuery::parse(form.body())?;
    let authentication = authenticate::client(server, PATH, &presented, &query.client, now).await;
    let (authenticated, caller) = authentication.require()?;
    // INT-4-01: saying a name is not authentication.
    if authenticated.is_public() {
        return Err(TokenError::ClientAuthentication { basic: false });
    }
    let found = issued_token::find(server, &query.token, now).await?;
    let said = match found.filter(|found| concerns(&found.token, &caller.metadata)) {
        Some(found) => IntrospectionResponse::Active(Box::new(found.token)),
        None => IntrospectionResponse::Inactive,
    };
    Ok(Answer { said, caller, now })
}

/// INT-2-04, JINT-8-01. A refresh token concerns nobody but its client.
fn concerns(token: &ActiveToken, caller: &ClientMetadata) -> bool {
    let audience = token.audience.iter().any(|audience| caller.introspection_audiences.contains(audience));
    token.client_id == caller.client_id || (audience && !token.refresh)
}
