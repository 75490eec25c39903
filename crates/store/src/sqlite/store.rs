//! The traits over the file: reads on a reader, everything else through the one writer.

use std::time::Duration;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use serde_json::Value;
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;

use super::purge::{Purge, STEP};
use super::row::unavailable;
use super::{SqliteStore, claims, clients, grants, keys, tokens};
use crate::authorization::{
    AuthorizationStore, GrantBinding, Purged, RefreshTokenState, Revocation, Rotation,
};
use crate::error::StoreError;
use crate::record::{
    AccessTokenRecord, ClientRecord, GrantRecord, NonceKeyRecord, RefreshTokenRecord, SigningKeyRecord,
    SigningKeyState,
};
use crate::replay::ReplayStore;

/// Hands owned copies of what is named to the writer, and runs the call there with `$c` as connection.
macro_rules! write {
    ($store:expr, $operation:literal, [$($name:ident),*], |$c:ident| $call:expr) => {{
        $(let $name = $name.to_owned();)*
        $store.writer.write($operation, move |$c| Box::pin(async move { $call.await })).await
    }};
}

impl SqliteStore {
    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        const OPERATION: &str = "opening the file for reading";
        self.file.require_in_place(OPERATION)?;
        self.readers.acquire().await.map_err(unavailable(OPERATION))
    }

    async fn claim(&self, entry: &ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        if entry.expires_at < now {
            return ReplayOutcome::Duplicate; // It may have been here and gone: nothing vouches for it.
        }
        let fingerprint = self.fingerprints.fingerprint_bytes(entry);
        let (expires_at, now) = (entry.expires_at.as_seconds(), now.as_seconds());
        let outcome = write!(self, "claiming", [], |c| claims::claim(c, fingerprint, expires_at, now));
        outcome.unwrap_or(ReplayOutcome::Unavailable)
    }

    async fn purge(&self, purge: Purge, now: UnixTime) -> Result<u64, StoreError> {
        let now = now.as_seconds();
        let mut all = 0;
        loop {
            let removed = write!(self, "purging", [], |c| purge.step(c, now))?;
            all += removed;
            if removed < STEP as u64 {
                return Ok(all);
            }
        }
    }
}

#[async_trait]
impl AuthorizationStore for SqliteStore {
    async fn find_client(&self, client_id: &str) -> Result<Option<ClientRecord>, StoreError> {
        clients::find(&mut *self.reader().await?, client_id).await
    }

    async fn list_clients(&self) -> Result<Vec<ClientRecord>, StoreError> {
        clients::list(&mut *self.reader().await?).await
    }

    async fn insert_client(&self, client: &ClientRecord) -> Result<(), StoreError> {
        write!(self, "adding a client", [client], |c| clients::insert(c, &client))
    }

    async fn update_client(&self, client: &ClientRecord) -> Result<(), StoreError> {
        write!(self, "changing a client", [client], |c| clients::update(c, &client))
    }

    async fn disable_client(&self, client_id: &str, now: UnixTime) -> Result<(), StoreError> {
        write!(self, "disabling a client", [client_id], |c| clients::disable(c, &client_id, now))
    }

    async fn insert_grant(&self, grant: &GrantRecord) -> Result<(), StoreError> {
        write!(self, "adding a grant", [grant], |c| grants::insert(c, &grant))
    }

    async fn find_grant(&self, grant_id: &str) -> Result<Option<GrantRecord>, StoreError> {
        grants::find(&mut *self.reader().await?, grant_id).await
    }

    async fn revoke_grant(&self, grant_id: &str, now: UnixTime) -> Result<(), StoreError> {
        write!(self, "revoking a grant", [grant_id], |c| grants::revoke(c, &grant_id, now))
    }

    async fn bind_grant(&self, grant_id: &str, confirmation: &Value) -> Result<GrantBinding, StoreError> {
        write!(self, "binding a grant", [grant_id, confirmation], |c| grants::bind(
            c,
            &grant_id,
            &confirmation
        ))
    }

