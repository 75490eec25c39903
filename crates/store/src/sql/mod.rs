//! The store's traits in SQL, a file for each topic. These files are compiled once for each SQL backend, as
//! its module `sql`: the statements are those that all of them understand, and what they don't share they
//! name one module up: `Connection`, `Row` and `Database` of the driver, the `Store` itself, and how a call
//! reaches it (`reading!`, `writing!` for one statement, `transaction!` for several).

mod accounts;
mod audit;
mod barred_clients;
mod blocked_keys;
mod claims;
mod clients;
mod consents;
mod grants;
mod keys;
mod pending;
mod purge;
mod row;
mod sessions;
mod tokens;

use async_trait::async_trait;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;

pub(super) use claims::fingerprint_key;
pub(super) use purge::{Purge, STEP};
pub(super) use row::unavailable;

use super::{Connection, Database, Row, Store, reading, serialize_audit, transaction, writing};
use crate::authorization::{AuthorizationStore, Purged};
use crate::error::StoreError;
use crate::replay::ReplayStore;

#[async_trait]
impl AuthorizationStore for Store {
    async fn purge_expired(&self, now: UnixTime) -> Result<Purged, StoreError> {
        Ok(Purged {
            refresh_tokens: self.purge(Purge::RefreshTokens, now).await?,
            access_tokens: self.purge(Purge::AccessTokens, now).await?,
            grants: self.purge(Purge::Grants, now).await?,
            revoked_tokens: self.purge(Purge::RevokedTokens, now).await?,
            claims: self.purge(Purge::Claims, now).await?,
            pending: self.purge(Purge::Pending, now).await?,
            sessions: self.purge(Purge::Sessions, now).await?,
            consents: self.purge(Purge::Consents, now).await?,
        })
    }

    async fn check(&self) -> Result<(), StoreError> {
        reading!(self, |c| row::ask(c))?;
        transaction!(self, "asking whether it can be written", [], |c| row::ask(c))
    }
}

impl ReplayStore for Store {
    async fn check_and_insert<'a>(&'a self, entry: ReplayEntry<'a>, now: UnixTime) -> ReplayOutcome {
        self.claim(&entry, now).await
    }

    /// `None`: claims survive a restart.
    fn accepted_since(&self) -> Option<UnixTime> {
        None
    }
}
