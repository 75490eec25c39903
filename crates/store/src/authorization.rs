//! The authorization server's memory as one trait: clients, grants, refresh tokens, opaque access
//! tokens, revocations, keys, single-use claims. Each call is one atomic step; where a rule needs a
//! look and a write together (rotation, first binding, single use), that is one call here, so that no
//! caller can race it. Answers are enums without a way to ignore the refusal.

use std::time::Duration;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use serde_json::Value;

use crate::error::StoreError;
use crate::record::{
    AccessTokenRecord, ClientRecord, GrantRecord, NonceKeyRecord, RefreshTokenRecord, SigningKeyRecord,
    SigningKeyState,
};

/// What a presented refresh token is worth.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum RefreshTokenState {
    /// It may be used, under this grant, once the grant's binding has been confirmed.
    Live {
        /// The token.
        token: RefreshTokenRecord,
        /// Its grant, neither revoked nor expired.
        grant: GrantRecord,
    },
    /// It was rotated away less than the grace ago: most likely its client lost the answer. Refuse it,
    /// and leave the grant alone.
    SpentWithinGrace {
        /// Its grant.
        grant: GrantRecord,
        /// The token that took its place.
        successor: Sha256Digest,
    },
    /// It was rotated away and has come back: someone has a copy. Refuse it and revoke the grant
    /// (RFC 9700 section 4.14.2).
    Reused {
        /// The grant to revoke.
        grant: GrantRecord,
    },
    /// It is over: expired, or its grant expired or was revoked, or its client is disabled.
    Ended,
    /// No such token.
    Unknown,
}

/// The outcome of a rotation. There is one [`Rotation::Rotated`] per token, however many ask at once.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Rotation {
    /// The old token is spent, the new one stored; the grant is the one that they continue.
    Rotated {
        /// The grant.
        grant: GrantRecord,
    },
    /// Nothing was changed: the old token was not live. Never [`RefreshTokenState::Live`].
    Refused(RefreshTokenState),
}

/// The outcome of binding a grant to a key.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum GrantBinding {
    /// The grant was unbound and is bound now.
    Bound,
    /// The grant was bound before, to this `cnf`, which stays (DPOP-5-11).
    BoundBefore(Value),
}

/// Whether a self-contained token has been revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Revocation {
    /// No revocation is known.
    NotRevoked,
    /// The token itself is revoked.
    Token,
    /// Its grant is revoked, or is not in the store.
    Grant,
}

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
}

