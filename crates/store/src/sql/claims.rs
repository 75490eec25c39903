//! The key under which single-use claims are fingerprinted, drawn once for each store. The claim itself is
//! each backend's own.

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
