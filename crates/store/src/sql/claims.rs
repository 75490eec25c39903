//! Single-use claims in SQL: one statement decides and remembers (DPOP-11.1-08). Claims that were
//! purged are not forgotten by a clock that steps back: see `dropped_through`.

use bindery_core::replay::ReplayOutcome;
use sqlx::Row as _;

use super::Connection;
use super::row::unavailable;
use crate::error::StoreError;
use crate::fingerprint::FingerprintKey;

/// The key under which this store's claims are fingerprinted.
pub(in super::super) async fn fingerprint_key(c: &mut Connection) -> Result<FingerprintKey, StoreError> {
    const OPERATION: &str = "reading the fingerprint key";
    let row = sqlx::query("SELECT fingerprint_key FROM claim_memory").fetch_one(c).await;
    let row = row.map_err(unavailable(OPERATION))?;
    let key = row.try_get::<&[u8], _>(0).map_err(unavailable(OPERATION))?;
    let corrupt =
        |_| StoreError::Corrupt { record: "claim memory", name: String::new(), member: "fingerprint_key" };
    key.try_into().map(|key| FingerprintKey::new(&key)).map_err(corrupt)
}

/// Claims what is not claimed, unless it could be something that was purged. A claim whose time is over
/// may be made again with a later one.
pub(in super::super) async fn claim(
    c: &mut Connection,
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
