//! Refresh tokens and opaque access tokens in SQL. What a token is worth is read together with its
//! grant and its client in one statement, so no answer mixes two moments.

use std::time::Duration;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;

use super::row::{Reading, insert_failed, json_text, list_text, unavailable};
use super::{Connection, Row, Store, grants, reading, transaction, writing};
use crate::authorization::{RefreshTokenState, Rotation, TokenStore, judge_refresh_token, require_heir};
use crate::error::StoreError;
use crate::record::{AccessTokenRecord, RefreshTokenRecord};

#[async_trait]
impl TokenStore for Store {
    async fn insert_refresh_token(&self, token: &RefreshTokenRecord) -> Result<(), StoreError> {
        writing!(self, "adding a refresh token", [token], |c| insert_refresh(c, &token))
    }

    async fn find_refresh_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
        grace: Duration,
    ) -> Result<RefreshTokenState, StoreError> {
        reading!(self, |c| find_refresh(c, token_sha256, now, grace))
    }

    async fn rotate_refresh_token(
        &self,
        old: &Sha256Digest,
        new: &RefreshTokenRecord,
        now: UnixTime,
        grace: Duration,
    ) -> Result<Rotation, StoreError> {
        transaction!(self, "rotating a refresh token", [old, new], |c| rotate_refresh(
            c, &old, &new, now, grace
        ))
    }

    async fn insert_access_token(&self, token: &AccessTokenRecord) -> Result<(), StoreError> {
        writing!(self, "adding an access token", [token], |c| insert_access(c, &token))
    }

    async fn find_access_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
    ) -> Result<Option<AccessTokenRecord>, StoreError> {
        reading!(self, |c| find_access(c, token_sha256, now))
    }

    async fn revoke_access_token(&self, token_sha256: &Sha256Digest) -> Result<(), StoreError> {
        writing!(self, "revoking an access token", [token_sha256], |c| revoke_access(c, &token_sha256))
    }
}

macro_rules! columns {
    () => {
        "token_sha256, jti, grant_id, client_id, subject, scope, audience, confirmation, issued_at, expires_at, claims"
    };
}

pub(super) async fn insert_refresh(c: &mut Connection, token: &RefreshTokenRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO refresh_tokens
             (token_sha256, grant_id, client_id, issued_at, expires_at, spent_at, successor)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
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

async fn find_refresh(
    c: &mut Connection,
    token_sha256: &Sha256Digest,
    now: UnixTime,
    grace: Duration,
) -> Result<RefreshTokenState, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT its_grant.*, token_sha256, token.client_id AS token_client_id, issued_at,
                token.expires_at AS token_expires_at, spent_at, successor,
                coalesce(clients.disabled, FALSE) AS client_disabled
         FROM refresh_tokens AS token
              JOIN (SELECT ",
        grants::columns!(),
        " FROM grants) AS its_grant ON its_grant.grant_id = token.grant_id
              LEFT JOIN clients ON clients.client_id = token.client_id
         WHERE token_sha256 = $1"
    ))
    .bind(&token_sha256[..])
    .fetch_optional(c)
    .await
    .map_err(unavailable("finding a refresh token"))?;
    let Some(row) = row else { return Ok(RefreshTokenState::Unknown) };
    let grant = grants::read_row(&row)?;
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

/// Runs in one transaction. The change is made only if nobody else made it since the look.
async fn rotate_refresh(
    c: &mut Connection,
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
    let spent = sqlx::query(
        "UPDATE refresh_tokens SET spent_at = $2, successor = $3 WHERE token_sha256 = $1 AND spent_at IS NULL",
    )
    .bind(&old[..])
    .bind(now.as_seconds())
    .bind(&new.token_sha256[..])
    .execute(&mut *c)
    .await
    .map_err(unavailable("spending a refresh token"))?;
    if spent.rows_affected() == 0 {
        return find_refresh(c, old, now, grace).await.map(Rotation::Refused);
    }
    insert_refresh(c, new).await?;
    Ok(Rotation::Rotated { grant })
}

async fn insert_access(c: &mut Connection, token: &AccessTokenRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query(concat!(
        "INSERT INTO access_tokens (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
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

async fn find_access(
    c: &mut Connection,
    token_sha256: &Sha256Digest,
    now: UnixTime,
) -> Result<Option<AccessTokenRecord>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT token.* FROM (SELECT ",
        columns!(),
        " FROM access_tokens WHERE token_sha256 = $1) AS token
              LEFT JOIN grants ON grants.grant_id = token.grant_id
              LEFT JOIN clients ON clients.client_id = token.client_id
         WHERE token.expires_at > $2
               AND (token.grant_id IS NULL OR (grants.expires_at > $2 AND grants.revoked_at IS NULL))
               AND NOT coalesce(clients.disabled, FALSE)"
    ))
    .bind(&token_sha256[..])
    .bind(now.as_seconds())
    .fetch_optional(c)
    .await
    .map_err(unavailable("finding an access token"))?;
    row.as_ref().map(read_access).transpose()
}

async fn revoke_access(c: &mut Connection, token_sha256: &Sha256Digest) -> Result<(), StoreError> {
    let revoked = sqlx::query("DELETE FROM access_tokens WHERE token_sha256 = $1")
        .bind(&token_sha256[..])
        .execute(c)
        .await;
    revoked.map_err(unavailable("revoking an access token"))?;
    Ok(())
}

fn read_access(row: &Row) -> Result<AccessTokenRecord, StoreError> {
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
