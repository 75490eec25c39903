//! Removal of what has expired, a few thousand rows at a time, so that no other write waits long.

use super::Connection;
use super::row::unavailable;
use crate::error::StoreError;

/// What is purged, in this order: what belongs to a grant goes before the grant.
#[derive(Clone, Copy)]
pub(in super::super) enum Purge {
    RefreshTokens,
    AccessTokens,
    Grants,
    RevokedTokens,
    Claims,
    Pending,
    Sessions,
    Consents,
    /// Not by its expiry but by the operator's retention: what happened before that second.
    Audit,
}

impl Purge {
    /// Removes at most [`STEP`] rows that have expired at `now` and says how many it removed.
    pub(in super::super) async fn step(self, c: &mut Connection, now: i64) -> Result<u64, StoreError> {
        const OPERATION: &str = "purging";
        if let Self::Claims = self {
            sqlx::query(
                "UPDATE claim_memory SET dropped_through = last.expired
                 FROM (SELECT max(expires_at) AS expired FROM claims WHERE expires_at < $1) AS last
                 WHERE last.expired > dropped_through",
            )
            .bind(now)
            .execute(&mut *c)
            .await
            .map_err(unavailable(OPERATION))?;
        }
        let removed = sqlx::query(self.statement()).bind(now).bind(STEP).execute(c).await;
        Ok(removed.map_err(unavailable(OPERATION))?.rows_affected())
    }

    const fn statement(self) -> &'static str {
        match self {
            Self::RefreshTokens => {
                "DELETE FROM refresh_tokens WHERE token_sha256 IN (
                     SELECT token_sha256 FROM refresh_tokens WHERE expires_at <= $1
                     UNION SELECT token_sha256 FROM grants JOIN refresh_tokens USING (grant_id)
                           WHERE grants.expires_at <= $1
                     LIMIT $2)"
            }
            Self::AccessTokens => {
                "DELETE FROM access_tokens WHERE token_sha256 IN (
                     SELECT token_sha256 FROM access_tokens WHERE expires_at <= $1
                     UNION SELECT token_sha256 FROM grants JOIN access_tokens USING (grant_id)
                           WHERE grants.expires_at <= $1
                     LIMIT $2)"
            }
            Self::Grants => {
                "DELETE FROM grants WHERE grant_id IN (
                     SELECT grant_id FROM grants WHERE expires_at <= $1 LIMIT $2)"
            }
            // A token is still accepted in the second of its `exp` by whoever allows for skew.
            Self::RevokedTokens => {
                "DELETE FROM revoked_tokens WHERE jti IN (
                     SELECT jti FROM revoked_tokens WHERE expires_at < $1 LIMIT $2)"
            }
            Self::Pending => {
                "DELETE FROM pending WHERE (kind, key_sha256) IN (
                     SELECT kind, key_sha256 FROM pending WHERE forget_at <= $1 LIMIT $2)"
            }
            Self::Sessions => {
                "DELETE FROM sessions WHERE session_id IN (
                     SELECT session_id FROM sessions WHERE expires_at <= $1 LIMIT $2)"
            }
            Self::Consents => {
                "DELETE FROM consents WHERE (subject, client_id) IN (
                     SELECT subject, client_id FROM consents WHERE expires_at <= $1 LIMIT $2)"
            }
            Self::Audit => {
                "DELETE FROM audit WHERE sequence IN (
                     SELECT sequence FROM audit WHERE at < $1 LIMIT $2)"
            }
            // A claim holds through the second of its expiry. One that came since the mark was moved, by a node
            // whose clock is behind, stays: beyond the mark nothing would remember it.
            Self::Claims => {
                "DELETE FROM claims WHERE fingerprint IN (
                     SELECT fingerprint FROM claims, claim_memory
                     WHERE claims.expires_at < $1 AND claims.expires_at <= claim_memory.dropped_through
                     LIMIT $2)"
            }
        }
    }
}

/// Rows that are removed in one write.
pub(in super::super) const STEP: i64 = 2_000;
