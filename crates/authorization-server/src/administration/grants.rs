//! Grants: what clients may do, and for whom. Revoking one ends its refresh token, its opaque tokens, and its
//! JWTs wherever revocation is asked for. Many are revoked at once by client, subject or session, never by
//! an empty filter.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::mtls::certificate::CertificateThumbprint;
use bindery_core::token::confirmation::Confirmation;
use bindery_store::record::{GrantFilter, GrantRecord};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::{self, Answer, JsonBody};
use super::door::Administrator;
use super::page::{self, Asked, Page};
use super::problem::{Kind, Problem};
use crate::event::AuditEvent;
use crate::provision::{self, ProvisionRefused};
use crate::server::AuthorizationServer;

/// A grant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grant)]
pub(super) struct GrantView {
    /// Names the grant, here and as `gid` in its tokens.
    grant_id: String,
    /// The client that it was given to.
    client_id: String,
    /// The subject that its tokens speak of.
    subject: String,
    /// The session in which it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    /// Its scope values.
    scope: Vec<String>,
    /// The resource servers that it is for.
    audience: Vec<String>,
    /// The `cnf` that a refresh must prove; absent when the client's authentication is what binds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    bound_to: Option<Value>,
    /// What else its tokens say or depend on.
    #[schema(value_type = Object)]
    details: Value,
    /// When it was given, in seconds since 1970.
    created_at: i64,
    /// When it ends.
    expires_at: i64,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<i64>,
}

impl From<GrantRecord> for GrantView {
    fn from(record: GrantRecord) -> Self {
        Self {
            grant_id: record.grant_id,
            client_id: record.client_id,
            subject: record.subject,
            session_id: record.session_id,
            scope: record.scope,
            audience: record.audience,
            bound_to: record.bound_to,
            details: record.details,
            created_at: record.created_at.as_seconds(),
            expires_at: record.expires_at.as_seconds(),
            revoked_at: record.revoked_at.map(bindery_core::time::UnixTime::as_seconds),
        }
    }
}

/// Which grants are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantsAsked {
    /// Only what comes after this `grant_id`: the `next` of the page before.
    after: Option<String>,
    /// The most items, 1 to 500; 100 without it.
    limit: Option<u32>,
    /// Those of this client.
    client_id: Option<String>,
    /// Those that speak of this subject.
    subject: Option<String>,
    /// Those that were given in this session.
    session_id: Option<String>,
    /// Only those that are neither revoked nor expired.
    live: Option<bool>,
}

/// Which grants are revoked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevocationAsked {
    /// Those of this client.
    client_id: Option<String>,
    /// Those that speak of this subject.
    subject: Option<String>,
    /// Those that were given in this session.
    session_id: Option<String>,
}

/// How many grants were revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Revoked {
    /// Those that were not revoked before.
    revoked: u64,
}

/// A grant to be given without a person's consent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantAsked {
    /// The client.
    client_id: String,
    /// The person whom the grant speaks for.
    subject: String,
    /// The granted scope, with single spaces between; all of the client's without it.
    #[serde(default)]
    scope: String,
    /// Thumbprint of the DPoP key that the refresh token is bound to from birth.
    key_thumbprint: Option<String>,
    /// Thumbprint of the certificate that it is bound to.
    certificate_thumbprint: Option<String>,
}

/// A grant that was given.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantCreated {
    /// Names the grant.
    grant_id: String,
    /// Its refresh token, shown this once.
    refresh_token: String,
}

/// Lists grants, by `grant_id`.
#[utoipa::path(get, path = "/grants", operation_id = "listGrants", tag = "grants", params(GrantsAsked),
    responses((status = 200, description = "One page", body = Page<GrantView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(asked): Asked<GrantsAsked>,
) -> Result<Answer<Page<GrantView>>, Problem> {
    let server = &*server.0;
    let limit = page::limit(asked.limit)?;
    let filter = GrantFilter {
        client_id: asked.client_id,
        subject: asked.subject,
        session_id: asked.session_id,
        live_at: asked.live.unwrap_or(false).then(|| server.clock.now()),
    };
    let records = server.store.list_grants(&filter, asked.after.as_deref(), limit.saturating_add(1)).await?;
    let items = records.into_iter().map(GrantView::from).collect();
    Ok(Answer(StatusCode::OK, Page::cut(items, limit, |grant: &GrantView| grant.grant_id.clone())))
}

/// Shows one grant.
#[utoipa::path(get, path = "/grants/{grant_id}", operation_id = "getGrant", tag = "grants",
    params(("grant_id" = String, Path, description = "The grant")),
    responses((status = 200, description = "The grant", body = GrantView)))]
