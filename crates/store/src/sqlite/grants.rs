//! Grants in SQLite, and the revocation of what is known by `jti` alone.

use bindery_core::time::UnixTime;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::row::{Reading, insert_failed, json_text, list_text, unavailable};
use crate::authorization::{GrantBinding, Revocation};
use crate::error::StoreError;
use crate::record::GrantRecord;

pub(super) async fn insert(c: &mut SqliteConnection, grant: &GrantRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query("INSERT INTO grants VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
        .bind(&grant.grant_id)
        .bind(&grant.client_id)
        .bind(&grant.subject)
        .bind(list_text(&grant.scope))
        .bind(list_text(&grant.audience))
        .bind(grant.bound_to.as_ref().map(json_text))
        .bind(grant.created_at.as_seconds())
        .bind(grant.expires_at.as_seconds())
        .bind(grant.revoked_at.map(UnixTime::as_seconds))
        .execute(c)
        .await;
    inserted.map_err(insert_failed("adding a grant", ("grant", &grant.grant_id), None))?;
    Ok(())
}

pub(super) async fn find(
    c: &mut SqliteConnection,
    grant_id: &str,
) -> Result<Option<GrantRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM grants WHERE grant_id = ?1").bind(grant_id).fetch_optional(c).await;
    let row = row.map_err(unavailable("finding a grant"))?;
    row.as_ref().map(|row| read(&Reading::named(row, "grant", "grant_id"))).transpose()
}

pub(super) async fn revoke(
    c: &mut SqliteConnection,
    grant_id: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let revoked = sqlx::query("UPDATE grants SET revoked_at = coalesce(revoked_at, ?2) WHERE grant_id = ?1")
        .bind(grant_id)
        .bind(now.as_seconds())
        .execute(c)
        .await;
    match revoked.map_err(unavailable("revoking a grant"))?.rows_affected() {
        0 => Err(StoreError::unknown("grant", grant_id)),
        _ => Ok(()),
    }
}

pub(super) async fn bind(
    c: &mut SqliteConnection,
    grant_id: &str,
    confirmation: &Value,
) -> Result<GrantBinding, StoreError> {
    let bound = sqlx::query("UPDATE grants SET bound_to = ?2 WHERE grant_id = ?1 AND bound_to IS NULL")
        .bind(grant_id)
        .bind(json_text(confirmation))
        .execute(&mut *c)
        .await;
    if bound.map_err(unavailable("binding a grant"))?.rows_affected() == 1 {
        return Ok(GrantBinding::Bound);
    }
    let grant = find(c, grant_id).await?.ok_or_else(|| StoreError::unknown("grant", grant_id))?;
    let corrupt = StoreError::Corrupt { record: "grant", name: grant_id.to_owned(), member: "bound_to" };
    grant.bound_to.map(GrantBinding::BoundBefore).ok_or(corrupt)
}

pub(super) async fn revoke_token_id(
    c: &mut SqliteConnection,
    jti: &str,
    expires_at: UnixTime,
) -> Result<(), StoreError> {
    let revoked = sqlx::query(
        "INSERT INTO revoked_tokens VALUES (?1, ?2)
         ON CONFLICT (jti) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
    )
    .bind(jti)
    .bind(expires_at.as_seconds())
    .execute(c)
    .await;
    revoked.map_err(unavailable("revoking a token"))?;
    Ok(())
}

pub(super) async fn find_revocation(
    c: &mut SqliteConnection,
    jti: &str,
    grant_id: Option<&str>,
) -> Result<Revocation, StoreError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = ?1) AS token_revoked,
                EXISTS (SELECT 1 FROM grants WHERE grant_id = ?2 AND revoked_at IS NULL) AS grant_stands",
    )
    .bind(jti)
    .bind(grant_id)
    .fetch_one(c)
    .await
    .map_err(unavailable("looking for a revocation"))?;
    let flag = |name| row.try_get::<bool, _>(name).map_err(unavailable("looking for a revocation"));
    if flag("token_revoked")? {
        return Ok(Revocation::Token);
    }
    if grant_id.is_some() && !flag("grant_stands")? {
        return Ok(Revocation::Grant);
    }
    Ok(Revocation::NotRevoked)
}

/// Reads a grant's own members, from its row or from one that it was joined to under the same names.
pub(super) fn read(row: &Reading<'_>) -> Result<GrantRecord, StoreError> {
    Ok(GrantRecord {
        grant_id: row.get("grant_id")?,
        client_id: row.get("client_id")?,
        subject: row.get("subject")?,
        scope: row.list("scope")?,
        audience: row.list("audience")?,
        bound_to: row.json_if_any("bound_to")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        revoked_at: row.time_if_any("revoked_at")?,
    })
}

/// Reads the grant of a row that `SELECT grants.*, ..` begins with.
pub(super) fn read_joined(row: &SqliteRow) -> Result<GrantRecord, StoreError> {
    read(&Reading::named(row, "grant", "grant_id"))
}
