//! Single-use claims in PostgreSQL. The claim is made first, by one statement that waits for whoever makes or
//! purges the same one, and what was purged is looked at afterwards: looking first would leave a gap between
//! the two, in which another node purges (DPOP-11.1-08, DPOP-11.1-12).

use bindery_core::replay::ReplayOutcome;
use sqlx::PgConnection;

use super::sql::unavailable;
use crate::error::StoreError;

/// Claims what is not claimed, unless it could be something that was purged. A claim whose time is over
/// may be made again with a later one.
pub(super) async fn claim(
    c: &mut PgConnection,
    fingerprint: [u8; 16],
    expires_at: i64,
    now: i64,
) -> Result<ReplayOutcome, StoreError> {
    let claimed = sqlx::query(
        "INSERT INTO claims (fingerprint, expires_at) VALUES ($1, $2)
         ON CONFLICT (fingerprint) DO UPDATE SET expires_at = excluded.expires_at
         WHERE claims.expires_at < $3 AND claims.expires_at < excluded.expires_at",
    )
    .bind(&fingerprint[..])
    .bind(expires_at)
    .bind(now)
    .execute(&mut *c)
    .await
    .map_err(unavailable("claiming"))?;
    if claimed.rows_affected() == 0 {
        return Ok(ReplayOutcome::Duplicate);
    }
    let dropped_through = sqlx::query_scalar::<_, i64>("SELECT dropped_through FROM claim_memory")
        .fetch_one(c)
        .await
        .map_err(unavailable("claiming"))?;
    // The claim stays: whatever has its expiry is refused from now on anyway.
    Ok(if expires_at > dropped_through { ReplayOutcome::Inserted } else { ReplayOutcome::Duplicate })
}
