//! Grants in SQL, and the revocation of what is known by `jti` alone.

use async_trait::async_trait;
use bindery_core::time::UnixTime;
use serde_json::Value;
use sqlx::{QueryBuilder, Row as _};

use super::row::{
    Reading, any_is_nobodys, insert_failed, is_nobodys, json_text, list_text, require_somebodys, unavailable,
};
use super::{Connection, Database, Row, Store, reading, tokens, transaction, writing};
use crate::authorization::{GrantBinding, GrantStore, Revocation, require_own};
use crate::error::StoreError;
use crate::record::{GrantFilter, GrantRecord, RefreshTokenRecord};

macro_rules! columns {
    () => {
        "grant_id, client_id, subject, scope, audience, bound_to, session_id, details, created_at, expires_at, revoked_at"
    };
}
pub(super) use columns;

#[async_trait]
impl GrantStore for Store {
    async fn insert_grant(&self, grant: &GrantRecord) -> Result<(), StoreError> {
        writing!(self, "adding a grant", [grant], |c| insert(c, &grant))
    }

    async fn find_grant(&self, grant_id: &str) -> Result<Option<GrantRecord>, StoreError> {
        if is_nobodys(grant_id) {
            return Ok(None);
        }
        reading!(self, |c| find(c, grant_id))
    }

    async fn revoke_grant(&self, grant_id: &str, now: UnixTime) -> Result<(), StoreError> {
        require_somebodys("grant", grant_id)?;
        writing!(self, "revoking a grant", [grant_id], |c| revoke(c, &grant_id, now))
    }

    async fn bind_grant(&self, grant_id: &str, confirmation: &Value) -> Result<GrantBinding, StoreError> {
        writing!(self, "binding a grant", [grant_id, confirmation], |c| bind(c, &grant_id, &confirmation))
    }

    async fn provision_grant(
        &self,
        grant: &GrantRecord,
        refresh: Option<&RefreshTokenRecord>,
    ) -> Result<(), StoreError> {
        let refresh = refresh.cloned();
        transaction!(self, "adding a grant", [grant], |c| provision(c, &grant, refresh.as_ref()))
    }

    async fn update_grant(
        &self,
        grant_id: &str,
        scope: &[String],
        audience: &[String],
        details: &Value,
    ) -> Result<(), StoreError> {
        writing!(self, "changing a grant", [grant_id, scope, audience, details], |c| update(
            c, &grant_id, &scope, &audience, &details
        ))
    }

