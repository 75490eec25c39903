//! Single-use things in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use serde_json::Value;

use super::MemoryStore;
use crate::authorization::{PendingStore, PendingUpdate, Spending, judge_unspent};
use crate::error::StoreError;
use crate::record::{GrantRecord, PendingKind, PendingRecord, RefreshTokenRecord};
use crate::replay::ReplayStore as _;

/// What waits, and its second names.
#[derive(Debug, Default)]
pub(super) struct PendingTable {
    records: BTreeMap<(PendingKind, Sha256Digest), PendingRecord>,
    aliases: HashMap<(PendingKind, Sha256Digest), Sha256Digest>,
}

impl PendingTable {
    fn insert(&mut self, record: &PendingRecord) -> Result<(), StoreError> {
        let key = (record.kind, record.key_sha256);
        let alias = record.alias_sha256.map(|alias| (record.kind, alias));
        let alias_is_taken = alias.is_some_and(|alias| self.aliases.contains_key(&alias));
        if alias_is_taken || self.records.contains_key(&key) {
            return Err(StoreError::taken("pending record", record.kind.as_str()));
        }
        if let Some(alias) = alias {
            self.aliases.insert(alias, record.key_sha256);
        }
        self.records.insert(key, record.clone());
        Ok(())
    }

    /// The record of that key, if it is live at `now`.
    fn live(&mut self, kind: PendingKind, key: &Sha256Digest, now: UnixTime) -> Option<&mut PendingRecord> {
        let record = self.records.get_mut(&(kind, *key))?;
        (record.spent_at.is_none() && now < record.expires_at).then_some(record)
    }

    fn spend(&mut self, kind: PendingKind, key: &Sha256Digest, now: UnixTime) -> Spending {
        if let Some(record) = self.live(kind, key, now) {
            record.spent_at = Some(now);
            return Spending::Spent(record.clone());
        }
        judge_unspent(self.records.get(&(kind, *key)).cloned(), now)
    }

    /// What waits for a person and is live at `now`.
    fn waiting(&self, kind: PendingKind, now: UnixTime) -> impl Iterator<Item = &PendingRecord> {
        let of_kind = self.records.range((kind, [0; 32])..=(kind, [0xff; 32])).map(|(_, record)| record);
        of_kind.filter(move |one| one.subject.is_some() && one.spent_at.is_none() && now < one.expires_at)
    }

    /// Keeps what `keeps` says, and says how many it did not.
    pub(super) fn retain(&mut self, keeps: impl Fn(&PendingRecord) -> bool) -> u64 {
        let before = self.records.len();
        self.records.retain(|_, record| keeps(record));
        self.aliases.retain(|(kind, _), key| self.records.contains_key(&(*kind, *key)));
        (before - self.records.len()) as u64
    }
}

#[async_trait]
impl PendingStore for MemoryStore {
    async fn insert_pending(&self, record: &PendingRecord) -> Result<(), StoreError> {
        self.lock()?.pending.insert(record)
    }

    async fn find_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
    ) -> Result<Option<PendingRecord>, StoreError> {
        Ok(self.lock()?.pending.records.get(&(kind, *key_sha256)).cloned())
    }

    async fn find_pending_by_alias(
        &self,
        kind: PendingKind,
        alias_sha256: &Sha256Digest,
    ) -> Result<Option<PendingRecord>, StoreError> {
        let records = self.lock()?;
        let Some(key) = records.pending.aliases.get(&(kind, *alias_sha256)) else { return Ok(None) };
        Ok(records.pending.records.get(&(kind, *key)).cloned())
    }

    async fn update_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        revision: u64,
        payload: &Value,
        now: UnixTime,
    ) -> Result<PendingUpdate, StoreError> {
        let mut records = self.lock()?;
        let Some(record) = records.pending.live(kind, key_sha256, now) else {
            return Ok(PendingUpdate::Over);
        };
        if record.revision != revision {
            return Ok(PendingUpdate::Stale);
        }
        record.revision += 1;
        record.payload = payload.clone();
        Ok(PendingUpdate::Updated { revision: record.revision })
    }

    async fn spend_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        now: UnixTime,
    ) -> Result<Spending, StoreError> {
        Ok(self.lock()?.pending.spend(kind, key_sha256, now))
    }

    async fn redeem_pending(
        &self,
        kind: PendingKind,
        key_sha256: &Sha256Digest,
        now: UnixTime,
        grant: &GrantRecord,
        refresh: Option<&RefreshTokenRecord>,
    ) -> Result<Spending, StoreError> {
        let mut records = self.lock()?;
        if records.pending.live(kind, key_sha256, now).is_some() {
            records.provision(grant, refresh)?;
        }
        Ok(records.pending.spend(kind, key_sha256, now))
    }

    async fn list_pending(
        &self,
        kind: PendingKind,
        after: Option<&Sha256Digest>,
        limit: u32,
    ) -> Result<Vec<PendingRecord>, StoreError> {
        let from = after.map_or(Bound::Included((kind, [0; 32])), |key| Bound::Excluded((kind, *key)));
        let records = self.lock()?;
        let behind = records.pending.records.range((from, Bound::Included((kind, [0xff; 32]))));
        Ok(behind.map(|(_, record)| record).take(limit as usize).cloned().collect())
    }

    async fn list_waiting(
        &self,
        kind: PendingKind,
        subject: &str,
        now: UnixTime,
        limit: u32,
    ) -> Result<Vec<PendingRecord>, StoreError> {
        let records = self.lock()?;
        let theirs = records.pending.waiting(kind, now).filter(|one| one.subject.as_deref() == Some(subject));
        let mut theirs: Vec<_> = theirs.cloned().collect();
        theirs.sort_by_key(|record| (record.created_at, record.key_sha256));
        theirs.truncate(limit as usize);
        Ok(theirs)
    }

    async fn count_waiting(
        &self,
        kind: PendingKind,
        client_id: &str,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        let records = self.lock()?;
        let waiting = records.pending.waiting(kind, now);
        Ok(waiting.filter(|record| record.client_id.as_deref() == Some(client_id)).count() as u64)
    }

    async fn claim_once(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        self.claims.insert_if_absent(&entry, now)
    }

    fn claims_since(&self) -> Option<UnixTime> {
        self.claims.accepted_since()
    }
}
