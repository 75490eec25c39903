//! The issuer's keys: which there are, where each stands in its life, and changing that ahead of the schedule.
//! Private halves never leave the store but sealed, and never through here.

use axum::Extension;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, JsonBody};
use super::door::Administrator;
use super::page::Page;
use super::problem::{Kind, Problem};
use crate::key_schedule::{self, KeyAlgorithm, KeyChange, KeyChangeRefused, KeyStatus, Retirement, Rotation};
use crate::server::AuthorizationServer;

/// A key of the issuer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct KeyView {
    /// `kid`.
    key_id: String,
    /// Its algorithm.
    algorithm: String,
    /// `sig`, or `enc` where others encrypt to it.
    usage: &'static str,
    /// `pending`: published, not used yet. `active`: in use. `retired`: kept for what was made with it.
    state: &'static str,
    /// When it was made and published, in seconds since 1970.
    created_at: i64,
    /// When it came into use.
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<i64>,
    /// When it went out of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<i64>,
    /// What happens to it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
    /// When that happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<i64>,
}

impl From<KeyStatus> for KeyView {
    fn from(key: KeyStatus) -> Self {
        Self {
            key_id: key.key_id,
            algorithm: key.algorithm,
            usage: key.usage,
            state: key.state.as_str(),
            created_at: key.created_at.as_seconds(),
            activated_at: key.activated_at.map(bindery_core::time::UnixTime::as_seconds),
            retired_at: key.retired_at.map(bindery_core::time::UnixTime::as_seconds),
            next: key.next.map(|(step, _)| step.words()),
            next_at: key.next.map(|(_, at)| at.as_seconds()),
        }
    }
}

/// Which keys are rotated, and how.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RotationAsked {
    /// Of this algorithm; of every one without it.
    algorithm: Option<String>,
    /// Uses the new key at once, although caches may not have it; without it, it is published first.
    now: bool,
}

/// How a key is retired.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetirementAsked {
    /// The key is compromised: it is forgotten at once, and with it everything that it signed.
    emergency: bool,
}

/// What became of keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyChange)]
pub(super) struct KeyChangeView {
    /// The `kid` of a key that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<String>,
    /// The `kid` of a key that came into use.
    #[serde(skip_serializing_if = "Option::is_none")]
    activated: Option<String>,
    /// The `kid` of a key that went out of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<String>,
    /// The `kid` of a key that is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<String>,
    /// For how many seconds others may not know the key in use, and refuse what it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_to_caches: Option<u64>,
    /// For how many seconds others may go on to believe a key that is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    believed_by_caches: Option<u64>,
}

impl From<KeyChange> for KeyChangeView {
    fn from(change: KeyChange) -> Self {
        Self {
            made: change.made,
            activated: change.activated,
            retired: change.retired,
            removed: change.removed,
            unknown_to_caches: change.unknown_to_caches.map(|span| span.as_secs()),
            believed_by_caches: change.believed_by_caches.map(|span| span.as_secs()),
        }
    }
}

impl From<KeyChangeRefused> for Problem {
    fn from(refused: KeyChangeRefused) -> Self {
        let rule = refused.to_string();
        match refused {
            KeyChangeRefused::UnknownKey(_) => Self::not_found("key", "/keys"),
            KeyChangeRefused::NotConfigured(_) => {
                Self::new(Kind::InvalidMember, rule, "choose a configured algorithm").about("algorithm")
            }
            KeyChangeRefused::Published { .. } | KeyChangeRefused::RetiredBefore(_) => {
                Self::new(Kind::Conflict, rule, "look at GET /keys")
            }
            KeyChangeRefused::Failed(_) => Self::new(Kind::Unavailable, rule, "repeat the request later"),
        }
    }
}

/// Lists the keys, oldest first, all on one page.
#[utoipa::path(get, path = "/keys", operation_id = "listKeys", tag = "keys",
    responses((status = 200, description = "All keys", body = Page<KeyView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
) -> Result<Answer<Page<KeyView>>, Problem> {
    let items = key_schedule::list(&server).await?.into_iter().map(KeyView::from).collect();
    Ok(Answer(StatusCode::OK, Page { items, next: None }))
}

/// Replaces keys ahead of their schedule.
#[utoipa::path(post, path = "/keys/rotate", operation_id = "rotateKeys", tag = "keys", request_body = RotationAsked,
    responses((status = 200, description = "What was done, one for each algorithm", body = Vec<KeyChangeView>)))]
pub(super) async fn rotate(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    JsonBody(asked): JsonBody<RotationAsked>,
) -> Result<Answer<Vec<KeyChangeView>>, Problem> {
    let algorithm = match &asked.algorithm {
        None => None,
        Some(name) => {
            Some(KeyAlgorithm::from_name(name).ok_or_else(|| KeyChangeRefused::NotConfigured(name.clone()))?)
        }
    };
    let how = if asked.now { Rotation::AtOnce } else { Rotation::Publish };
    let changes = key_schedule::rotate_by(&server, &administrator.name, algorithm, how).await?;
    Ok(Answer(StatusCode::OK, changes.into_iter().map(KeyChangeView::from).collect()))
}

/// Takes a key out of use; its successor comes into use.
#[utoipa::path(post, path = "/keys/{key_id}/retire", operation_id = "retireKey", tag = "keys",
    params(("key_id" = String, Path, description = "The key's `kid`")), request_body = RetirementAsked,
    responses((status = 200, description = "What was done", body = KeyChangeView)))]
pub(super) async fn retire(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(key_id): Path<String>,
    JsonBody(asked): JsonBody<RetirementAsked>,
) -> Result<Answer<KeyChangeView>, Problem> {
    let how = if asked.emergency { Retirement::Emergency } else { Retirement::Orderly };
    let change = key_schedule::retire_by(&server, &administrator.name, &key_id, how).await?;
    Ok(Answer(StatusCode::OK, change.into()))
}
