//! Initial access tokens: what lets a client register itself where registration is not open. A token is shown
//! once, when it is made.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use bindery_core::crypto::Sha256Digest;
use bindery_core::encoding::base64url;
use bindery_store::record::{PendingKind, PendingRecord};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::blocked_keys::LONGEST_REASON;
use super::body::{self, Answer, JsonBody};
use super::door::Administrator;
use super::page::{self, Asked, Page};
use super::problem::{Kind, Problem};
use crate::event::AuditEvent;
use crate::registration::initial_access_token::{self, InitialAccess};
use crate::server::AuthorizationServer;

/// The longest life of a token, in seconds.
const LONGEST_LIFE: u64 = 365 * 24 * 3600;

/// The most clients that one token may register.
const MOST_USES: u32 = 10_000;

/// An initial access token, without the token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InitialAccessToken)]
pub(super) struct InitialAccessView {
    /// Names it; no secret.
    id: String,
    /// What it was made for.
    label: String,
    /// How many clients it may register.
    uses: u32,
    /// How many of those are left; 0 when it is used up or revoked.
    uses_left: u32,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// When it ends.
    expires_at: i64,
}

impl InitialAccessView {
    fn of(record: &PendingRecord, access: InitialAccess) -> Self {
        Self {
            id: access.id,
            label: access.label,
            uses: access.uses,
            uses_left: if record.spent_at.is_some() { 0 } else { access.uses_left },
            created_at: record.created_at.as_seconds(),
            expires_at: record.expires_at.as_seconds(),
        }
    }
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InitialAccessAsked {
    /// What it is for, such as the name of the partner.
    label: String,
    /// How many clients it may register, 1 to 10000; 1 without it.
    uses: Option<u32>,
    /// For how many seconds it is good, at most a year; a day without it.
    expires_in: Option<u64>,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InitialAccessCreated {
    /// Names it.
    id: String,
    /// The token, shown this once.
    initial_access_token: String,
    /// When it ends, in seconds since 1970.
    expires_at: i64,
}

/// Which tokens are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InitialAccessTokensAsked {
    /// The `next` of the page before.
    after: Option<String>,
    /// The most items, 1 to 500; 100 without it.
    limit: Option<u32>,
}

/// Lists initial access tokens that have not expired.
#[utoipa::path(get, path = "/initial-access-tokens", operation_id = "listInitialAccessTokens",
    tag = "initial access tokens", params(InitialAccessTokensAsked),
    responses((status = 200, description = "One page", body = Page<InitialAccessView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(asked): Asked<InitialAccessTokensAsked>,
) -> Result<Answer<Page<InitialAccessView>>, Problem> {
    let limit = page::limit(asked.limit)?;
    let after: Option<Sha256Digest> = match &asked.after {
        None => None,
        Some(text) => Some(base64url::decode_array(text).map_err(|_| {
            Problem::new(Kind::InvalidRequest, "it is not the `next` of a page", "follow `next`")
                .about("after")
        })?),
    };
    let kind = PendingKind::InitialAccessToken;
    let records = server.0.store.list_pending(kind, after.as_ref(), limit.saturating_add(1)).await?;
    // The cursor is a digest of the token, which opens nothing.
    let page = Page::cut(records, limit, |record: &PendingRecord| base64url::encode(record.key_sha256));
    let seen = |record: &PendingRecord| {
        initial_access_token::read(record).map(|access| InitialAccessView::of(record, access))
    };
    let items = page.items.iter().filter_map(seen).collect();
    Ok(Answer(StatusCode::OK, Page { items, next: page.next }))
}

/// Makes an initial access token.
#[utoipa::path(post, path = "/initial-access-tokens", operation_id = "createInitialAccessToken",
    tag = "initial access tokens", request_body = InitialAccessAsked,
    responses((status = 201, description = "Made", body = InitialAccessCreated)))]
pub(super) async fn create(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    JsonBody(asked): JsonBody<InitialAccessAsked>,
) -> Result<Answer<InitialAccessCreated>, Problem> {
    let server = &*server.0;
    let uses = asked.uses.unwrap_or(1);
    let life = asked.expires_in.unwrap_or(24 * 3600);
    let wrong = |member: &str, rule: String| {
        Err(Problem::new(Kind::InvalidMember, rule, "choose another value").about(member))
    };
    if !(1..=MOST_USES).contains(&uses) {
        return wrong("uses", format!("it is not between 1 and {MOST_USES}"));
    }
    if !(1..=LONGEST_LIFE).contains(&life) {
        return wrong("expires_in", format!("it is not between 1 and {LONGEST_LIFE} seconds"));
    }
    if asked.label.trim().is_empty() || asked.label.len() > LONGEST_REASON {
        return wrong("label", format!("it is not a text of 1 to {LONGEST_REASON} bytes"));
    }
    let now = server.clock.now();
    let expires_at = now.plus(Duration::from_secs(life));
    let made = initial_access_token::issue(&*server.store, &asked.label, uses, now, expires_at).await?;
    let Some((token, access)) = made else {
        return Err(Problem::new(Kind::Unavailable, "the machine's random source fails", "repeat it later"));
    };
    server.audit.record(AuditEvent::InitialAccessTokenMade {
        id: &access.id,
        label: &access.label,
        uses: u64::from(uses),
        administrator: &administrator.name,
    });
    Ok(Answer(
        StatusCode::CREATED,
        InitialAccessCreated {
            id: access.id,
            initial_access_token: token.to_string(),
            expires_at: expires_at.as_seconds(),
        },
    ))
}

/// Revokes an initial access token. Clients that it has registered stay.
#[utoipa::path(delete, path = "/initial-access-tokens/{id}", operation_id = "revokeInitialAccessToken",
    tag = "initial access tokens", params(("id" = String, Path, description = "The token's name")),
    responses((status = 204, description = "Revoked")))]
pub(super) async fn revoke(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    let revoked = initial_access_token::revoke(&*server.store, &id, server.clock.now()).await?;
    revoked.ok_or_else(|| {
        Problem::not_found("initial access token that is still good", "/initial-access-tokens")
    })?;
    let administrator = administrator.name.as_str();
    server.audit.record(AuditEvent::InitialAccessTokenRevoked { id: &id, administrator });
    Ok(body::no_content())
}
