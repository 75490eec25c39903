//! Barred clients in SQL.

use super::row::{Reading, unavailable};
use super::{Connection, Row};
use crate::error::StoreError;
use crate::record::BarredClientRecord;

pub(super) async fn bar(c: &mut Connection, client: &BarredClientRecord) -> Result<(), StoreError> {
    let barred = sqlx::query(
        "INSERT INTO barred_clients (client_id, reason, offboarded, barred_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (client_id) DO UPDATE SET reason = excluded.reason, offboarded = excluded.offboarded,
             barred_at = excluded.barred_at",
    )
    .bind(&client.client_id)
    .bind(&client.reason)
    .bind(client.offboarded)
    .bind(client.barred_at.as_seconds())
    .execute(c)
    .await;
    barred.map_err(unavailable("barring a client"))?;
    Ok(())
}

pub(super) async fn unbar(c: &mut Connection, client_id: &str) -> Result<(), StoreError> {
    let removed =
        sqlx::query("DELETE FROM barred_clients WHERE client_id = $1").bind(client_id).execute(c).await;
    match removed.map_err(unavailable("unbarring a client"))?.rows_affected() {
        0 => Err(StoreError::unknown("barred client", client_id)),
        _ => Ok(()),
    }
}

pub(super) async fn list(c: &mut Connection) -> Result<Vec<BarredClientRecord>, StoreError> {
    let rows =
        sqlx::query("SELECT client_id, reason, offboarded, barred_at FROM barred_clients ORDER BY client_id")
            .fetch_all(c)
            .await;
    rows.map_err(unavailable("listing barred clients"))?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<BarredClientRecord, StoreError> {
    let row = Reading::named(row, "barred client", "client_id");
    Ok(BarredClientRecord {
        client_id: row.get("client_id")?,
        reason: row.get("reason")?,
        offboarded: row.get("offboarded")?,
        barred_at: row.time("barred_at")?,
    })
}
