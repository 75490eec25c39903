//! The server's own keys in SQL; what is secret about them arrives and leaves sealed.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use super::row::{Reading, insert_failed, json_text, unavailable};
use super::{Connection, Row, Store, reading, transaction, writing};
use crate::authorization::{KeyStore, require_move};
use crate::error::StoreError;
use crate::record::{NonceKeyRecord, SealedKeyRecord, SigningKeyRecord, SigningKeyState};

macro_rules! columns {
    () => {
        "key_id, algorithm, sealed_private, public_jwk, state, created_at, activated_at, retired_at"
    };
}

#[async_trait]
impl KeyStore for Store {
    async fn insert_signing_key(&self, key: &SigningKeyRecord) -> Result<(), StoreError> {
        writing!(self, "adding a signing key", [key], |c| insert_signing(c, &key))
    }

    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        reading!(self, |c| list_signing(c))
    }

    async fn move_signing_key(
        &self,
        key_id: &str,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        transaction!(self, "moving a signing key", [key_id], |c| move_signing(c, &key_id, state, now))
    }

    async fn remove_signing_key(&self, key_id: &str) -> Result<(), StoreError> {
        writing!(self, "removing a signing key", [key_id], |c| remove_signing(c, &key_id))
    }

    async fn insert_nonce_key(&self, key: &NonceKeyRecord) -> Result<(), StoreError> {
        writing!(self, "adding a nonce key", [key], |c| insert_nonce(c, &key))
    }

    async fn list_nonce_keys(&self) -> Result<Vec<NonceKeyRecord>, StoreError> {
        reading!(self, |c| list_nonce(c))
    }

    async fn remove_nonce_key(&self, id: u8) -> Result<(), StoreError> {
        writing!(self, "removing a nonce key", [], |c| remove_nonce(c, id))
    }

    async fn insert_sealed_key(&self, key: &SealedKeyRecord) -> Result<(), StoreError> {
        writing!(self, "adding a sealed key", [key], |c| insert_sealed(c, &key))
    }

    async fn list_sealed_keys(&self, purpose: &str) -> Result<Vec<SealedKeyRecord>, StoreError> {
        reading!(self, |c| list_sealed(c, purpose))
    }

    async fn remove_sealed_key(&self, purpose: &str, key_id: &str) -> Result<(), StoreError> {
        writing!(self, "removing a sealed key", [purpose, key_id], |c| remove_sealed(c, &purpose, &key_id))
    }
}

