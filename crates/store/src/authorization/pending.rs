//! Whatever is used once: claims, and things that wait to be spent. Looking first and spending afterwards
//! is not offered, because two callers would pass between the two.

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use serde_json::Value;

use crate::error::StoreError;
use crate::record::{GrantRecord, PendingKind, PendingRecord, RefreshTokenRecord};

/// The outcome of a change of a pending thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PendingUpdate {
    /// It holds the new payload.
    Updated {
        /// Its revision from now on.
        revision: u64,
    },
    /// Somebody else changed it since that revision: look again.
    Stale,
    /// It is spent, expired or not there: nothing changes it any more.
    Over,
}

/// The outcome of spending. There is one [`Spending::Spent`] per thing, however many ask at once and from
/// however many processes.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Spending {
    /// It was live and is spent now, by this call alone. The record is as it stands now.
    Spent(PendingRecord),
    /// It was spent before, expired since or not: someone has a copy (RFC 9700 section 4.5).
    SpentBefore(PendingRecord),
    /// It expired without having been spent.
    Expired(PendingRecord),
    /// No such thing, or one that was purged.
    Unknown,
}

/// Remembers what may be used once.
#[async_trait]
pub trait PendingStore: Send + Sync + 'static {
    /// Adds something that waits.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the key or the alias is taken in its kind.
    async fn insert_pending(&self, record: &PendingRecord) -> Result<(), StoreError>;

    /// What that key opens, whatever its state, until it is purged. The caller judges `expires_at` and
    /// `spent_at`; what it finds live may be spent by somebody else the moment after.
    async fn find_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
    ) -> Result<Option<PendingRecord>, StoreError>;

    /// The same by alias.
    async fn find_pending_by_alias(
        &self,
        kind: PendingKind,
        alias_sha256: &Sha256Digest,
    ) -> Result<Option<PendingRecord>, StoreError>;

    /// Replaces the payload of a thing that is live at `now` and still has that revision.
    async fn update_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        revision: u64,
        payload: &Value,
        now: UnixTime,
    ) -> Result<PendingUpdate, StoreError>;

    /// Spends a thing that is live at `now`.
    async fn spend_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        now: UnixTime,
    ) -> Result<Spending, StoreError>;

    /// Spends a thing and stores the grant that it gives with its first refresh token: all of it or nothing.
    /// Nothing is stored unless the answer is [`Spending::Spent`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an identifier or digest is taken, or the token is not the grant's; the
    /// thing is not spent then.
    async fn redeem_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        now: UnixTime,
        grant: &GrantRecord,
        refresh: Option<&RefreshTokenRecord>,
    ) -> Result<Spending, StoreError>;

    /// At most `limit` things of a kind, whatever their state, by key, from the first one behind `after` on.
    async fn list_pending(
        &self,
        kind: PendingKind,
        after: Option<&Sha256Digest>,
        limit: u32,
    ) -> Result<Vec<PendingRecord>, StoreError>;

    /// At most `limit` things of a kind that wait for `subject` and are live at `now`, the oldest first.
    async fn list_waiting(
        &self,
        kind: PendingKind,
        subject: &str,
        now: UnixTime,
        limit: u32,
    ) -> Result<Vec<PendingRecord>, StoreError>;

    /// How many things of a kind of a client wait for somebody and are live at `now`.
    async fn count_waiting(
        &self,
        kind: PendingKind,
        client_id: &str,
        now: UnixTime,
    ) -> Result<u64, StoreError>;

    /// Claims a single-use thing with the promises of [`ReplayStore`](crate::ReplayStore); trouble is
    /// [`ReplayOutcome::Unavailable`].
    async fn claim_once(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome;

    /// The start of the memory behind [`Self::claim_once`], when nothing older is remembered: what was made
    /// before it may have been used before. `None` when claims survive a restart.
    fn claims_since(&self) -> Option<UnixTime> {
        None
    }
}

/// Says why a thing that is there could not be spent, given how it stands.
pub(crate) fn judge_unspent(record: Option<PendingRecord>, now: UnixTime) -> Spending {
    match record {
        Some(record) if record.spent_at.is_some() => Spending::SpentBefore(record),
        Some(record) if now >= record.expires_at => Spending::Expired(record),
        // It was not there when it was asked for, and came a moment later.
        Some(_) | None => Spending::Unknown,
    }
}
