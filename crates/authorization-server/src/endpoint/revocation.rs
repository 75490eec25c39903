//! Token revocation (RFC 7009). A client ends its own tokens: an access token alone, or with a refresh token
//! the whole grant and every token under it (REV-2-04). What is unknown or dead is answered like what was
//! revoked. A public client needs no proof here: who holds a token may destroy it (REV-2-05).

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::crypto::Cryptography as _;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_query::TokenQuery;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_http::render;
use bindery_store::authorization::RefreshTokenState;

use super::{FormRequest, refuse};
use crate::authenticate;
use crate::event::AuditEvent;
use crate::issued_token::{self, TokenKind};
use crate::server::{AuthorizationServer, Server, unavailable};

pub(crate) const PATH: &str = "/revoke";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match respond(server, request).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            render::forbid_storing(response.headers_mut());
            response
        }
        Err(error) => refuse(server, error),
    }
}

async fn respond(server: &Server, request: Request) -> Result<(), TokenError> {
    let form = FormRequest::receive(server, request).await?;
    let now = form.arrived_at;
    let presented = form.presented(server)?;
    let query = TokenQuery::parse(form.body())?;
    let authentication = authenticate::client(server, PATH, &presented, &query.client, now).await;
    let (caller, _) = authentication.require()?;
    // Also one whose key is blocked: it must not come back to life with its key.
    let Some(found) = issued_token::find_unended(server, &query.token, now).await? else {
        return end_spent_family(server, &query.token, caller.client_id(), now).await;
    };
    if found.token.client_id != caller.client_id() {
        server.audit.record(AuditEvent::RevocationOfAnotherClientsToken { client_id: caller.client_id() });
        return Err(TokenError::TokenOfAnotherClient);
    }
    let store = &server.store;
    let (kind, done) = match &found.kind {
        TokenKind::Jwt { identifier } => {
            ("jwt", store.revoke_token_id(identifier, found.token.expires_at).await)
        }
        TokenKind::Opaque { digest } => ("opaque", store.revoke_access_token(digest).await),
        TokenKind::Refresh { grant_id } => ("refresh", store.revoke_grant(grant_id, now).await),
    };
    // A revocation that did not happen must never look like one (GHSA-7mqr-2v3q-v2wm's class).
    done.map_err(|error| unavailable("revoke", &error))?;
    let grant_id = match &found.kind {
        TokenKind::Refresh { grant_id } => Some(grant_id.as_str()),
        TokenKind::Jwt { .. } | TokenKind::Opaque { .. } => None,
    };
    let jti = found.token.identifier.as_deref();
    server.audit.record(AuditEvent::TokenRevoked { client_id: caller.client_id(), kind, jti, grant_id });
    Ok(())
}

/// A client that lost the answer to a rotation signs out with the token that it has: the grant ends.
async fn end_spent_family(
    server: &Server,
    token: &str,
    client_id: &str,
    now: UnixTime,
) -> Result<(), TokenError> {
    let digest = AwsLc.sha256(&[token.as_bytes()]);
    let state = server.store.find_refresh_token(&digest, now, server.settings.refresh_grace).await;
    let grant = match state.map_err(|error| unavailable("find_refresh_token", &error))? {
        RefreshTokenState::Live { grant, .. }
        | RefreshTokenState::SpentWithinGrace { grant, .. }
        | RefreshTokenState::Reused { grant } => grant,
        RefreshTokenState::Ended | RefreshTokenState::Unknown => return Ok(()),
    };
    if grant.client_id != client_id {
        return Ok(());
    }
    let done = server.store.revoke_grant(&grant.grant_id, now).await;
    done.map_err(|error| unavailable("revoke_grant", &error))?;
    let grant_id = Some(grant.grant_id.as_str());
    server.audit.record(AuditEvent::TokenRevoked { client_id, kind: "refresh", jti: None, grant_id });
    Ok(())
}
