//! Signing keys and nonce keys in SQLite; their private halves arrive and leave sealed.

use bindery_core::time::UnixTime;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::row::{Reading, insert_failed, json_text, unavailable};
use crate::authorization::require_move;
use crate::error::StoreError;
use crate::record::{NonceKeyRecord, SigningKeyRecord, SigningKeyState};

pub(super) async fn insert_signing(
    c: &mut SqliteConnection,
    key: &SigningKeyRecord,
) -> Result<(), StoreError> {
    let inserted = sqlx::query("INSERT INTO signing_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
        .bind(&key.key_id)
        .bind(&key.algorithm)
        .bind(&key.sealed_private)
        .bind(json_text(&key.public_jwk))
        .bind(key.state.as_str())
        .bind(key.created_at.as_seconds())
        .bind(key.activated_at.map(UnixTime::as_seconds))
        .bind(key.retired_at.map(UnixTime::as_seconds))
        .execute(c)
        .await;
    inserted.map_err(insert_failed("adding a signing key", ("signing key", &key.key_id), None))?;
    Ok(())
}

pub(super) async fn list_signing(c: &mut SqliteConnection) -> Result<Vec<SigningKeyRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM signing_keys ORDER BY created_at, key_id").fetch_all(c).await;
    rows.map_err(unavailable("listing signing keys"))?.iter().map(read_signing).collect()
}

/// Runs under the write lock, so that nothing comes between the look and the change.
pub(super) async fn move_signing(
    c: &mut SqliteConnection,
    key_id: &str,
    state: SigningKeyState,
    now: UnixTime,
) -> Result<(), StoreError> {
    const OPERATION: &str = "moving a signing key";
    let row =
        sqlx::query("SELECT * FROM signing_keys WHERE key_id = ?1").bind(key_id).fetch_optional(&mut *c);
    let row = row.await.map_err(unavailable(OPERATION))?;
    let key = read_signing(&row.ok_or_else(|| StoreError::unknown("signing key", key_id))?)?;
    require_move(key_id, key.state, state)?;
    sqlx::query(
        "UPDATE signing_keys SET state = ?2,
             activated_at = CASE ?2 WHEN 'active' THEN coalesce(activated_at, ?3) ELSE activated_at END,
             retired_at = CASE ?2 WHEN 'retired' THEN coalesce(retired_at, ?3) ELSE retired_at END
         WHERE key_id = ?1",
    )
    .bind(key_id)
    .bind(state.as_str())
    .bind(now.as_seconds())
    .execute(c)
    .await
    .map_err(unavailable(OPERATION))?;
    Ok(())
}

pub(super) async fn insert_nonce(c: &mut SqliteConnection, key: &NonceKeyRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query("INSERT INTO nonce_keys VALUES (?1, ?2, ?3)")
        .bind(key.id)
        .bind(&key.sealed)
        .bind(key.created_at.as_seconds())
        .execute(c)
        .await;
    inserted.map_err(insert_failed("adding a nonce key", ("nonce key", &key.id.to_string()), None))?;
    Ok(())
}

pub(super) async fn list_nonce(c: &mut SqliteConnection) -> Result<Vec<NonceKeyRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM nonce_keys ORDER BY created_at, id").fetch_all(c).await;
    rows.map_err(unavailable("listing nonce keys"))?.iter().map(read_nonce).collect()
}

pub(super) async fn remove_nonce(c: &mut SqliteConnection, id: u8) -> Result<(), StoreError> {
    let removed = sqlx::query("DELETE FROM nonce_keys WHERE id = ?1").bind(id).execute(c).await;
    removed.map_err(unavailable("removing a nonce key"))?;
    Ok(())
}

fn read_signing(row: &SqliteRow) -> Result<SigningKeyRecord, StoreError> {
    let row = Reading::named(row, "signing key", "key_id");
    Ok(SigningKeyRecord {
        key_id: row.get("key_id")?,
        algorithm: row.get("algorithm")?,
        sealed_private: row.get("sealed_private")?,
        public_jwk: row.json("public_jwk")?,
        state: SigningKeyState::parse(row.get("state")?).ok_or_else(|| row.corrupt("state"))?,
        created_at: row.time("created_at")?,
        activated_at: row.time_if_any("activated_at")?,
        retired_at: row.time_if_any("retired_at")?,
    })
}

fn read_nonce(row: &SqliteRow) -> Result<NonceKeyRecord, StoreError> {
    let row = Reading { row, record: "nonce key", name: String::new() };
    Ok(NonceKeyRecord { id: row.get("id")?, sealed: row.get("sealed")?, created_at: row.time("created_at")? })
}
