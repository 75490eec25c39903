//! How calls reach the file: reads on a reader, everything else through the one writer.

use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};

use super::claims::Claim;
use super::sql::{Purge, STEP, unavailable};
use super::{SqliteStore, writing};
use crate::error::StoreError;

impl SqliteStore {
    pub(super) async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        const OPERATION: &str = "opening the file for reading";
        self.file.require_in_place(OPERATION)?;
        self.readers.acquire().await.map_err(unavailable(OPERATION))
    }

    pub(super) async fn claim(&self, entry: &ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        if entry.expires_at < now {
            return ReplayOutcome::Duplicate; // It may have been here and gone: nothing vouches for it.
        }
        let fingerprint = self.fingerprints.fingerprint_bytes(entry);
        let (expires_at, now) = (entry.expires_at.as_seconds(), now.as_seconds());
        let made = self.claims.make(&self.writer, Claim { fingerprint, expires_at, now }).await;
        made.unwrap_or(ReplayOutcome::Unavailable)
    }

    pub(super) async fn purge(&self, purge: Purge, now: UnixTime) -> Result<u64, StoreError> {
        let now = now.as_seconds();
        let mut all = 0;
        loop {
            let removed = writing!(self, "purging", [], |c| purge.step(c, now))?;
            all += removed;
            if removed < STEP as u64 {
                return Ok(all);
            }
        }
    }
}

/// There is one writer.
pub(super) async fn serialize_audit(_: &mut SqliteConnection) -> Result<(), StoreError> {
    Ok(())
}