    async fn list_grants(
        &self,
        filter: &GrantFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRecord>, StoreError> {
        if means_nobody(filter) || any_is_nobodys([after]) {
            return Ok(Vec::new());
        }
        reading!(self, |c| list(c, filter, after, limit))
    }

    async fn revoke_grants(&self, filter: &GrantFilter, now: UnixTime) -> Result<u64, StoreError> {
        if means_nobody(filter) {
            return Ok(0);
        }
        writing!(self, "revoking grants", [filter], |c| revoke_all(c, &filter, now))
    }

    async fn revoke_token_id(&self, jti: &str, expires_at: UnixTime) -> Result<(), StoreError> {
        writing!(self, "revoking a token", [jti], |c| revoke_token_id(c, &jti, expires_at))
    }

    async fn find_revocation(&self, jti: &str, grant_id: Option<&str>) -> Result<Revocation, StoreError> {
        reading!(self, |c| find_revocation(c, jti, grant_id))
    }
}

fn means_nobody(filter: &GrantFilter) -> bool {
    let GrantFilter { client_id, subject, session_id, live_at: _ } = filter;
    any_is_nobodys([client_id.as_deref(), subject.as_deref(), session_id.as_deref()])
}

async fn insert(c: &mut Connection, grant: &GrantRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query(concat!(
        "INSERT INTO grants (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
    .bind(&grant.grant_id)
    .bind(&grant.client_id)
    .bind(&grant.subject)
    .bind(list_text(&grant.scope))
    .bind(list_text(&grant.audience))
    .bind(grant.bound_to.as_ref().map(json_text))
    .bind(&grant.session_id)
    .bind(json_text(&grant.details))
    .bind(grant.created_at.as_seconds())
    .bind(grant.expires_at.as_seconds())
    .bind(grant.revoked_at.map(UnixTime::as_seconds))
    .execute(c)
    .await;
    inserted.map_err(insert_failed("adding a grant", ("grant", &grant.grant_id), None))?;
    Ok(())
}

async fn find(c: &mut Connection, grant_id: &str) -> Result<Option<GrantRecord>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM grants WHERE grant_id = $1"))
        .bind(grant_id)
        .fetch_optional(c)
        .await;
    let row = row.map_err(unavailable("finding a grant"))?;
    row.as_ref().map(read_row).transpose()
}

async fn revoke(c: &mut Connection, grant_id: &str, now: UnixTime) -> Result<(), StoreError> {
    let revoked = sqlx::query("UPDATE grants SET revoked_at = coalesce(revoked_at, $2) WHERE grant_id = $1")
        .bind(grant_id)
        .bind(now.as_seconds())
        .execute(c)
        .await;
    match revoked.map_err(unavailable("revoking a grant"))?.rows_affected() {
        0 => Err(StoreError::unknown("grant", grant_id)),
        _ => Ok(()),
    }
}

async fn bind(c: &mut Connection, grant_id: &str, confirmation: &Value) -> Result<GrantBinding, StoreError> {
    let bound = sqlx::query("UPDATE grants SET bound_to = $2 WHERE grant_id = $1 AND bound_to IS NULL")
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

/// Runs in one transaction: both or neither.
pub(super) async fn provision(
    c: &mut Connection,
    grant: &GrantRecord,
    refresh: Option<&RefreshTokenRecord>,
) -> Result<(), StoreError> {
    insert(&mut *c, grant).await?;
    let Some(token) = refresh else { return Ok(()) };
    require_own(grant, token)?;
    tokens::insert_refresh(c, token).await
}

async fn update(
    c: &mut Connection,
    grant_id: &str,
    scope: &[String],
    audience: &[String],
    details: &Value,
) -> Result<(), StoreError> {
    let updated =
        sqlx::query("UPDATE grants SET scope = $2, audience = $3, details = $4 WHERE grant_id = $1")
            .bind(grant_id)
            .bind(list_text(scope))
            .bind(list_text(audience))
            .bind(json_text(details))
            .execute(c)
            .await;
    match updated.map_err(unavailable("changing a grant"))?.rows_affected() {
        0 => Err(StoreError::unknown("grant", grant_id)),
        _ => Ok(()),
    }
}

async fn list(
    c: &mut Connection,
    filter: &GrantFilter,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<GrantRecord>, StoreError> {
    let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM grants WHERE TRUE"));
    push_filter(&mut query, filter);
    if let Some(after) = after {
        query.push(" AND grant_id > ").push_bind(after);
    }
    query.push(" ORDER BY grant_id LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(c).await;
    rows.map_err(unavailable("listing grants"))?.iter().map(read_row).collect()
}

async fn revoke_all(c: &mut Connection, filter: &GrantFilter, now: UnixTime) -> Result<u64, StoreError> {
    let mut query = QueryBuilder::new("UPDATE grants SET revoked_at = ");
    query.push_bind(now.as_seconds()).push(" WHERE revoked_at IS NULL");
    push_filter(&mut query, filter);
    let revoked = query.build().execute(c).await;
    Ok(revoked.map_err(unavailable("revoking grants"))?.rows_affected())
}

/// Names only what is asked for, so that its index is used.
fn push_filter(query: &mut QueryBuilder<Database>, filter: &GrantFilter) {
    if let Some(client_id) = &filter.client_id {
        query.push(" AND client_id = ").push_bind(client_id.clone());
    }
    if let Some(subject) = &filter.subject {
        query.push(" AND subject = ").push_bind(subject.clone());
    }
    if let Some(session_id) = &filter.session_id {
        query.push(" AND session_id = ").push_bind(session_id.clone());
    }
    if let Some(now) = filter.live_at {
        query.push(" AND revoked_at IS NULL AND expires_at > ").push_bind(now.as_seconds());
    }
}

async fn revoke_token_id(c: &mut Connection, jti: &str, expires_at: UnixTime) -> Result<(), StoreError> {
    let revoked = sqlx::query(
        "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2)
         ON CONFLICT (jti) DO UPDATE SET expires_at = excluded.expires_at
         WHERE revoked_tokens.expires_at < excluded.expires_at",
    )
    .bind(jti)
    .bind(expires_at.as_seconds())
    .execute(c)
    .await;
    revoked.map_err(unavailable("revoking a token"))?;
    Ok(())
}

async fn find_revocation(
    c: &mut Connection,
    jti: &str,
    grant_id: Option<&str>,
) -> Result<Revocation, StoreError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = $1) AS token_revoked,
                EXISTS (SELECT 1 FROM grants WHERE grant_id = $2 AND revoked_at IS NULL) AS grant_stands",
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
        session_id: row.get("session_id")?,
        details: row.json("details")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        revoked_at: row.time_if_any("revoked_at")?,
    })
}

/// Reads the grant of a row that names a grant's columns as they are.
pub(super) fn read_row(row: &Row) -> Result<GrantRecord, StoreError> {
    read(&Reading::named(row, "grant", "grant_id"))
}
