//! Grants, and the revocation of what was issued under them.

use async_trait::async_trait;
use bindery_core::time::UnixTime;
use serde_json::Value;

use crate::error::StoreError;
use crate::record::{GrantFilter, GrantRecord, RefreshTokenRecord};

/// The outcome of binding a grant to a key.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum GrantBinding {
    /// The grant was unbound and is bound now.
    Bound,
    /// The grant was bound before, to this `cnf`, which stays (DPOP-5-11).
    BoundBefore(Value),
}

/// Whether a self-contained token has been revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Revocation {
    /// No revocation is known.
    NotRevoked,
    /// The token itself is revoked.
    Token,
    /// Its grant is revoked, or is not in the store.
    Grant,
}

/// Remembers grants.
#[async_trait]
pub trait GrantStore: Send + Sync + 'static {
    /// Adds a grant.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the identifier is taken.
    async fn insert_grant(&self, grant: &GrantRecord) -> Result<(), StoreError>;

    /// The grant of that name, revoked or not.
    async fn find_grant(&self, grant_id: &str) -> Result<Option<GrantRecord>, StoreError>;

    /// Revokes a grant and with it every token issued under it (RFC 7009 section 2.1, REV-2-04). Revoking
    /// twice is no error, and the first time stays.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn revoke_grant(&self, grant_id: &str, now: UnixTime) -> Result<(), StoreError>;

    /// Binds a grant that is not bound yet to `confirmation`, a `cnf` claim. One caller wins; a bound
    /// grant never changes hands (DPOP-5-11, DPOP-5-12).
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is no such grant.
    async fn bind_grant(&self, grant_id: &str, confirmation: &Value) -> Result<GrantBinding, StoreError>;

    /// Adds a grant and its first refresh token, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an identifier or digest is taken, or the token names another grant or
    /// client than the grant.
    async fn provision_grant(
        &self,
        grant: &GrantRecord,
        refresh: Option<&RefreshTokenRecord>,
    ) -> Result<(), StoreError>;

    /// Replaces what a grant allows. Its client, subject, binding, session and times stay.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is no such grant.
    async fn update_grant(
        &self,
        grant_id: &str,
        scope: &[String],
        audience: &[String],
        details: &Value,
    ) -> Result<(), StoreError>;

    /// At most `limit` of the grants that are meant, by `grant_id`, from the first one behind `after` on.
    async fn list_grants(
        &self,
        filter: &GrantFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRecord>, StoreError>;

    /// Revokes all grants that are meant, as [`Self::revoke_grant`] does, and says how many were not revoked
    /// before. The default filter revokes every grant there is.
    async fn revoke_grants(&self, filter: &GrantFilter, now: UnixTime) -> Result<u64, StoreError>;

    /// Revokes a self-contained token by its `jti`, until `expires_at`, after which nobody accepts it.
    async fn revoke_token_id(&self, jti: &str, expires_at: UnixTime) -> Result<(), StoreError>;

    /// Whether a self-contained token has been revoked, itself or through the grant that it names.
    async fn find_revocation(&self, jti: &str, grant_id: Option<&str>) -> Result<Revocation, StoreError>;
}

/// Requires that a grant's first refresh token is the grant's.
pub(crate) fn require_own(grant: &GrantRecord, refresh: &RefreshTokenRecord) -> Result<(), StoreError> {
    if grant.grant_id == refresh.grant_id && grant.client_id == refresh.client_id {
        return Ok(());
    }
    Err(StoreError::Conflict {
        record: "refresh token",
        name: String::new(),
        rule: "a grant's first refresh token names that grant and its client",
    })
}