    async fn insert_refresh_token(&self, token: &RefreshTokenRecord) -> Result<(), StoreError> {
        write!(self, "adding a refresh token", [token], |c| tokens::insert_refresh(c, &token))
    }

    async fn find_refresh_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
        grace: Duration,
    ) -> Result<RefreshTokenState, StoreError> {
        tokens::find_refresh(&mut *self.reader().await?, token_sha256, now, grace).await
    }

    async fn rotate_refresh_token(
        &self,
        old: &Sha256Digest,
        new: &RefreshTokenRecord,
        now: UnixTime,
        grace: Duration,
    ) -> Result<Rotation, StoreError> {
        write!(self, "rotating a refresh token", [old, new], |c| {
            tokens::rotate_refresh(c, &old, &new, now, grace)
        })
    }

    async fn insert_access_token(&self, token: &AccessTokenRecord) -> Result<(), StoreError> {
        write!(self, "adding an access token", [token], |c| tokens::insert_access(c, &token))
    }

    async fn find_access_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
    ) -> Result<Option<AccessTokenRecord>, StoreError> {
        tokens::find_access(&mut *self.reader().await?, token_sha256, now).await
    }

    async fn revoke_access_token(&self, token_sha256: &Sha256Digest) -> Result<(), StoreError> {
        write!(self, "revoking an access token", [token_sha256], |c| tokens::revoke_access(c, &token_sha256))
    }

    async fn revoke_token_id(&self, jti: &str, expires_at: UnixTime) -> Result<(), StoreError> {
        write!(self, "revoking a token", [jti], |c| grants::revoke_token_id(c, &jti, expires_at))
    }

    async fn find_revocation(&self, jti: &str, grant_id: Option<&str>) -> Result<Revocation, StoreError> {
        grants::find_revocation(&mut *self.reader().await?, jti, grant_id).await
    }

    async fn claim_once(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        self.claim(&entry, now).await
    }

    async fn insert_signing_key(&self, key: &SigningKeyRecord) -> Result<(), StoreError> {
        write!(self, "adding a signing key", [key], |c| keys::insert_signing(c, &key))
    }

    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        keys::list_signing(&mut *self.reader().await?).await
    }

    async fn move_signing_key(
        &self,
        key_id: &str,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        write!(self, "moving a signing key", [key_id], |c| keys::move_signing(c, &key_id, state, now))
    }

    async fn insert_nonce_key(&self, key: &NonceKeyRecord) -> Result<(), StoreError> {
        write!(self, "adding a nonce key", [key], |c| keys::insert_nonce(c, &key))
    }

    async fn list_nonce_keys(&self) -> Result<Vec<NonceKeyRecord>, StoreError> {
        keys::list_nonce(&mut *self.reader().await?).await
    }

    async fn remove_nonce_key(&self, id: u8) -> Result<(), StoreError> {
        write!(self, "removing a nonce key", [], |c| keys::remove_nonce(c, id))
    }

    async fn purge_expired(&self, now: UnixTime) -> Result<Purged, StoreError> {
        Ok(Purged {
            refresh_tokens: self.purge(Purge::RefreshTokens, now).await?,
            access_tokens: self.purge(Purge::AccessTokens, now).await?,
            grants: self.purge(Purge::Grants, now).await?,
            revoked_tokens: self.purge(Purge::RevokedTokens, now).await?,
            claims: self.purge(Purge::Claims, now).await?,
        })
    }
}

impl ReplayStore for SqliteStore {
    async fn check_and_insert<'a>(&'a self, entry: ReplayEntry<'a>, now: UnixTime) -> ReplayOutcome {
        self.claim(&entry, now).await
    }

    /// `None`: claims survive a restart.
    fn accepted_since(&self) -> Option<UnixTime> {
        None
    }
}
