//! Clients in SQL; blocked keys are beside.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use super::row::{
    Reading, insert_failed, is_nobodys, json_text, require_somebodys, stored_count, unavailable,
};
use super::{Connection, Row, Store, barred_clients, blocked_keys, reading, transaction, writing};
use crate::authorization::{ClientStore, ClientUpdate};
use crate::error::StoreError;
use crate::record::{BarredClientRecord, BlockedKeyRecord, ClientRecord};

macro_rules! columns {
    () => {
        "client_id, metadata, secret_sha256, disabled, created_at, updated_at, registration, revision"
    };
}

#[async_trait]
impl ClientStore for Store {
    async fn find_client(&self, client_id: &str) -> Result<Option<ClientRecord>, StoreError> {
        if is_nobodys(client_id) {
            return Ok(None);
        }
        reading!(self, |c| find(c, client_id))
    }

    async fn list_clients(&self) -> Result<Vec<ClientRecord>, StoreError> {
        reading!(self, |c| list(c))
    }

    async fn insert_client(&self, client: &ClientRecord) -> Result<(), StoreError> {
        writing!(self, "adding a client", [client], |c| insert(c, &client))
    }

    async fn update_client(&self, client: &ClientRecord) -> Result<ClientUpdate, StoreError> {
        writing!(self, "changing a client", [client], |c| update(c, &client))
    }

    async fn disable_client(&self, client_id: &str, now: UnixTime) -> Result<(), StoreError> {
        require_somebodys("client", client_id)?;
        writing!(self, "disabling a client", [client_id], |c| disable(c, &client_id, now))
    }

    async fn delete_client(
        &self,
        client_id: &str,
        revision: Option<u64>,
    ) -> Result<ClientUpdate, StoreError> {
        require_somebodys("client", client_id)?;
        transaction!(self, "removing a client", [client_id], |c| delete(c, &client_id, revision))
    }

    async fn bar_client(&self, client: &BarredClientRecord) -> Result<(), StoreError> {
        writing!(self, "barring a client", [client], |c| barred_clients::bar(c, &client))
    }

    async fn unbar_client(&self, client_id: &str) -> Result<(), StoreError> {
        writing!(self, "unbarring a client", [client_id], |c| barred_clients::unbar(c, &client_id))
    }

    async fn list_barred_clients(&self) -> Result<Vec<BarredClientRecord>, StoreError> {
        reading!(self, |c| barred_clients::list(c))
    }

    async fn block_key(&self, key: &BlockedKeyRecord) -> Result<(), StoreError> {
        writing!(self, "blocking a key", [key], |c| blocked_keys::block(c, &key))
    }

    async fn unblock_key(&self, thumbprint: &str) -> Result<(), StoreError> {
        require_somebodys("blocked key", thumbprint)?;
        writing!(self, "unblocking a key", [thumbprint], |c| blocked_keys::unblock(c, &thumbprint))
    }

    async fn find_blocked_key(&self, thumbprint: &str) -> Result<Option<BlockedKeyRecord>, StoreError> {
        if is_nobodys(thumbprint) {
            return Ok(None);
        }
        reading!(self, |c| blocked_keys::find(c, thumbprint))
    }

    async fn list_blocked_keys(&self) -> Result<Vec<BlockedKeyRecord>, StoreError> {
        reading!(self, |c| blocked_keys::list(c))
    }
}

async fn find(c: &mut Connection, client_id: &str) -> Result<Option<ClientRecord>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM clients WHERE client_id = $1"))
        .bind(client_id)
        .fetch_optional(c)
        .await;
    row.map_err(unavailable("finding a client"))?.as_ref().map(read).transpose()
}

async fn list(c: &mut Connection) -> Result<Vec<ClientRecord>, StoreError> {
    let rows =
        sqlx::query(concat!("SELECT ", columns!(), " FROM clients ORDER BY client_id")).fetch_all(c).await;
    rows.map_err(unavailable("listing clients"))?.iter().map(read).collect()
}

