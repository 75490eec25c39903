//! Refresh tokens and opaque access tokens.

use std::time::Duration;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;

use crate::error::StoreError;
use crate::record::{AccessTokenRecord, GrantRecord, RefreshTokenRecord};

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

/// Remembers tokens, by their digests.
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
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
