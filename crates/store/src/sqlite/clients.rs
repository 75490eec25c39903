//! Clients in SQLite.

use bindery_core::time::UnixTime;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::row::{Reading, insert_failed, json_text, unavailable};
use crate::error::StoreError;
use crate::record::ClientRecord;

pub(super) async fn find(
    c: &mut SqliteConnection,
    client_id: &str,
) -> Result<Option<ClientRecord>, StoreError> {
    let row =
        sqlx::query("SELECT * FROM clients WHERE client_id = ?1").bind(client_id).fetch_optional(c).await;
    row.map_err(unavailable("finding a client"))?.as_ref().map(read).transpose()
}

pub(super) async fn list(c: &mut SqliteConnection) -> Result<Vec<ClientRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM clients ORDER BY client_id").fetch_all(c).await;
    rows.map_err(unavailable("listing clients"))?.iter().map(read).collect()
}

pub(super) async fn insert(c: &mut SqliteConnection, client: &ClientRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query("INSERT INTO clients VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .bind(&client.client_id)
        .bind(json_text(&client.metadata))
        .bind(client.secret_sha256.as_ref().map(|digest| &digest[..]))
        .bind(client.disabled)
        .bind(client.created_at.as_seconds())
        .bind(client.updated_at.as_seconds())
        .execute(c)
        .await;
    inserted.map_err(insert_failed("adding a client", ("client", &client.client_id), None))?;
    Ok(())
}

pub(super) async fn update(c: &mut SqliteConnection, client: &ClientRecord) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE clients SET metadata = ?2, secret_sha256 = ?3, disabled = ?4, updated_at = ?5
         WHERE client_id = ?1",
    )
    .bind(&client.client_id)
    .bind(json_text(&client.metadata))
    .bind(client.secret_sha256.as_ref().map(|digest| &digest[..]))
    .bind(client.disabled)
    .bind(client.updated_at.as_seconds())
    .execute(c)
    .await;
    match updated.map_err(unavailable("changing a client"))?.rows_affected() {
        0 => Err(StoreError::unknown("client", &client.client_id)),
        _ => Ok(()),
    }
}

pub(super) async fn disable(
    c: &mut SqliteConnection,
    client_id: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let disabled = sqlx::query(
        "UPDATE clients SET updated_at = CASE disabled WHEN 0 THEN ?2 ELSE updated_at END, disabled = 1
         WHERE client_id = ?1",
    )
    .bind(client_id)
    .bind(now.as_seconds())
    .execute(c)
    .await;
    match disabled.map_err(unavailable("disabling a client"))?.rows_affected() {
        0 => Err(StoreError::unknown("client", client_id)),
        _ => Ok(()),
    }
}

fn read(row: &SqliteRow) -> Result<ClientRecord, StoreError> {
    let row = Reading::named(row, "client", "client_id");
    Ok(ClientRecord {
        client_id: row.get("client_id")?,
        metadata: row.json("metadata")?,
        secret_sha256: row.digest_if_any("secret_sha256")?,
        disabled: row.get("disabled")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
