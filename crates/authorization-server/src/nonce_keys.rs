//! The keys of stateless nonces (DPOP-8-09, -10): shared by every process on one store, sealed at rest,
//! replaced on a schedule. A replaced key judges until its nonces have expired, so no request in flight
//! fails because of a rotation; it never issues again.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bindery_core::crypto::MacKey;
use bindery_core::dpop::nonce::{self, DpopNonce, NonceKeyRing};
use bindery_core::time::UnixTime;
use bindery_crypto::seal::Sealer;
use bindery_crypto::{AwsLc, RandomUnavailable, random_bytes};
use bindery_store::record::NonceKeyRecord;
use bindery_store::{AuthorizationStore, StoreError};

use crate::event::AuditEvent;
use crate::start::StartFailed;

/// How many keys judge: the current one and those before it.
const RING: usize = 3;
/// Every process has a key by then.
const TAKEN_OVER: Duration = Duration::from_secs(120);

pub(crate) struct NonceKeys {
    ring: RwLock<NonceKeyRing>,
    rotation: Duration,
}

impl NonceKeys {
    pub(crate) async fn load(
        store: &dyn AuthorizationStore,
        sealer: &Sealer,
        rotation: Duration,
        now: UnixTime,
    ) -> Result<Self, StartFailed> {
        let ring = load_ring(store, sealer, rotation, now).await?;
        Ok(Self { ring: RwLock::new(ring), rotation })
    }

    /// Makes a new key when the current one is old enough, and takes over what other processes made.
    pub(crate) async fn refresh(
        &self,
        store: &dyn AuthorizationStore,
        sealer: &Sealer,
        now: UnixTime,
    ) -> Result<(), StartFailed> {
        let ring = load_ring(store, sealer, self.rotation, now).await?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    /// A fresh nonce for this server.
    pub(crate) fn issue(&self, scope: &str, now: UnixTime) -> Result<DpopNonce, RandomUnavailable> {
        let random = random_bytes::<8>()?;
        Ok(self.read(|ring| nonce::issue(ring, scope, now, random, &AwsLc)))
    }

    /// The ring as it is now, for judging one proof.
    pub(crate) fn ring(&self) -> NonceKeyRing {
        self.read(NonceKeyRing::clone)
    }

    fn read<T>(&self, look: impl FnOnce(&NonceKeyRing) -> T) -> T {
        look(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn load_ring(
    store: &dyn AuthorizationStore,
    sealer: &Sealer,
    rotation: Duration,
    now: UnixTime,
) -> Result<NonceKeyRing, StartFailed> {
    let mut records = store.list_nonce_keys().await?;
    if records.last().is_none_or(|newest| newest.created_at.plus(rotation) <= now) {
        let id = records.last().map_or(0, |newest| newest.id.wrapping_add(1));
        // Identifiers come round; the one that is taken again must have been removed before.
        let record = new_record(sealer, id, now)?;
        match store.insert_nonce_key(&record).await {
            Ok(()) => AuditEvent::NonceKeyMade { id: id.into() }.trace(),
            // Another process was first: its key serves both.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        records = store.list_nonce_keys().await?;
        let old = records.len().saturating_sub(RING);
        for record in records.drain(..old) {
            store.remove_nonce_key(record.id).await?;
        }
    }
    // A new key issues when every process can judge its nonces; until then the one before it does.
    let known = records.iter().rev().find(|record| record.created_at.plus(TAKEN_OVER) <= now);
    let current =
        known.or(records.first()).ok_or(StartFailed::Key("a nonce key that was just stored is gone"))?;
    let mut ring = NonceKeyRing::new(current.id, open(sealer, current)?);
    for record in records.iter().rev().filter(|record| record.id != current.id) {
        ring = ring.with_previous(record.id, open(sealer, record)?);
    }
    Ok(ring)
}

fn new_record(sealer: &Sealer, id: u8, now: UnixTime) -> Result<NonceKeyRecord, StartFailed> {
    let key = zeroize::Zeroizing::new(
        random_bytes::<32>().map_err(|_| StartFailed::Key("the machine's random source fails"))?,
    );
    let sealed =
        sealer.seal(&context(id), &*key).map_err(|_| StartFailed::Key("a nonce key can't be sealed"))?;
    Ok(NonceKeyRecord { id, sealed, created_at: now })
}

fn open(sealer: &Sealer, record: &NonceKeyRecord) -> Result<MacKey, StartFailed> {
    let bytes = sealer.open(&context(record.id), &record.sealed).map_err(|_| {
        StartFailed::Key(
            "a stored nonce key does not open under the sealing key: is it the key file of this database?",
        )
    })?;
    <[u8; 32]>::try_from(bytes.as_slice())
        .map(MacKey::new)
        .map_err(|_| StartFailed::Key("a stored nonce key is damaged"))
}

fn context(id: u8) -> Vec<u8> {
    [&b"nonce key "[..], &[id]].concat()
}
