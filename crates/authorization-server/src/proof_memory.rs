//! Where used DPoP proofs are remembered: in this process, or in the store that several processes share.
//! A memory that began with the process says since when, so that older proofs are met with a nonce
//! (DPOP-11.1-11).

use std::sync::Arc;

use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_crypto::random_bytes;
use bindery_store::memory::ReplayMemory;
use bindery_store::{AuthorizationStore, ReplayStore as _};

use crate::configuration::{DpopConfiguration, ReplayPlace};
use crate::start::StartFailed;

pub(crate) enum ProofMemory {
    Process(Box<ReplayMemory>, usize),
    Store(Arc<dyn AuthorizationStore>),
}

impl ProofMemory {
    pub(crate) fn new(
        configuration: &DpopConfiguration,
        store: &Arc<dyn AuthorizationStore>,
        now: UnixTime,
    ) -> Result<Self, StartFailed> {
        Ok(match configuration.replay {
            ReplayPlace::Store => Self::Store(Arc::clone(store)),
            ReplayPlace::Memory => {
                let key =
                    random_bytes().map_err(|_| StartFailed::Key("the machine's random source fails"))?;
                let bound = configuration.replay_bound;
                Self::Process(Box::new(ReplayMemory::new(bound, now, key)), bound)
            }
        })
    }

    pub(crate) async fn insert(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        match self {
            Self::Process(memory, _) => memory.check_and_insert(entry, now).await,
            Self::Store(store) => store.claim_once(entry, now).await,
        }
    }

    /// Live entries and how many there may be; nothing when the store remembers them.
    pub(crate) fn occupancy(&self, now: UnixTime) -> Option<(usize, usize)> {
        match self {
            Self::Process(memory, bound) => Some((memory.live_entries(now), *bound)),
            Self::Store(_) => None,
        }
    }

    pub(crate) fn accepted_since(&self) -> Option<UnixTime> {
        match self {
            Self::Process(memory, _) => memory.accepted_since(),
            // The store may itself be one that does not survive a restart.
            Self::Store(store) => store.claims_since(),
        }
    }
}