async fn insert(c: &mut Connection, client: &ClientRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query(concat!(
        "INSERT INTO clients (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    ))
    .bind(&client.client_id)
    .bind(json_text(&client.metadata))
    .bind(client.secret_sha256.as_ref().map(|digest| &digest[..]))
    .bind(client.disabled)
    .bind(client.created_at.as_seconds())
    .bind(client.updated_at.as_seconds())
    .bind(json_text(&client.registration))
    .bind(stored_count(client.revision))
    .execute(c)
    .await;
    inserted.map_err(insert_failed("adding a client", ("client", &client.client_id), None))?;
    Ok(())
}

async fn update(c: &mut Connection, client: &ClientRecord) -> Result<ClientUpdate, StoreError> {
    let updated = sqlx::query(
        "UPDATE clients SET metadata = $2, secret_sha256 = $3, disabled = $4, updated_at = $5,
             registration = $6, revision = revision + 1
         WHERE client_id = $1 AND revision = $7",
    )
    .bind(&client.client_id)
    .bind(json_text(&client.metadata))
    .bind(client.secret_sha256.as_ref().map(|digest| &digest[..]))
    .bind(client.disabled)
    .bind(client.updated_at.as_seconds())
    .bind(json_text(&client.registration))
    .bind(stored_count(client.revision))
    .execute(&mut *c)
    .await;
    if updated.map_err(unavailable("changing a client"))?.rows_affected() == 1 {
        return Ok(ClientUpdate::Updated);
    }
    require_stale(c, &client.client_id).await
}

/// Nothing was changed: because another state is there, or nothing at all?
async fn require_stale(c: &mut Connection, client_id: &str) -> Result<ClientUpdate, StoreError> {
    let stored = find(c, client_id).await?;
    stored.map(|_| ClientUpdate::Stale).ok_or_else(|| StoreError::unknown("client", client_id))
}

async fn disable(c: &mut Connection, client_id: &str, now: UnixTime) -> Result<(), StoreError> {
    let disabled = sqlx::query(
        "UPDATE clients SET updated_at = CASE WHEN disabled THEN updated_at ELSE $2 END,
             revision = CASE WHEN disabled THEN revision ELSE revision + 1 END, disabled = TRUE
         WHERE client_id = $1",
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

/// Runs in one transaction, so that nothing is left behind that would come back to life without its client.
async fn delete(
    c: &mut Connection,
    client_id: &str,
    revision: Option<u64>,
) -> Result<ClientUpdate, StoreError> {
    const HELD: [&str; 5] = [
        "DELETE FROM refresh_tokens WHERE client_id = $1",
        "DELETE FROM access_tokens WHERE client_id = $1",
        "DELETE FROM grants WHERE client_id = $1",
        "DELETE FROM consents WHERE client_id = $1",
        "DELETE FROM pending WHERE client_id = $1",
    ];
    let deleted = match revision {
        None => sqlx::query("DELETE FROM clients WHERE client_id = $1").bind(client_id),
        Some(revision) => sqlx::query("DELETE FROM clients WHERE client_id = $1 AND revision = $2")
            .bind(client_id)
            .bind(stored_count(revision)),
    };
    let deleted = deleted.execute(&mut *c).await;
    if deleted.map_err(unavailable("removing a client"))?.rows_affected() == 0 {
        return require_stale(c, client_id).await;
    }
    for statement in HELD {
        let deleted = sqlx::query(statement).bind(client_id).execute(&mut *c).await;
        deleted.map_err(unavailable("removing what a client holds"))?;
    }
    Ok(ClientUpdate::Updated)
}

fn read(row: &Row) -> Result<ClientRecord, StoreError> {
    let row = Reading::named(row, "client", "client_id");
    Ok(ClientRecord {
        client_id: row.get("client_id")?,
        metadata: row.json("metadata")?,
        secret_sha256: row.digest_if_any("secret_sha256")?,
        disabled: row.get("disabled")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        registration: row.json("registration")?,
        revision: row.count("revision")?,
    })
}