/// Everything an authorization server must remember.
///
/// An answered call has happened: on a durable backend it survives `kill -9` and power loss as far as
/// the backend's documentation says. Every method fails with [`StoreError::Unavailable`] when the store
/// can't be asked and with [`StoreError::Corrupt`] when a record can't be read; other errors are named
/// at the method. The caller refuses the request on every error.
#[async_trait]
pub trait AuthorizationStore: Send + Sync + 'static {
    /// The client of that name, disabled or not.
    async fn find_client(&self, client_id: &str) -> Result<Option<ClientRecord>, StoreError>;

    /// All clients, by `client_id`.
    async fn list_clients(&self) -> Result<Vec<ClientRecord>, StoreError>;

    /// Adds a client.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    async fn insert_client(&self, client: &ClientRecord) -> Result<(), StoreError>;

    /// Replaces a client's record; `created_at` stays as it was.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn update_client(&self, client: &ClientRecord) -> Result<(), StoreError>;

    /// Disables a client; what it holds is not live from then on. Disabling twice is no error.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn disable_client(&self, client_id: &str, now: UnixTime) -> Result<(), StoreError>;

    /// Adds a grant.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the identifier is taken.
    async fn insert_grant(&self, grant: &GrantRecord) -> Result<(), StoreError>;

    /// The grant of that name, revoked or not.
    async fn find_grant(&self, grant_id: &str) -> Result<Option<GrantRecord>, StoreError>;

    /// Revokes a grant and with it every token issued under it (RFC 7009 section 2.1, REV-2-04). Revoking
    /// twice is no error, and the first time stays.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn revoke_grant(&self, grant_id: &str, now: UnixTime) -> Result<(), StoreError>;

    /// Binds a grant that is not bound yet to `confirmation`, a `cnf` claim. One caller wins; a bound
    /// grant never changes hands (DPOP-5-11, DPOP-5-12).
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is no such grant.
    async fn bind_grant(&self, grant_id: &str, confirmation: &Value) -> Result<GrantBinding, StoreError>;

    /// Adds a refresh token.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the digest is taken; [`StoreError::Unknown`] when its grant is not there.
    async fn insert_refresh_token(&self, token: &RefreshTokenRecord) -> Result<(), StoreError>;

    /// What the refresh token of that digest is worth at `now`, when one that was rotated away less than
    /// `grace` ago counts as a lost answer. A use without rotation needs no other call.
    async fn find_refresh_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
        grace: Duration,
    ) -> Result<RefreshTokenState, StoreError>;

    /// Spends the refresh token `old` and stores `new` in its place, if and only if `old` is live.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when `new` has a digest that is taken, or names another grant or client
    /// than `old`.
    async fn rotate_refresh_token(
        &self,
        old: &Sha256Digest,
        new: &RefreshTokenRecord,
        now: UnixTime,
        grace: Duration,
    ) -> Result<Rotation, StoreError>;

    /// Adds an opaque access token.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the digest is taken; [`StoreError::Unknown`] when it names a grant that
    /// is not there.
    async fn insert_access_token(&self, token: &AccessTokenRecord) -> Result<(), StoreError>;

    /// The opaque access token of that digest, if it is live at `now`: not expired, not revoked, its grant
    /// neither, its client not disabled (RFC 7662 section 4, INT-2-04).
    async fn find_access_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
    ) -> Result<Option<AccessTokenRecord>, StoreError>;

    /// Revokes an opaque access token. An unknown one is no error (RFC 7009 section 2.2).
    async fn revoke_access_token(&self, token_sha256: &Sha256Digest) -> Result<(), StoreError>;

    /// Revokes a self-contained token by its `jti`, until `expires_at`, after which nobody accepts it.
    async fn revoke_token_id(&self, jti: &str, expires_at: UnixTime) -> Result<(), StoreError>;

    /// Whether a self-contained token has been revoked, itself or through the grant that it names.
    async fn find_revocation(&self, jti: &str, grant_id: Option<&str>) -> Result<Revocation, StoreError>;

    /// Claims a single-use thing with the promises of [`ReplayStore`](crate::ReplayStore); trouble is
    /// [`ReplayOutcome::Unavailable`].
    async fn claim_once(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome;

    /// The start of the memory behind [`Self::claim_once`], when nothing older is remembered: what was made
    /// before it may have been used before. `None` when claims survive a restart.
    fn claims_since(&self) -> Option<UnixTime> {
        None
    }

    /// Adds a signing key, in whatever state it says.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the key identifier is taken.
    async fn insert_signing_key(&self, key: &SigningKeyRecord) -> Result<(), StoreError>;

    /// All signing keys, oldest first.
    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError>;

    /// Moves a signing key forward to `state`, at `now`. Being there already is no error.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none; [`StoreError::Conflict`] when it is past that state.
    async fn move_signing_key(
        &self,
        key_id: &str,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// Adds a nonce key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the identifier is taken.
    async fn insert_nonce_key(&self, key: &NonceKeyRecord) -> Result<(), StoreError>;

    /// All nonce keys, oldest first.
    async fn list_nonce_keys(&self) -> Result<Vec<NonceKeyRecord>, StoreError>;

    /// Removes a nonce key whose nonces have all expired. An unknown one is no error.
    async fn remove_nonce_key(&self, id: u8) -> Result<(), StoreError>;

    /// Removes what has expired at `now` and can't be asked for any more.
    async fn purge_expired(&self, now: UnixTime) -> Result<Purged, StoreError>;
}

/// Judges a refresh token beside its grant; every backend reads both in one step and asks here.
pub(crate) fn judge_refresh_token(
    token: RefreshTokenRecord,
    grant: GrantRecord,
    client_disabled: bool,
    now: UnixTime,
    grace: Duration,
) -> RefreshTokenState {
    if client_disabled || grant.revoked_at.is_some() || now >= grant.expires_at || now >= token.expires_at {
        return RefreshTokenState::Ended;
    }
    let Some(spent_at) = token.spent_at else { return RefreshTokenState::Live { token, grant } };
    // A clock that stepped back counts as no time passed: a grace of zero is over at once all the same.
    let passed = u64::try_from(now.seconds_since(spent_at)).unwrap_or(0);
    match token.successor {
        Some(successor) if passed < grace.as_secs() => {
            RefreshTokenState::SpentWithinGrace { grant, successor }
        }
        Some(_) | None => RefreshTokenState::Reused { grant },
    }
}

/// Requires that `new` continues what `old` stood for (DPOP-5-11: rotation never changes hands).
pub(crate) fn require_heir(old: &RefreshTokenRecord, new: &RefreshTokenRecord) -> Result<(), StoreError> {
    if old.grant_id == new.grant_id && old.client_id == new.client_id {
        return Ok(());
    }
    Err(StoreError::Conflict {
        record: "refresh token",
        name: String::new(),
        rule: "a successor continues the grant of the same client",
    })
}

/// Requires that a signing key moves forward or stays.
pub(crate) fn require_move(
    key_id: &str,
    from: SigningKeyState,
    to: SigningKeyState,
) -> Result<(), StoreError> {
    if from <= to {
        return Ok(());
    }
    Err(StoreError::Conflict {
        record: "signing key",
        name: key_id.to_owned(),
        rule: "a signing key moves from pending to active to retired, never back",
    })
}
