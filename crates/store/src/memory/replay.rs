//! The replay memory of one process: many small tables, each behind its own lock, under one bound on live
//! entries. It is exact within each entry's lifetime, answers `Full` rather than forget, and grows table
//! by table, so that no call waits for more than a few thousand moves. It must never evict.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;

use super::table::Table;
use crate::fingerprint::FingerprintKey;
use crate::replay::ReplayStore;

/// The replay store of a single process: exact, bounded, 19 to 25 bytes per live entry, no sweep.
///
/// Times before 1970 and after 2106 are held as those limits; an entry that expires later than 2106 is
/// never dropped. The caller caps `expires_at` (an acceptance window is minutes long), since each live
/// entry takes its place until then.
pub struct ReplayMemory {
    tables: Box<[Mutex<Table>]>,
    key: FingerprintKey,
    live: AtomicUsize,
    max_live: usize,
    /// The latest second for which every table has counted off its expired entries.
    reclaimed: Mutex<u32>,
    started: UnixTime,
}

impl ReplayMemory {
    /// An empty memory for at most `max_live` live entries, that begins at `started`. `key` is 16 bytes
    /// that the caller drew from a cryptographic random source for this memory alone.
    ///
    /// It starts small; `max_live` costs about 15 bytes per 1,000 until they are used.
    #[must_use]
    pub fn new(max_live: usize, started: UnixTime, key: [u8; 16]) -> Self {
        let tables = max_live.div_ceil(ENTRIES_PER_TABLE).clamp(1, MOST_TABLES);
        Self {
            tables: (0..tables).map(|_| Mutex::new(Table::new())).collect(),
            key: FingerprintKey::new(&key),
            live: AtomicUsize::new(0),
            max_live,
            reclaimed: Mutex::new(0),
            started,
        }
    }

    /// Remembers `entry` if it is new; the same as [`ReplayStore::check_and_insert`], without waiting.
    pub fn insert_if_absent(&self, entry: &ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        if entry.expires_at < now {
            return ReplayOutcome::Duplicate; // It may have been here and gone: nothing vouches for it.
        }
        let fingerprint = self.key.fingerprint(entry);
        let (expires, now) = (second(entry.expires_at), second(now));
        let table = (u64::from(fingerprint.shard) * self.tables.len() as u64) >> 32;
        let table = &self.tables[table as usize];
        let attempt = || {
            let Ok(mut table) = table.lock() else { return ReplayOutcome::Unavailable };
            self.count_off(table.expire(now));
            table.check_and_insert(fingerprint.stored, expires, now, || self.reserve())
        };
        match attempt() {
            // Other tables may hold expired entries that nobody has counted off yet.
            ReplayOutcome::Full if self.reclaim(now) => attempt(),
            outcome => outcome,
        }
    }

    /// How many entries are live, at most: those that have expired since their table was last asked are
    /// still counted.
    #[must_use]
    pub fn live_entries_upper_bound(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// How many entries are live at `now`: what has expired is counted off first.
    #[must_use]
    pub fn live_entries(&self, now: UnixTime) -> usize {
        // A lost lock leaves the count too high, never too low.
        let _ = self.reclaim(second(now));
        self.live_entries_upper_bound()
    }

    /// Bytes held, tables and counters, without the allocator's own overhead.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let table_bytes = |table: &Mutex<Table>| {
            let around = size_of::<Mutex<Table>>() - size_of::<Table>();
            around + table.lock().map_or(0, |table| table.memory_bytes())
        };
        size_of::<Self>() + self.tables.iter().map(table_bytes).sum::<usize>()
    }

    fn reserve(&self) -> bool {
        let before = self.live.fetch_add(1, Ordering::Relaxed);
        if before >= self.max_live {
            self.count_off(1);
        }
        before < self.max_live
    }

    fn count_off(&self, entries: usize) {
        if entries > 0 {
            self.live.fetch_sub(entries, Ordering::Relaxed);
        }
    }

    /// Counts off what has expired in every table, once per second at most. `false` when a lock is lost.
    fn reclaim(&self, now: u32) -> bool {
        let Ok(mut reclaimed) = self.reclaimed.lock() else { return false };
        if *reclaimed < now {
            for table in &self.tables {
                let Ok(mut table) = table.lock() else { return false };
                self.count_off(table.expire(now));
            }
            *reclaimed = now;
        }
        true
    }
}

impl ReplayStore for ReplayMemory {
    async fn check_and_insert<'a>(&'a self, entry: ReplayEntry<'a>, now: UnixTime) -> ReplayOutcome {
        self.insert_if_absent(&entry, now)
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        Some(self.started)
    }
}

impl fmt::Debug for ReplayMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayMemory")
            .field("live", &self.live)
            .field("max_live", &self.max_live)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// A time as slots hold it. 0 is kept for empty slots.
fn second(time: UnixTime) -> u32 {
    u32::try_from(time.as_seconds().max(1)).unwrap_or(u32::MAX)
}

/// Small enough that a table grows within a fraction of a millisecond.
const ENTRIES_PER_TABLE: usize = 8_192;
const MOST_TABLES: usize = 65_536;

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
