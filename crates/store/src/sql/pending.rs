//! Things that are spent once, in SQL: one statement decides and changes, so that it doesn't matter how many
//! processes ask at once (RFC 6749 section 4.1.2, RFC 9126 section 4).

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use serde_json::Value;

use super::row::{Reading, insert_failed, is_nobodys, json_text, stored_count, unavailable};
use super::{Connection, Row, Store, grants, reading, transaction, writing};
use crate::authorization::{PendingStore, PendingUpdate, Spending, judge_unspent};
use crate::error::StoreError;
use crate::record::{GrantRecord, PendingKind, PendingRecord, RefreshTokenRecord};

macro_rules! columns {
    () => {
        "kind, key_sha256, alias_sha256, client_id, subject, payload, revision, created_at, expires_at, forget_at, spent_at"
    };
}

#[async_trait]
impl PendingStore for Store {
    async fn insert_pending(&self, record: &PendingRecord) -> Result<(), StoreError> {
        writing!(self, "adding a pending record", [record], |c| insert(c, &record))
    }

    async fn find_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
    ) -> Result<Option<PendingRecord>, StoreError> {
        reading!(self, |c| find(c, kind, key_sha256))
    }

    async fn find_pending_by_alias(
        &self,
        kind: PendingKind,
        alias_sha256: &Sha256Digest,
    ) -> Result<Option<PendingRecord>, StoreError> {
        reading!(self, |c| find_by_alias(c, kind, alias_sha256))
    }

    async fn update_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        revision: u64,
        payload: &Value,
        now: UnixTime,
    ) -> Result<PendingUpdate, StoreError> {
        writing!(self, "changing a pending record", [key_sha256, payload], |c| update(
            c,
            kind,
            &key_sha256,
            revision,
            &payload,
            now
        ))
    }

    async fn spend_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        now: UnixTime,
    ) -> Result<Spending, StoreError> {
        writing!(self, "spending a pending record", [key_sha256], |c| spend(c, kind, &key_sha256, now))
    }

    async fn redeem_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        now: UnixTime,
        grant: &GrantRecord,
        refresh: Option<&RefreshTokenRecord>,
    ) -> Result<Spending, StoreError> {
        let refresh = refresh.cloned();
        transaction!(self, "redeeming a pending record", [key_sha256, grant], |c| redeem(
            c,
            kind,
            &key_sha256,
            now,
            &grant,
            refresh.as_ref()
        ))
    }

    async fn list_pending(
        &self,
        kind: PendingKind,
        after: Option<&Sha256Digest>,
        limit: u32,
    ) -> Result<Vec<PendingRecord>, StoreError> {
        reading!(self, |c| list(c, kind, after, limit))
    }

    async fn list_waiting(
        &self,
        kind: PendingKind,
        subject: &str,
        now: UnixTime,
        limit: u32,
    ) -> Result<Vec<PendingRecord>, StoreError> {
        if is_nobodys(subject) {
            return Ok(Vec::new());
        }
        reading!(self, |c| list_waiting(c, kind, subject, now, limit))
    }

    async fn count_waiting(
        &self,
        kind: PendingKind,
        client_id: &str,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        if is_nobodys(client_id) {
            return Ok(0);
        }
        reading!(self, |c| count_waiting(c, kind, client_id, now))
    }

    async fn claim_once(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        self.claim(&entry, now).await
    }
}

