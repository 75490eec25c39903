//! The life of the issuer's keys: pending (published, not used), active, retired (used no more, kept until what
//! it signed has expired), gone. A key signs only after every process and every cache has had time to get it.
//! All processes on one store come to the same steps; of several that would make a key, one does. Operators
//! reach the same steps ahead of time through [`list`], [`rotate`] and [`retire`].

mod issuer_key;
mod operator;
mod plan;
mod times;

use std::time::Duration;

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_crypto::seal::Sealer;
use bindery_store::record::{SigningKeyRecord, SigningKeyState};
use bindery_store::{AuthorizationStore, StoreError};

pub use issuer_key::KeyAlgorithm;
pub use operator::{
    KeyChange, KeyChangeRefused, KeyStatus, NextStep, Retirement, Rotation, list, retire, rotate,
};
pub(crate) use operator::{retire_by, rotate_by};
pub use times::KeysConfiguration;

pub(crate) use issuer_key::{open_decryption_key, open_signer};
pub(crate) use times::KeyTimes;

use crate::audit::AuditLog;
use crate::event::AuditEvent;
use crate::start::StartFailed;
use plan::{Keys, Step};

/// Within this a process that has begun to make a key has made it, or is gone.
const MAKING: Duration = Duration::from_secs(60);
/// How long a process waits for a key that another one is making.
const PATIENCE: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The key of `algorithm` that is in use.
pub(crate) fn in_use(records: &[SigningKeyRecord], algorithm: KeyAlgorithm) -> Option<&SigningKeyRecord> {
    Keys::of(records, algorithm).current()
}

/// What the schedule works on.
#[derive(Clone, Copy)]
pub(crate) struct Schedule<'a> {
    pub(crate) store: &'a dyn AuthorizationStore,
    pub(crate) sealer: &'a Sealer,
    pub(crate) algorithms: &'a [KeyAlgorithm],
    pub(crate) times: &'a KeyTimes,
    pub(crate) audit: &'a AuditLog,
}

impl Schedule<'_> {
    /// Takes what is due, and gives all keys as they then are: one in use for every algorithm, but for those that
    /// were added to a running issuer and whose first key is only published yet.
    ///
    /// # Errors
    /// [`StartFailed`] when the store can't be asked, or no key could be made.
    pub(crate) async fn maintain(&self, now: UnixTime) -> Result<Vec<SigningKeyRecord>, StartFailed> {
        for _ in 0..PATIENCE {
            let records = self.store.list_signing_keys().await?;
            let steps = plan::due(&records, self.algorithms, self.times, now);
            if steps.is_empty() {
                return Ok(records);
            }
            for step in steps {
                self.take(step, &records, now).await?;
            }
            let records = self.store.list_signing_keys().await?;
            if self.algorithms.iter().all(|algorithm| Keys::of(&records, *algorithm).are_ready()) {
                return Ok(records);
            }
            // Another process is making the first key.
            tokio::time::sleep(PAUSE).await;
        }
        Err(StartFailed::Key(
            "another process began to make a key and has not finished; start again in a minute",
        ))
    }

    async fn take(&self, step: Step, records: &[SigningKeyRecord], now: UnixTime) -> Result<(), StartFailed> {
        match step {
            Step::Make(algorithm, state) => {
                if self.claim(algorithm, records, now).await == ReplayOutcome::Inserted {
                    self.make_if_due(algorithm, state, now).await?;
                }
                Ok(())
            }
            Step::Activate(key_id) => self.activate(&key_id, now).await,
            Step::Retire(key_id) => self.retire(&key_id, now).await,
            Step::Remove(key_id) => self.remove(&key_id).await,
        }
    }

    /// One process for each successor of a key: whoever claims it first. A claim whose holder is gone ends.
    async fn claim(
        &self,
        algorithm: KeyAlgorithm,
        records: &[SigningKeyRecord],
        now: UnixTime,
    ) -> ReplayOutcome {
        let newest = records.iter().rev().find(|record| record.algorithm == algorithm.name());
        let entry = ReplayEntry {
            kind: ReplayKind::KeyGeneration,
            owner: algorithm.name().as_bytes(),
            target: ("", ""),
            identifier: newest.map_or("first", |record| &record.key_id),
            expires_at: now.plus(MAKING),
        };
        self.store.claim_once(entry, now).await
    }

    /// Between the look and the claim another process may have made it, and its claim may have ended.
    async fn make_if_due(
        &self,
        algorithm: KeyAlgorithm,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<(), StartFailed> {
        let records = self.store.list_signing_keys().await?;
        let steps = plan::due(&records, self.algorithms, self.times, now);
        if steps.contains(&Step::Make(algorithm, state)) {
            self.make(algorithm, state, now).await?;
        }
        Ok(())
    }

    async fn make(
        &self,
        algorithm: KeyAlgorithm,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<String, StartFailed> {
        let record = issuer_key::generate(self.sealer, algorithm, state, now).await?;
        self.store.insert_signing_key(&record).await?;
        let (key_id, algorithm) = (record.key_id.as_str(), algorithm.name());
        self.audit.record(AuditEvent::SigningKeyMade { key_id, algorithm });
        if state == SigningKeyState::Active {
            self.audit.record(AuditEvent::SigningKeyActivated { key_id, algorithm });
        }
        Ok(record.key_id)
    }

    async fn activate(&self, key_id: &str, now: UnixTime) -> Result<(), StartFailed> {
        if let Some(algorithm) = self.move_to(key_id, SigningKeyState::Active, now).await? {
            self.audit.record(AuditEvent::SigningKeyActivated { key_id, algorithm: &algorithm });
        }
        Ok(())
    }

    async fn retire(&self, key_id: &str, now: UnixTime) -> Result<(), StartFailed> {
        if let Some(algorithm) = self.move_to(key_id, SigningKeyState::Retired, now).await? {
            self.audit.record(AuditEvent::SigningKeyRetired { key_id, algorithm: &algorithm });
        }
        Ok(())
    }

    async fn remove(&self, key_id: &str) -> Result<(), StartFailed> {
        let records = self.store.list_signing_keys().await?;
        let Some(record) = records.iter().find(|record| record.key_id == key_id) else { return Ok(()) };
        self.store.remove_signing_key(key_id).await?;
        self.audit.record(AuditEvent::SigningKeyRemoved { key_id, algorithm: &record.algorithm });
        Ok(())
    }

    /// Moves a key that is not there yet; gives its algorithm when this call moved it, as far as can be seen.
    /// Whoever comes second finds it moved, which is what it wanted.
    async fn move_to(
        &self,
        key_id: &str,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<Option<String>, StartFailed> {
        let records = self.store.list_signing_keys().await?;
        let Some(record) = records.iter().find(|record| record.key_id == key_id) else { return Ok(None) };
        if record.state >= state {
            return Ok(None);
        }
        match self.store.move_signing_key(key_id, state, now).await {
            Ok(()) => Ok(Some(record.algorithm.clone())),
            Err(StoreError::Conflict { .. } | StoreError::Unknown { .. }) => Ok(None),
            // Two processes at the same record: the next look finds it moved, or the store is really away.
            Err(StoreError::Unavailable { .. }) => {
                self.store.list_signing_keys().await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
