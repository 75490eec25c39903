//! Sessions in SQL.

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use sqlx::QueryBuilder;

use super::row::{Reading, any_is_nobodys, insert_failed, is_nobodys, json_text, unavailable};
use super::{Connection, Row, Store, reading, writing};
use crate::authorization::SessionStore;
use crate::error::StoreError;
use crate::record::SessionRecord;

macro_rules! columns {
    () => {
        "session_id, cookie_sha256, subject, details, created_at, expires_at, ended_at"
    };
}

#[async_trait]
impl SessionStore for Store {
    async fn insert_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        writing!(self, "adding a session", [session], |c| insert(c, &session))
    }

    async fn find_session(&self, cookie_sha256: &Sha256Digest) -> Result<Option<SessionRecord>, StoreError> {
        reading!(self, |c| find(c, cookie_sha256))
    }

    async fn find_session_by_id(&self, session_id: &str) -> Result<Option<SessionRecord>, StoreError> {
        if is_nobodys(session_id) {
            return Ok(None);
        }
        reading!(self, |c| find_by_id(c, session_id))
    }

    async fn update_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        writing!(self, "changing a session", [session], |c| update(c, &session))
    }

    async fn touch_session(
        &self,
        session_id: &str,
        cookie_sha256: &Sha256Digest,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        writing!(self, "touching a session", [session_id, cookie_sha256], |c| touch(
            c,
            &session_id,
            &cookie_sha256,
            expires_at
        ))
    }

    async fn end_session(
        &self,
        session_id: &str,
        now: UnixTime,
    ) -> Result<Option<SessionRecord>, StoreError> {
        if is_nobodys(session_id) {
            return Ok(None);
        }
        writing!(self, "ending a session", [session_id], |c| end(c, &session_id, now))
    }

    async fn list_sessions(
        &self,
        subject: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        if any_is_nobodys([subject, after]) {
            return Ok(Vec::new());
        }
        reading!(self, |c| list(c, subject, after, limit))
    }
}

async fn insert(c: &mut Connection, session: &SessionRecord) -> Result<(), StoreError> {
    let inserted =
        sqlx::query(concat!("INSERT INTO sessions (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"))
            .bind(&session.session_id)
            .bind(&session.cookie_sha256[..])
            .bind(&session.subject)
            .bind(json_text(&session.details))
            .bind(session.created_at.as_seconds())
            .bind(session.expires_at.as_seconds())
            .bind(session.ended_at.map(UnixTime::as_seconds))
            .execute(c)
            .await;
    inserted.map_err(insert_failed("adding a session", ("session", &session.session_id), None))?;
    Ok(())
}

async fn find(c: &mut Connection, cookie: &Sha256Digest) -> Result<Option<SessionRecord>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM sessions WHERE cookie_sha256 = $1"))
        .bind(&cookie[..])
        .fetch_optional(c)
        .await;
    row.map_err(unavailable("finding a session"))?.as_ref().map(read).transpose()
}

async fn find_by_id(c: &mut Connection, session_id: &str) -> Result<Option<SessionRecord>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM sessions WHERE session_id = $1"))
        .bind(session_id)
        .fetch_optional(c)
        .await;
    row.map_err(unavailable("finding a session"))?.as_ref().map(read).transpose()
}

async fn update(c: &mut Connection, session: &SessionRecord) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE sessions SET cookie_sha256 = $2, details = $3, expires_at = $4
         WHERE session_id = $1 AND ended_at IS NULL",
    )
    .bind(&session.session_id)
    .bind(&session.cookie_sha256[..])
    .bind(json_text(&session.details))
    .bind(session.expires_at.as_seconds())
    .execute(c)
    .await;
    let failed = insert_failed("changing a session", ("session", &session.session_id), None);
    match updated.map_err(failed)?.rows_affected() {
        0 => Err(StoreError::unknown("session", &session.session_id)),
        _ => Ok(()),
    }
}

async fn touch(
    c: &mut Connection,
    session_id: &str,
    cookie: &Sha256Digest,
    expires_at: UnixTime,
) -> Result<(), StoreError> {
    let touched = sqlx::query(
        "UPDATE sessions SET expires_at = $3 WHERE session_id = $1 AND cookie_sha256 = $2 AND ended_at IS NULL",
    )
    .bind(session_id)
    .bind(&cookie[..])
    .bind(expires_at.as_seconds())
    .execute(c)
    .await;
    match touched.map_err(unavailable("touching a session"))?.rows_affected() {
        0 => Err(StoreError::unknown("session", session_id)),
        _ => Ok(()),
    }
}

async fn end(
    c: &mut Connection,
    session_id: &str,
    now: UnixTime,
) -> Result<Option<SessionRecord>, StoreError> {
    let row = sqlx::query(concat!(
        "UPDATE sessions SET ended_at = $2 WHERE session_id = $1 AND ended_at IS NULL RETURNING ",
        columns!()
    ))
    .bind(session_id)
    .bind(now.as_seconds())
    .fetch_optional(c)
    .await;
    row.map_err(unavailable("ending a session"))?.as_ref().map(read).transpose()
}

async fn list(
    c: &mut Connection,
    subject: Option<&str>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<SessionRecord>, StoreError> {
    let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM sessions WHERE TRUE"));
    if let Some(subject) = subject {
        query.push(" AND subject = ").push_bind(subject);
    }
    if let Some(after) = after {
        query.push(" AND session_id > ").push_bind(after);
    }
    query.push(" ORDER BY session_id LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(c).await;
    rows.map_err(unavailable("listing sessions"))?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SessionRecord, StoreError> {
    let row = Reading::named(row, "session", "session_id");
    Ok(SessionRecord {
        session_id: row.get("session_id")?,
        cookie_sha256: row.digest("cookie_sha256")?,
        subject: row.get("subject")?,
        details: row.json("details")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        ended_at: row.time_if_any("ended_at")?,
    })
}
