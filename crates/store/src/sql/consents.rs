//! Consents in SQL.

use bindery_core::time::UnixTime;
use sqlx::QueryBuilder;

use super::row::{Reading, json_text, list_text, unavailable};
use super::{Connection, Row};
use crate::error::StoreError;
use crate::record::ConsentRecord;

macro_rules! columns {
    () => {
        "subject, client_id, scope, details, granted_at, expires_at"
    };
}

pub(super) async fn put(c: &mut Connection, consent: &ConsentRecord) -> Result<(), StoreError> {
    let put = sqlx::query(concat!(
        "INSERT INTO consents (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (subject, client_id) DO UPDATE SET scope = excluded.scope, details = excluded.details,
             granted_at = excluded.granted_at, expires_at = excluded.expires_at"
    ))
    .bind(&consent.subject)
    .bind(&consent.client_id)
    .bind(list_text(&consent.scope))
    .bind(json_text(&consent.details))
    .bind(consent.granted_at.as_seconds())
    .bind(consent.expires_at.map(UnixTime::as_seconds))
    .execute(c)
    .await;
    put.map_err(unavailable("remembering a consent"))?;
    Ok(())
}

pub(super) async fn find(
    c: &mut Connection,
    subject: &str,
    client_id: &str,
) -> Result<Option<ConsentRecord>, StoreError> {
    let row =
        sqlx::query(concat!("SELECT ", columns!(), " FROM consents WHERE subject = $1 AND client_id = $2"))
            .bind(subject)
            .bind(client_id)
            .fetch_optional(c)
            .await;
    row.map_err(unavailable("finding a consent"))?.as_ref().map(read).transpose()
}

pub(super) async fn remove(
    c: &mut Connection,
    subject: Option<&str>,
    client_id: Option<&str>,
) -> Result<u64, StoreError> {
    let mut query = QueryBuilder::new("DELETE FROM consents WHERE TRUE");
    if let Some(subject) = subject {
        query.push(" AND subject = ").push_bind(subject);
    }
    if let Some(client_id) = client_id {
        query.push(" AND client_id = ").push_bind(client_id);
    }
    let removed = query.build().execute(c).await;
    Ok(removed.map_err(unavailable("removing consents"))?.rows_affected())
}

pub(super) async fn list(c: &mut Connection, subject: &str) -> Result<Vec<ConsentRecord>, StoreError> {
    let rows =
        sqlx::query(concat!("SELECT ", columns!(), " FROM consents WHERE subject = $1 ORDER BY client_id"))
            .bind(subject)
            .fetch_all(c)
            .await;
    rows.map_err(unavailable("listing consents"))?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<ConsentRecord, StoreError> {
    let row = Reading::named(row, "consent", "client_id");
    Ok(ConsentRecord {
        subject: row.get("subject")?,
        client_id: row.get("client_id")?,
        scope: row.list("scope")?,
        details: row.json("details")?,
        granted_at: row.time("granted_at")?,
        expires_at: row.time_if_any("expires_at")?,
    })
}
