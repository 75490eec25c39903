//! Blocked keys in SQL.

use super::row::{Reading, unavailable};
use super::{Connection, Row};
use crate::error::StoreError;
use crate::record::{BlockedKeyRecord, BlockedKind};

pub(super) async fn block(c: &mut Connection, key: &BlockedKeyRecord) -> Result<(), StoreError> {
    let blocked = sqlx::query(
        "INSERT INTO blocked_keys (thumbprint, kind, client_id, reason, blocked_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (thumbprint) DO UPDATE SET kind = excluded.kind, client_id = excluded.client_id,
             reason = excluded.reason, blocked_at = excluded.blocked_at",
    )
    .bind(&key.thumbprint)
    .bind(key.kind.as_str())
    .bind(&key.client_id)
    .bind(&key.reason)
    .bind(key.blocked_at.as_seconds())
    .execute(c)
    .await;
    blocked.map_err(unavailable("blocking a key"))?;
    Ok(())
}

pub(super) async fn unblock(c: &mut Connection, thumbprint: &str) -> Result<(), StoreError> {
    let removed =
        sqlx::query("DELETE FROM blocked_keys WHERE thumbprint = $1").bind(thumbprint).execute(c).await;
    match removed.map_err(unavailable("unblocking a key"))?.rows_affected() {
        0 => Err(StoreError::unknown("blocked key", thumbprint)),
        _ => Ok(()),
    }
}

pub(super) async fn find(
    c: &mut Connection,
    thumbprint: &str,
) -> Result<Option<BlockedKeyRecord>, StoreError> {
    let row = sqlx::query(
        "SELECT thumbprint, kind, client_id, reason, blocked_at FROM blocked_keys WHERE thumbprint = $1",
    )
    .bind(thumbprint)
    .fetch_optional(c)
    .await;
    row.map_err(unavailable("looking for a blocked key"))?.as_ref().map(read).transpose()
}

pub(super) async fn list(c: &mut Connection) -> Result<Vec<BlockedKeyRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT thumbprint, kind, client_id, reason, blocked_at FROM blocked_keys ORDER BY thumbprint",
    )
    .fetch_all(c)
    .await;
    rows.map_err(unavailable("listing blocked keys"))?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<BlockedKeyRecord, StoreError> {
    let row = Reading::named(row, "blocked key", "thumbprint");
    Ok(BlockedKeyRecord {
        thumbprint: row.get("thumbprint")?,
        kind: BlockedKind::parse(row.get("kind")?).ok_or_else(|| row.corrupt("kind"))?,
        client_id: row.get("client_id")?,
        reason: row.get("reason")?,
        blocked_at: row.time("blocked_at")?,
    })
}