pub(super) async fn find(
    State(server): State<AuthorizationServer>,
    Path(grant_id): Path<String>,
) -> Result<Answer<GrantView>, Problem> {
    let record = server.0.store.find_grant(&grant_id).await?;
    Ok(Answer(StatusCode::OK, record.ok_or_else(|| Problem::not_found("grant", "/grants"))?.into()))
}

/// Gives a client a grant for a person, without asking the person: for estates that move here with consent
/// that was given elsewhere.
#[utoipa::path(post, path = "/grants", operation_id = "createGrant", tag = "grants", request_body = GrantAsked,
    responses((status = 201, description = "Given", body = GrantCreated)))]
pub(super) async fn provision(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    JsonBody(asked): JsonBody<GrantAsked>,
) -> Result<Answer<GrantCreated>, Problem> {
    let bound_to = bound_to(&asked)?;
    let GrantAsked { client_id, subject, scope, .. } = &asked;
    let by = &administrator.name;
    let given = provision::grant_by(&server, by, client_id, subject, scope, bound_to).await;
    let given = given.map_err(|refused| {
        let member = match &refused {
            ProvisionRefused::Client(_) | ProvisionRefused::GrantType(_) => "client_id",
            ProvisionRefused::Subject(_) => "subject",
            ProvisionRefused::Scope => "scope",
            ProvisionRefused::Store(_) | ProvisionRefused::Random => {
                return Problem::new(
                    Kind::Unavailable,
                    "the grant can't be stored",
                    "repeat the request later",
                );
            }
        };
        Problem::new(Kind::InvalidMember, refused.to_string(), "correct it").about(member)
    })?;
    let refresh_token = given.refresh_token.to_string();
    Ok(Answer(StatusCode::CREATED, GrantCreated { grant_id: given.grant_id, refresh_token }))
}

fn bound_to(asked: &GrantAsked) -> Result<Confirmation, Problem> {
    let wrong = |member: &str| {
        Problem::new(
            Kind::InvalidMember,
            "a thumbprint is 43 characters of base64url, SHA-256",
            "take it from `bindery explain` or from the client's key",
        )
        .about(member)
    };
    match (&asked.key_thumbprint, &asked.certificate_thumbprint) {
        (None, None) => Ok(Confirmation::Unbound),
        (Some(jkt), None) => {
            JwkThumbprint::parse(jkt).map(Confirmation::Dpop).map_err(|_| wrong("key_thumbprint"))
        }
        (None, Some(x5t)) => CertificateThumbprint::parse(x5t)
            .map(Confirmation::Mtls)
            .map_err(|_| wrong("certificate_thumbprint")),
        (Some(_), Some(_)) => {
            Err(Problem::new(Kind::InvalidMember, "a grant is bound to one key", "name one of both")
                .about("key_thumbprint"))
        }
    }
}

/// Revokes one grant and everything under it.
#[utoipa::path(delete, path = "/grants/{grant_id}", operation_id = "revokeGrant", tag = "grants",
    params(("grant_id" = String, Path, description = "The grant")),
    responses((status = 204, description = "Revoked")))]
pub(super) async fn revoke(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(grant_id): Path<String>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    server.store.revoke_grant(&grant_id, server.clock.now()).await?;
    server.audit.record(AuditEvent::GrantRevoked { grant_id: &grant_id, administrator: &administrator.name });
    Ok(body::no_content())
}

/// Revokes every grant of a client, a subject or a session, and everything under them.
#[utoipa::path(delete, path = "/grants", operation_id = "revokeGrants", tag = "grants", params(RevocationAsked),
    responses((status = 200, description = "Revoked", body = Revoked)))]
pub(super) async fn revoke_many(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Asked(asked): Asked<RevocationAsked>,
) -> Result<Answer<Revoked>, Problem> {
    let server = &*server.0;
    let RevocationAsked { client_id, subject, session_id } = asked;
    if client_id.is_none() && subject.is_none() && session_id.is_none() {
        let rule = "without a filter every grant would be revoked";
        return Err(Problem::new(Kind::InvalidRequest, rule, "name client_id, subject or session_id"));
    }
    let filter = GrantFilter { client_id, subject, session_id, live_at: None };
    let revoked = server.store.revoke_grants(&filter, server.clock.now()).await?;
    server.audit.record(AuditEvent::GrantsRevoked {
        client_id: filter.client_id.as_deref(),
        subject: filter.subject.as_deref(),
        session_id: filter.session_id.as_deref(),
        revoked,
        administrator: &administrator.name,
    });
    Ok(Answer(StatusCode::OK, Revoked { revoked }))
}