pub(super) async fn insert(c: &mut Connection, record: &PendingRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query(concat!(
        "INSERT INTO pending (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
    .bind(record.kind.as_str())
    .bind(&record.key_sha256[..])
    .bind(record.alias_sha256.as_ref().map(|digest| &digest[..]))
    .bind(&record.client_id)
    .bind(&record.subject)
    .bind(json_text(&record.payload))
    .bind(stored_count(record.revision))
    .bind(record.created_at.as_seconds())
    .bind(record.expires_at.as_seconds())
    .bind(record.forget_at.as_seconds())
    .bind(record.spent_at.map(UnixTime::as_seconds))
    .execute(c)
    .await;
    let operation = "adding a pending record";
    inserted.map_err(insert_failed(operation, ("pending record", record.kind.as_str()), None))?;
    Ok(())
}

async fn find(
    c: &mut Connection,
    kind: PendingKind,
    key: &Sha256Digest,
) -> Result<Option<PendingRecord>, StoreError> {
    let row =
        sqlx::query(concat!("SELECT ", columns!(), " FROM pending WHERE kind = $1 AND key_sha256 = $2"))
            .bind(kind.as_str())
            .bind(&key[..])
            .fetch_optional(c)
            .await;
    row.map_err(unavailable("finding a pending record"))?.as_ref().map(read).transpose()
}

async fn find_by_alias(
    c: &mut Connection,
    kind: PendingKind,
    alias: &Sha256Digest,
) -> Result<Option<PendingRecord>, StoreError> {
    let row =
        sqlx::query(concat!("SELECT ", columns!(), " FROM pending WHERE kind = $1 AND alias_sha256 = $2"))
            .bind(kind.as_str())
            .bind(&alias[..])
            .fetch_optional(c)
            .await;
    row.map_err(unavailable("finding a pending record"))?.as_ref().map(read).transpose()
}

async fn update(
    c: &mut Connection,
    kind: PendingKind,
    key: &Sha256Digest,
    revision: u64,
    payload: &Value,
    now: UnixTime,
) -> Result<PendingUpdate, StoreError> {
    let updated = sqlx::query(
        "UPDATE pending SET payload = $4, revision = revision + 1
         WHERE kind = $1 AND key_sha256 = $2 AND revision = $3 AND spent_at IS NULL AND expires_at > $5",
    )
    .bind(kind.as_str())
    .bind(&key[..])
    .bind(stored_count(revision))
    .bind(json_text(payload))
    .bind(now.as_seconds())
    .execute(&mut *c)
    .await;
    if updated.map_err(unavailable("changing a pending record"))?.rows_affected() == 1 {
        return Ok(PendingUpdate::Updated { revision: revision + 1 });
    }
    Ok(match find(c, kind, key).await? {
        Some(record) if record.spent_at.is_none() && now < record.expires_at => PendingUpdate::Stale,
        Some(_) | None => PendingUpdate::Over,
    })
}

async fn spend(
    c: &mut Connection,
    kind: PendingKind,
    key: &Sha256Digest,
    now: UnixTime,
) -> Result<Spending, StoreError> {
    let spent = sqlx::query(concat!(
        "UPDATE pending SET spent_at = $3
         WHERE kind = $1 AND key_sha256 = $2 AND spent_at IS NULL AND expires_at > $3 RETURNING ",
        columns!()
    ))
    .bind(kind.as_str())
    .bind(&key[..])
    .bind(now.as_seconds())
    .fetch_optional(&mut *c)
    .await;
    match spent.map_err(unavailable("spending a pending record"))? {
        Some(row) => Ok(Spending::Spent(read(&row)?)),
        None => Ok(judge_unspent(find(c, kind, key).await?, now)),
    }
}

/// Runs in one transaction: what was spent is unspent again when its grant can't be stored.
async fn redeem(
    c: &mut Connection,
    kind: PendingKind,
    key: &Sha256Digest,
    now: UnixTime,
    grant: &GrantRecord,
    refresh: Option<&RefreshTokenRecord>,
) -> Result<Spending, StoreError> {
    let spending = spend(c, kind, key, now).await?;
    if let Spending::Spent(_) = &spending {
        grants::provision(c, grant, refresh).await?;
    }
    Ok(spending)
}

async fn list(
    c: &mut Connection,
    kind: PendingKind,
    after: Option<&Sha256Digest>,
    limit: u32,
) -> Result<Vec<PendingRecord>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM pending WHERE kind = $1 AND key_sha256 > $2 ORDER BY key_sha256 LIMIT $3"
    ))
    .bind(kind.as_str())
    // Nothing is before the empty string.
    .bind(after.map_or(&[][..], |digest| &digest[..]))
    .bind(i64::from(limit))
    .fetch_all(c)
    .await;
    rows.map_err(unavailable("listing pending records"))?.iter().map(read).collect()
}

async fn list_waiting(
    c: &mut Connection,
    kind: PendingKind,
    subject: &str,
    now: UnixTime,
    limit: u32,
) -> Result<Vec<PendingRecord>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM pending WHERE subject = $1 AND kind = $2 AND spent_at IS NULL AND expires_at > $3
         ORDER BY created_at, key_sha256 LIMIT $4"
    ))
    .bind(subject)
    .bind(kind.as_str())
    .bind(now.as_seconds())
    .bind(i64::from(limit))
    .fetch_all(c)
    .await;
    rows.map_err(unavailable("listing what waits"))?.iter().map(read).collect()
}

async fn count_waiting(
    c: &mut Connection,
    kind: PendingKind,
    client_id: &str,
    now: UnixTime,
) -> Result<u64, StoreError> {
    let counted = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM pending WHERE client_id = $1 AND kind = $2 AND subject IS NOT NULL
             AND spent_at IS NULL AND expires_at > $3",
    )
    .bind(client_id)
    .bind(kind.as_str())
    .bind(now.as_seconds())
    .fetch_one(c)
    .await;
    Ok(u64::try_from(counted.map_err(unavailable("counting what waits"))?).unwrap_or_default())
}

fn read(row: &Row) -> Result<PendingRecord, StoreError> {
    let row = Reading::named(row, "pending record", "kind");
    Ok(PendingRecord {
        kind: PendingKind::parse(row.get("kind")?).ok_or_else(|| row.corrupt("kind"))?,
        key_sha256: row.digest("key_sha256")?,
        alias_sha256: row.digest_if_any("alias_sha256")?,
        client_id: row.get("client_id")?,
        subject: row.get("subject")?,
        payload: row.json("payload")?,
        revision: row.count("revision")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        forget_at: row.time("forget_at")?,
        spent_at: row.time_if_any("spent_at")?,
    })
}
