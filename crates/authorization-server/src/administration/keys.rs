//! The issuer's signing keys: which there are and where each stands in its life. Private halves never leave
//! the store but sealed, and never through here.

use axum::extract::State;
use bindery_store::record::SigningKeyRecord;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Answer;
use super::page::Page;
use super::problem::Problem;
use crate::server::AuthorizationServer;

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct KeyView {
    /// `kid`.
    key_id: String,
    /// Its algorithm.
    algorithm: String,
    /// `pending`: published, not used yet. `active`: signs. `retired`: verifies what it signed.
    state: &'static str,
    /// Its public half, as the JWK set shows it.
    #[schema(value_type = Object)]
    public_jwk: Value,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// When it began to sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<i64>,
    /// When it ceased to sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<i64>,
}

impl From<SigningKeyRecord> for KeyView {
    fn from(record: SigningKeyRecord) -> Self {
        Self {
            key_id: record.key_id,
            algorithm: record.algorithm,
            state: record.state.as_str(),
            public_jwk: record.public_jwk,
            created_at: record.created_at.as_seconds(),
            activated_at: record.activated_at.map(bindery_core::time::UnixTime::as_seconds),
            retired_at: record.retired_at.map(bindery_core::time::UnixTime::as_seconds),
        }
    }
}

/// Lists the signing keys, oldest first, all on one page.
#[utoipa::path(get, path = "/keys", operation_id = "listKeys", tag = "keys",
    responses((status = 200, description = "All keys", body = Page<KeyView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
) -> Result<Answer<Page<KeyView>>, Problem> {
    let records = server.0.store.list_signing_keys().await?;
    let items = records.into_iter().map(KeyView::from).collect();
    Ok(Answer(StatusCode::OK, Page { items, next: None }))
}
