//! The authorization server's memory as one trait made of several: clients, grants, tokens, what is used
//! once, people, keys, the audit trail. Each call is one atomic step; where a rule needs a look and a write
//! together (rotation, first binding, single use), that is one call here, so that no caller can race it.
//! Answers are enums without a way to ignore the refusal.

mod audit;
mod clients;
mod grants;
mod keys;
mod pending;
mod people;
mod tokens;

use async_trait::async_trait;
use bindery_core::time::UnixTime;

pub use audit::AuditStore;
pub use clients::{ClientStore, ClientUpdate};
pub use grants::{GrantBinding, GrantStore, Revocation};
pub use keys::KeyStore;
pub use pending::{PendingStore, PendingUpdate, Spending};
pub use people::{AccountStore, AccountUpdate, LoginAttempt, SessionStore};
pub use tokens::{RefreshTokenState, Rotation, TokenStore};

pub(crate) use grants::require_own;
pub(crate) use keys::require_move;
pub(crate) use pending::judge_unspent;
pub(crate) use people::count_login;
pub(crate) use tokens::{judge_refresh_token, require_heir};

use crate::error::StoreError;

/// What [`AuthorizationStore::purge_expired`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Grants.
    pub grants: u64,
    /// Refresh tokens.
    pub refresh_tokens: u64,
    /// Opaque access tokens.
    pub access_tokens: u64,
    /// Revoked `jti`.
    pub revoked_tokens: u64,
    /// Single-use claims.
    pub claims: u64,
    /// Pending things.
    pub pending: u64,
    /// Sessions.
    pub sessions: u64,
    /// Consents.
    pub consents: u64,
}

/// Everything an authorization server must remember. An issuer has a store of its own: nothing in it says
/// whose it is, and nothing in it can be reached through another issuer.
///
/// An answered call has happened: on a durable backend it survives `kill -9` and power loss as far as
/// the backend's documentation says. Every method fails with [`StoreError::Unavailable`] when the store
/// can't be asked and with [`StoreError::Corrupt`] when a record can't be read; other errors are named
/// at the method. The caller refuses the request on every error.
#[async_trait]
pub trait AuthorizationStore:
    ClientStore + GrantStore + TokenStore + PendingStore + SessionStore + AccountStore + KeyStore + AuditStore
{
    /// Removes what has expired at `now` and can't be asked for any more. Audit records stay.
    async fn purge_expired(&self, now: UnixTime) -> Result<Purged, StoreError>;

    /// Asks the store whether it can read and write at this moment.
    async fn check(&self) -> Result<(), StoreError>;
}