async fn insert_signing(c: &mut Connection, key: &SigningKeyRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query(concat!(
        "INSERT INTO signing_keys (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    ))
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

async fn list_signing(c: &mut Connection) -> Result<Vec<SigningKeyRecord>, StoreError> {
    let rows = sqlx::query(concat!("SELECT ", columns!(), " FROM signing_keys ORDER BY created_at, key_id"))
        .fetch_all(c)
        .await;
    rows.map_err(unavailable("listing signing keys"))?.iter().map(read_signing).collect()
}

/// Runs in one transaction. The change is made only if the key still stands where it was seen.
async fn move_signing(
    c: &mut Connection,
    key_id: &str,
    state: SigningKeyState,
    now: UnixTime,
) -> Result<(), StoreError> {
    const OPERATION: &str = "moving a signing key";
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM signing_keys WHERE key_id = $1"))
        .bind(key_id)
        .fetch_optional(&mut *c)
        .await
        .map_err(unavailable(OPERATION))?;
    let key = read_signing(&row.ok_or_else(|| StoreError::unknown("signing key", key_id))?)?;
    require_move(key_id, key.state, state)?;
    let moved = sqlx::query(
        "UPDATE signing_keys SET state = $2,
             activated_at = CASE $2 WHEN 'active' THEN coalesce(activated_at, $3) ELSE activated_at END,
             retired_at = CASE $2 WHEN 'retired' THEN coalesce(retired_at, $3) ELSE retired_at END
         WHERE key_id = $1 AND state = $4",
    )
    .bind(key_id)
    .bind(state.as_str())
    .bind(now.as_seconds())
    .bind(key.state.as_str())
    .execute(c)
    .await
    .map_err(unavailable(OPERATION))?;
    match moved.rows_affected() {
        0 => Err(StoreError::Unavailable {
            operation: OPERATION,
            cause: "another server moved it at the same time; look again".to_owned(),
        }),
        _ => Ok(()),
    }
}

async fn remove_signing(c: &mut Connection, key_id: &str) -> Result<(), StoreError> {
    let removed = sqlx::query("DELETE FROM signing_keys WHERE key_id = $1").bind(key_id).execute(c).await;
    removed.map_err(unavailable("removing a signing key"))?;
    Ok(())
}

async fn insert_nonce(c: &mut Connection, key: &NonceKeyRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query("INSERT INTO nonce_keys (id, sealed, created_at) VALUES ($1, $2, $3)")
        .bind(i64::from(key.id))
        .bind(&key.sealed)
        .bind(key.created_at.as_seconds())
        .execute(c)
        .await;
    inserted.map_err(insert_failed("adding a nonce key", ("nonce key", &key.id.to_string()), None))?;
    Ok(())
}

async fn list_nonce(c: &mut Connection) -> Result<Vec<NonceKeyRecord>, StoreError> {
    let rows = sqlx::query("SELECT id, sealed, created_at FROM nonce_keys ORDER BY created_at, id")
        .fetch_all(c)
        .await;
    rows.map_err(unavailable("listing nonce keys"))?.iter().map(read_nonce).collect()
}

async fn remove_nonce(c: &mut Connection, id: u8) -> Result<(), StoreError> {
    let removed = sqlx::query("DELETE FROM nonce_keys WHERE id = $1").bind(i64::from(id)).execute(c).await;
    removed.map_err(unavailable("removing a nonce key"))?;
    Ok(())
}

async fn insert_sealed(c: &mut Connection, key: &SealedKeyRecord) -> Result<(), StoreError> {
    let inserted =
        sqlx::query("INSERT INTO sealed_keys (purpose, key_id, sealed, created_at) VALUES ($1, $2, $3, $4)")
            .bind(&key.purpose)
            .bind(&key.key_id)
            .bind(&key.sealed)
            .bind(key.created_at.as_seconds())
            .execute(c)
            .await;
    inserted.map_err(insert_failed("adding a sealed key", ("sealed key", &key.key_id), None))?;
    Ok(())
}

async fn list_sealed(c: &mut Connection, purpose: &str) -> Result<Vec<SealedKeyRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT purpose, key_id, sealed, created_at FROM sealed_keys WHERE purpose = $1
         ORDER BY created_at, key_id",
    )
    .bind(purpose)
    .fetch_all(c)
    .await;
    rows.map_err(unavailable("listing sealed keys"))?.iter().map(read_sealed).collect()
}

async fn remove_sealed(c: &mut Connection, purpose: &str, key_id: &str) -> Result<(), StoreError> {
    let removed = sqlx::query("DELETE FROM sealed_keys WHERE purpose = $1 AND key_id = $2")
        .bind(purpose)
        .bind(key_id)
        .execute(c)
        .await;
    removed.map_err(unavailable("removing a sealed key"))?;
    Ok(())
}

fn read_sealed(row: &Row) -> Result<SealedKeyRecord, StoreError> {
    let row = Reading::named(row, "sealed key", "key_id");
    Ok(SealedKeyRecord {
        purpose: row.get("purpose")?,
        key_id: row.get("key_id")?,
        sealed: row.get("sealed")?,
        created_at: row.time("created_at")?,
    })
}

fn read_signing(row: &Row) -> Result<SigningKeyRecord, StoreError> {
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

fn read_nonce(row: &Row) -> Result<NonceKeyRecord, StoreError> {
    let row = Reading { row, record: "nonce key", name: String::new() };
    Ok(NonceKeyRecord {
        id: row.count("id")?,
        sealed: row.get("sealed")?,
        created_at: row.time("created_at")?,
    })
}
