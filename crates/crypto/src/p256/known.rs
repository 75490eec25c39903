//! Which keys have a table: those under which good signatures come often. A stranger can sign with keys of his own as
//! often as he pays for it, so a table is earned by several good signatures, their number is bounded, and whom they
//! serve is decided by use. Nothing here is a verdict: with a table or without, a signature is as good or as bad.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::{KeyTable, Verdict};
use crate::algorithm::es256;

/// The process's known keys: 32 MiB of tables when all are there.
pub(crate) static KNOWN: LazyLock<KnownKeys> = LazyLock::new(|| KnownKeys::new(MAXIMUM_TABLES));

/// Whether tables are used in this process, which they are until it is said. Without them aws-lc verifies every
/// signature; the verdicts are the same.
pub fn use_tables(used: bool) {
    TABLES_USED.store(used, Ordering::Relaxed);
}

static TABLES_USED: AtomicBool = AtomicBool::new(true);

/// Tables in the process.
pub const MAXIMUM_TABLES: usize = 2048;

/// Good signatures that earn a key its table. Building one costs less than two and a half verifications without it, so
/// that whoever has tables built that he never uses adds less than a third to the cost of his own signatures.
pub const SIGNATURES_FOR_A_TABLE: u64 = 8;

/// An uncompressed SEC1 point.
type PublicKeyPoint = [u8; 65];

/// The tables of known keys, found by the whole key.
pub(crate) struct KnownKeys {
    sets: Box<[RwLock<Set>]>,
    sightings: Sightings,
    /// Keyed at random, so that nobody can choose keys that share a set or a counter.
    hasher: RandomState,
}

/// The places that a key may be in.
type Set = [Option<Entry>; PLACES];

const PLACES: usize = 8;

struct Entry {
    point: PublicKeyPoint,
    table: Arc<KeyTable>,
    /// Uses, less the newcomers that were turned away for them.
    uses: AtomicU8,
}

/// More uses are not counted: so many newcomers displace the table of a key that is no longer used.
const MOST_USES: u8 = 15;

impl KnownKeys {
    fn new(maximum: usize) -> Self {
        let sets = (0..maximum / PLACES).map(|_| RwLock::default()).collect();
        Self { sets, sightings: Sightings::new(2 * maximum), hasher: RandomState::new() }
    }

    /// Verifies `signature`, `r || s` at full width, over `message`.
    pub(crate) fn verify(&self, point: &PublicKeyPoint, message: &[u8], signature: &[u8]) -> Verdict {
        if !TABLES_USED.load(Ordering::Relaxed) {
            return es256::verify(point, message, signature);
        }
        let hash = self.hasher.hash_one(point);
        if let Some(table) = self.table(hash, point)
            && let Ok(verdict) = table.verify(message, signature)
        {
            return verdict;
        }
        es256::verify(point, message, signature)?;
        if self.sightings.note(hash) == Sighting::Frequent {
            self.welcome(hash, point);
        }
        Ok(())
    }

    fn table(&self, hash: u64, point: &PublicKeyPoint) -> Option<Arc<KeyTable>> {
        let set = self.set(hash)?.read().unwrap_or_else(PoisonError::into_inner);
        let entry = set.iter().flatten().find(|entry| entry.point == *point)?;
        let uses = entry.uses.load(Ordering::Relaxed);
        if uses < MOST_USES {
            entry.uses.store(uses + 1, Ordering::Relaxed);
        }
        Some(Arc::clone(&entry.table))
    }

    /// Builds a table where there is room for it. Where there is none, the least used table of the set has one use
    /// less from now on, and the newcomer may come again.
    fn welcome(&self, hash: u64, point: &PublicKeyPoint) {
        let Some(set) = self.set(hash) else { return };
        if let Some(least) = set.read().unwrap_or_else(PoisonError::into_inner).iter().min_by_key(uses)
            && let Some(uses @ 1..) = uses(&least)
        {
            let turned_away = least.as_ref().map(|entry| entry.uses.store(uses - 1, Ordering::Relaxed));
            return turned_away.unwrap_or_default();
        }
        // Outside of the lock, as it takes a while.
        let Some(table) = KeyTable::new(point) else { return };
        let entry = Entry { point: *point, table: Arc::new(table), uses: AtomicU8::new(0) };
        let mut set = set.write().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().flatten().any(|entry| entry.point == *point);
        if let Some(place) = set.iter_mut().min_by_key(|place| uses(&&**place)).filter(|_| !known) {
            *place = Some(entry);
        }
    }

    fn set(&self, hash: u64) -> Option<&RwLock<Set>> {
        // The low bits choose the counter.
        self.sets.get((hash >> 32) as usize % self.sets.len())
    }
}

/// `None`, which is less than every number, for a free place.
fn uses(place: &&Option<Entry>) -> Option<u8> {
    place.as_ref().map(|entry| entry.uses.load(Ordering::Relaxed))
}

/// How often keys without a table were good for a signature, in a fixed number of counters without locks. Each counts
/// for one key at a time, and a sighting of another key that shares the counter counts against it. So a key gets its
/// table when it is most of what its counter sees; and where there are many more keys in use than tables, so that
/// tables would be thrown away before they pay, few are built.
struct Sightings {
    /// 56 bits of a keyed hash of the key, then eight of count. A race between two loses a sighting at most.
    counters: Box<[AtomicU64]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sighting {
    Seldom,
    /// Said once; then counting starts anew.
    Frequent,
}

impl Sightings {
    fn new(counters: usize) -> Self {
        let counters = (0..counters.next_power_of_two()).map(|_| AtomicU64::new(0)).collect();
        Self { counters }
    }

    fn note(&self, hash: u64) -> Sighting {
        let Some(counter) = self.counters.get(hash as usize & (self.counters.len() - 1)) else {
            return Sighting::Seldom;
        };
        let before = counter.load(Ordering::Relaxed);
        let (owner, count) = (before & !COUNT, before & COUNT);
        let after = if owner == hash & !COUNT && count > 0 {
            if count + 1 == SIGNATURES_FOR_A_TABLE { 0 } else { before + 1 }
        } else if count > 1 {
            before - 1
        } else {
            hash & !COUNT | 1
        };
        let counted = counter.compare_exchange(before, after, Ordering::Relaxed, Ordering::Relaxed);
        if counted.is_ok() && after == 0 { Sighting::Frequent } else { Sighting::Seldom }
    }
}

const COUNT: u64 = 0xff;

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
