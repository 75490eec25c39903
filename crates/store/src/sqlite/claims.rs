//! Single-use claims in SQLite: one statement decides and remembers (DPOP-11.1-08). Claims that were
//! purged are not forgotten by a clock that steps back: see `dropped_through`.

use bindery_core::replay::ReplayOutcome;
use sqlx::SqliteConnection;

use super::sql::unavailable;
use crate::error::StoreError;

/// Claims what is not claimed, unless it could be something that was purged. A claim whose time is over
/// may be made again with a later one.
pub(super) async fn claim(
    c: &mut SqliteConnection,
    fingerprint: [u8; 16],
    expires_at: i64,
    now: i64,
) -> Result<ReplayOutcome, StoreError> {
    let claimed = sqlx::query(
        "INSERT INTO claims (fingerprint, expires_at) SELECT $1, $2 WHERE $2 > (SELECT dropped_through FROM claim_memory)
         ON CONFLICT (fingerprint) DO UPDATE SET expires_at = excluded.expires_at
         WHERE claims.expires_at < $3 AND claims.expires_at < excluded.expires_at",
    )
    .bind(&fingerprint[..])
    .bind(expires_at)
    .bind(now)
    .execute(c)
    .await;
    Ok(match claimed.map_err(unavailable("claiming"))?.rows_affected() {
        0 => ReplayOutcome::Duplicate,
        _ => ReplayOutcome::Inserted,
    })
}
