//! Refresh tokens and opaque access tokens in SQLite. What a token is worth is read together with its
//! grant and its client in one statement, so no answer mixes two moments.

use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::grants;
use super::row::{Reading, insert_failed, json_text, list_text, unavailable};
use crate::authorization::{RefreshTokenState, Rotation, judge_refresh_token, require_heir};
use crate::error::StoreError;
use crate::record::{AccessTokenRecord, RefreshTokenRecord};

pub(super) async fn insert_refresh(
    c: &mut SqliteConnection,
    token: &RefreshTokenRecord,
) -> Result<(), StoreError> {
    let inserted = sqlx::query("INSERT INTO refresh_tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
        .bind(&token.token_sha256[..])
        .bind(&token.grant_id)
        .bind(&token.client_id)
        .bind(token.issued_at.as_seconds())
        .bind(token.expires_at.as_seconds())
        .bind(token.spent_at.map(UnixTime::as_seconds))
        .bind(token.successor.as_ref().map(|digest| &digest[..]))
        .execute(c)
        .await;
    let operation = "adding a refresh token";
    inserted.map_err(insert_failed(operation, ("refresh token", ""), Some(&token.grant_id)))?;
    Ok(())
}

pub(super) async fn find_refresh(
    c: &mut SqliteConnection,
    token_sha256: &Sha256Digest,
    now: UnixTime,
    grace: Duration,
) -> Result<RefreshTokenState, StoreError> {
    let row = sqlx::query(
        "SELECT grants.*, token_sha256, refresh_tokens.client_id AS token_client_id, issued_at,
                refresh_tokens.expires_at AS token_expires_at, spent_at, successor,
                coalesce(clients.disabled, 0) AS client_disabled
         FROM refresh_tokens JOIN grants USING (grant_id)
              LEFT JOIN clients ON clients.client_id = refresh_tokens.client_id
         WHERE token_sha256 = ?1",
    )
    .bind(&token_sha256[..])
    .fetch_optional(c)
    .await
    .map_err(unavailable("finding a refresh token"))?;
    let Some(row) = row else { return Ok(RefreshTokenState::Unknown) };
    let grant = grants::read_joined(&row)?;
    let row = Reading { row: &row, record: "refresh token", name: String::new() };
    let token = RefreshTokenRecord {
        token_sha256: row.digest("token_sha256")?,
        grant_id: grant.grant_id.clone(),
        client_id: row.get("token_client_id")?,
        issued_at: row.time("issued_at")?,
        expires_at: row.time("token_expires_at")?,
        spent_at: row.time_if_any("spent_at")?,
        successor: row.digest_if_any("successor")?,
    };
    Ok(judge_refresh_token(token, grant, row.get("client_disabled")?, now, grace))
}

/// Runs under the write lock, so that nothing comes between the look and the change.
pub(super) async fn rotate_refresh(
    c: &mut SqliteConnection,
    old: &Sha256Digest,
    new: &RefreshTokenRecord,
    now: UnixTime,
    grace: Duration,
) -> Result<Rotation, StoreError> {
    let (token, grant) = match find_refresh(c, old, now, grace).await? {
        RefreshTokenState::Live { token, grant } => (token, grant),
        refused => return Ok(Rotation::Refused(refused)),
    };
    require_heir(&token, new)?;
    sqlx::query("UPDATE refresh_tokens SET spent_at = ?2, successor = ?3 WHERE token_sha256 = ?1")
        .bind(&old[..])
        .bind(now.as_seconds())
        .bind(&new.token_sha256[..])
        .execute(&mut *c)
        .await
        .map_err(unavailable("spending a refresh token"))?;
    insert_refresh(c, new).await?;
    Ok(Rotation::Rotated { grant })
}

pub(super) async fn insert_access(
    c: &mut SqliteConnection,
    token: &AccessTokenRecord,
) -> Result<(), StoreError> {
    let inserted =
        sqlx::query("INSERT INTO access_tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")
            .bind(&token.token_sha256[..])
            .bind(&token.jti)
            .bind(&token.grant_id)
            .bind(&token.client_id)
            .bind(&token.subject)
            .bind(list_text(&token.scope))
            .bind(list_text(&token.audience))
            .bind(token.confirmation.as_ref().map(json_text))
            .bind(token.issued_at.as_seconds())
            .bind(token.expires_at.as_seconds())
            .bind(json_text(&token.claims))
            .execute(c)
            .await;
    let operation = "adding an access token";
    inserted.map_err(insert_failed(operation, ("access token", &token.jti), token.grant_id.as_deref()))?;
    Ok(())
}

pub(super) async fn find_access(
    c: &mut SqliteConnection,
    token_sha256: &Sha256Digest,
    now: UnixTime,
) -> Result<Option<AccessTokenRecord>, StoreError> {
    let row = sqlx::query(
        "SELECT token.* FROM access_tokens AS token
              LEFT JOIN grants ON grants.grant_id = token.grant_id
              LEFT JOIN clients ON clients.client_id = token.client_id
         WHERE token_sha256 = ?1 AND token.expires_at > ?2
               AND (token.grant_id IS NULL OR (grants.expires_at > ?2 AND grants.revoked_at IS NULL))
               AND coalesce(clients.disabled, 0) = 0",
    )
    .bind(&token_sha256[..])
    .bind(now.as_seconds())
    .fetch_optional(c)
    .await
    .map_err(unavailable("finding an access token"))?;
    row.as_ref().map(read_access).transpose()
}

pub(super) async fn revoke_access(
    c: &mut SqliteConnection,
    token_sha256: &Sha256Digest,
) -> Result<(), StoreError> {
    let revoked = sqlx::query("DELETE FROM access_tokens WHERE token_sha256 = ?1")
        .bind(&token_sha256[..])
        .execute(c)
        .await;
    revoked.map_err(unavailable("revoking an access token"))?;
    Ok(())
}

fn read_access(row: &SqliteRow) -> Result<AccessTokenRecord, StoreError> {
    let row = Reading::named(row, "access token", "jti");
    Ok(AccessTokenRecord {
        token_sha256: row.digest("token_sha256")?,
        jti: row.get("jti")?,
        grant_id: row.get("grant_id")?,
        client_id: row.get("client_id")?,
        subject: row.get("subject")?,
        scope: row.list("scope")?,
        audience: row.list("audience")?,
        confirmation: row.json_if_any("confirmation")?,
        issued_at: row.time("issued_at")?,
        expires_at: row.time("expires_at")?,
        claims: row.json("claims")?,
    })
}
