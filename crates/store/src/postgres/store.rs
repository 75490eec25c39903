//! How calls reach the database: on any connection of the pool, in bounded time.

use std::time::Duration;

use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

use super::sql::{Purge, STEP, unavailable};
use super::{PostgresStore, claims, reading, transaction, writing};
use crate::error::StoreError;

impl PostgresStore {
    pub(super) async fn connection(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.map_err(unavailable("connecting to the database"))
    }

    pub(super) async fn claim(&self, entry: &ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        if entry.expires_at < now {
            return ReplayOutcome::Duplicate; // It may have been here and gone: nothing vouches for it.
        }
        let fingerprint = self.fingerprints.fingerprint_bytes(entry);
        let (expires_at, now) = (entry.expires_at.as_seconds(), now.as_seconds());
        let outcome = self.claim_fingerprint(fingerprint, expires_at, now).await;
        outcome.unwrap_or(ReplayOutcome::Unavailable)
    }

    async fn claim_fingerprint(
        &self,
        fingerprint: [u8; 16],
        expires_at: i64,
        now: i64,
    ) -> Result<ReplayOutcome, StoreError> {
        writing!(self, "claiming", [], |c| claims::claim(c, fingerprint, expires_at, now))
    }

    pub(super) async fn purge(&self, purge: Purge, now: UnixTime) -> Result<u64, StoreError> {
        let now = now.as_seconds();
        let mut all = 0;
        loop {
            let removed = self.purge_step(purge, now).await?;
            all += removed;
            if removed < STEP as u64 {
                return Ok(all);
            }
        }
    }

    /// One node purges at a time; the others have nothing to do then.
    async fn purge_step(&self, purge: Purge, now: i64) -> Result<u64, StoreError> {
        transaction!(self, "purging", [], |c| async {
            let alone = sqlx::query_scalar::<_, bool>(
                "SELECT pg_try_advisory_xact_lock(hashtext('bindery purge'), hashtext(current_schema()))",
            );
            match alone.fetch_one(&mut *c).await.map_err(unavailable("purging"))? {
                true => purge.step(c, now).await,
                false => Ok(0),
            }
        })
    }
}

/// Lets one writer of audit records in at a time, until its transaction ends: a number that is visible has no
/// lower one behind it that is not.
pub(super) async fn serialize_audit(c: &mut PgConnection) -> Result<(), StoreError> {
    let lock = "SELECT pg_advisory_xact_lock(hashtext('bindery audit'), hashtext(current_schema()))";
    sqlx::query(lock).execute(c).await.map_err(unavailable("adding audit records"))?;
    Ok(())
}

pub(super) async fn begin(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, StoreError> {
    connection.begin().await.map_err(unavailable("beginning a transaction"))
}

/// Gives up on a server that says nothing: its own timeouts have passed by then.
pub(super) async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let silent = |_| StoreError::Unavailable {
        operation: "waiting for the database",
        cause: "it did not answer in time".to_owned(),
    };
    tokio::time::timeout(PATIENCE, call).await.map_err(silent)?
}

/// Gives a connection back, or closes it when the call on it failed with it.
pub(super) fn let_go<T>(
    connection: PoolConnection<Postgres>,
    outcome: Result<T, StoreError>,
) -> Result<T, StoreError> {
    if let Err(StoreError::Unavailable { .. }) = &outcome {
        drop(connection.detach());
    }
    outcome
}

const PATIENCE: Duration = Duration::from_secs(8);
