//! Keys and certificates that open nothing, whoever holds them: by thumbprint, with a reason. A block counts
//! at once in this process and within half a minute in every other one on the same store.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use bindery_core::encoding::base64url;
use bindery_store::record::{BlockedKeyRecord, BlockedKind};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{self, Answer, JsonBody};
use super::door::Administrator;
use super::page::{self, Asked, Page};
use super::problem::{Kind, Problem};
use crate::event::AuditEvent;
use crate::server::AuthorizationServer;

/// The longest reason.
pub(super) const LONGEST_REASON: usize = 500;

/// What a thumbprint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum KeyKind {
    /// A DPoP key (`jkt`).
    Dpop,
    /// A certificate (`x5t#S256`).
    Certificate,
}

/// A blocked key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BlockedKey)]
pub(super) struct BlockedKeyView {
    /// Its thumbprint, 43 characters of base64url.
    thumbprint: String,
    /// What it is of.
    kind: KeyKind,
    /// The client that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// Why.
    reason: String,
    /// When, in seconds since 1970.
    blocked_at: i64,
}

impl From<BlockedKeyRecord> for BlockedKeyView {
    fn from(record: BlockedKeyRecord) -> Self {
        Self {
            thumbprint: record.thumbprint,
            kind: match record.kind {
                BlockedKind::Dpop => KeyKind::Dpop,
                BlockedKind::Certificate => KeyKind::Certificate,
            },
            client_id: record.client_id,
            reason: record.reason,
            blocked_at: record.blocked_at.as_seconds(),
        }
    }
}

/// A key to block.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockAsked {
    /// Its thumbprint, 43 characters of base64url.
    thumbprint: String,
    /// What it is of.
    kind: KeyKind,
    /// The client that used it, if that is known.
    client_id: Option<String>,
    /// Why, for those who find it later.
    reason: String,
}

/// Which blocked keys are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BlockedKeysAsked {
    /// Only what comes after this thumbprint: the `next` of the page before.
    after: Option<String>,
    /// The most items, 1 to 500; 100 without it.
    limit: Option<u32>,
}

/// Lists blocked keys, by thumbprint.
#[utoipa::path(get, path = "/blocked-keys", operation_id = "listBlockedKeys", tag = "blocked keys",
    params(BlockedKeysAsked), responses((status = 200, description = "One page", body = Page<BlockedKeyView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(asked): Asked<BlockedKeysAsked>,
) -> Result<Answer<Page<BlockedKeyView>>, Problem> {
    let limit = page::limit(asked.limit)?;
    let after = asked.after.unwrap_or_default();
    let records = server.0.store.list_blocked_keys().await?.into_iter();
    let items = records.filter(|record| record.thumbprint > after).take(page::one_more(limit));
    let items = items.map(BlockedKeyView::from).collect();
    Ok(Answer(StatusCode::OK, Page::cut(items, limit, |key: &BlockedKeyView| key.thumbprint.clone())))
}

/// Blocks a key or certificate: no token is issued to it, and none that is bound to it is accepted here.
#[utoipa::path(post, path = "/blocked-keys", operation_id = "blockKey", tag = "blocked keys",
    request_body = BlockAsked, responses((status = 201, description = "Blocked", body = BlockedKeyView)))]
pub(super) async fn block(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    JsonBody(asked): JsonBody<BlockAsked>,
) -> Result<Answer<BlockedKeyView>, Problem> {
    let server = &*server.0;
    if base64url::decode_array::<32>(&asked.thumbprint).is_err() {
        let rule = "a thumbprint is 43 characters of base64url, SHA-256";
        return Err(Problem::new(Kind::InvalidMember, rule, "take it from the audit log or from the grant")
            .about("thumbprint"));
    }
    require_reason(&asked.reason)?;
    let record = BlockedKeyRecord {
        thumbprint: asked.thumbprint,
        kind: match asked.kind {
            KeyKind::Dpop => BlockedKind::Dpop,
            KeyKind::Certificate => BlockedKind::Certificate,
        },
        client_id: asked.client_id,
        reason: asked.reason,
        blocked_at: server.clock.now(),
    };
    server.blocked_keys.block(&*server.store, std::slice::from_ref(&record)).await?;
    server.audit.record(AuditEvent::KeyBlocked {
        thumbprint: &record.thumbprint,
        kind: record.kind.as_str(),
        client_id: record.client_id.as_deref(),
        reason: &record.reason,
        administrator: &administrator.name,
    });
    Ok(Answer(StatusCode::CREATED, record.into()))
}

/// Takes a block away.
#[utoipa::path(delete, path = "/blocked-keys/{thumbprint}", operation_id = "unblockKey", tag = "blocked keys",
    params(("thumbprint" = String, Path, description = "The thumbprint")),
    responses((status = 204, description = "Not blocked any more")))]
pub(super) async fn unblock(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(thumbprint): Path<String>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    server.blocked_keys.unblock(&*server.store, &thumbprint).await?;
    server
        .audit
        .record(AuditEvent::KeyUnblocked { thumbprint: &thumbprint, administrator: &administrator.name });
    Ok(body::no_content())
}

/// Requires a reason that somebody can read later.
pub(super) fn require_reason(reason: &str) -> Result<(), Problem> {
    let fits =
        !reason.trim().is_empty() && reason.len() <= LONGEST_REASON && !reason.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    let rule = format!("it is not a text of 1 to {LONGEST_REASON} bytes on one line");
    Err(Problem::new(Kind::InvalidMember, rule, "say why, for those who find it later").about("reason"))
}
