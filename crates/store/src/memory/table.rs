//! One shard of the replay memory: a cuckoo table of 16-byte slots (96-bit fingerprint, expiry second).
//! An entry is always in one of two buckets of one cache line each, so finding it never depends on what
//! was dropped around it, and a slot whose entry has expired is simply free. A live entry may be moved
//! between its two buckets and is never dropped.

use bindery_core::replay::ReplayOutcome;

use super::buckets::{Bucket, Buckets, Slot};
use super::expiries::Expiries;

/// A table, its count of live entries by expiry, and what it can no longer vouch for.
pub(super) struct Table {
    buckets: Buckets,
    expiries: Expiries,
    live: usize,
    /// The latest expiry among the entries that were dropped. A newcomer that expires no later could be
    /// one of them, whatever the clock says by then, so it is not taken for new (DPOP-11.1-12).
    dropped_through: u32,
    walk: Walk,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            buckets: Buckets::none(),
            expiries: Expiries::new(),
            live: 0,
            dropped_through: 0,
            walk: Walk(0x9e37_79b9),
        }
    }

    /// Counts off what has expired before `now`, gives back room that a flood has left behind, and says
    /// how many entries were counted off.
    pub(super) fn expire(&mut self, now: u32) -> usize {
        let expired = self.expiries.take_before(now);
        if expired > 0 {
            self.live = self.live.saturating_sub(expired);
            let slots = self.buckets.slots();
            if slots > SMALL && self.live < slots / 4 {
                self.rebuild(self.live.div_ceil(3), None, now);
            }
        }
        expired
    }

    /// The one atomic step. `reserve` is asked once the entry is known to be new.
    pub(super) fn check_and_insert(
        &mut self,
        fingerprint: [u32; 3],
        expires: u32,
        now: u32,
        reserve: impl FnOnce() -> bool,
    ) -> ReplayOutcome {
        let place = find(&self.buckets, fingerprint);
        let seen = place.map_or(0, |(bucket, index)| self.buckets.get(bucket)[index].expires);
        if expires <= self.dropped_through || (place.is_some() && (now <= seen || expires <= seen)) {
            return ReplayOutcome::Duplicate;
        }
        if !reserve() {
            return ReplayOutcome::Full;
        }
        self.expiries.add(expires);
        self.live += 1;
        let slot = Slot { fingerprint, expires };
        match place {
            // The same identifier again, a lifetime later.
            Some((bucket, index)) => self.buckets.get_mut(bucket)[index] = slot,
            None => self.place(slot, now),
        }
        ReplayOutcome::Inserted
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.buckets.heap_bytes() + self.expiries.heap_bytes()
    }

    fn place(&mut self, slot: Slot, now: u32) {
        if self.live > self.buckets.slots() * 3 / 4 {
            return self.rebuild(larger(self.buckets.len()), Some(slot), now);
        }
        if let Err(homeless) = settle(&mut self.buckets, slot, now, &mut self.dropped_through, &mut self.walk)
        {
            self.rebuild(larger(self.buckets.len()), Some(homeless), now);
        }
    }

    /// Moves what lives, and `newcomer`, to a table of at least `size` buckets.
    fn rebuild(&mut self, mut size: usize, newcomer: Option<Slot>, now: u32) {
        loop {
            let mut next = Buckets::empty(size);
            let mut dropped_through = self.dropped_through;
            let all_settled = self.buckets.iter().chain(&newcomer).all(|slot| {
                if slot.expires < now {
                    dropped_through = dropped_through.max(slot.expires);
                    return true;
                }
                settle(&mut next, *slot, now, &mut dropped_through, &mut self.walk).is_ok()
            });
            if all_settled {
                self.buckets = next;
                self.dropped_through = dropped_through;
                return;
            }
            size = larger(size);
        }
    }
}

/// Where `fingerprint` lies, live or expired.
fn find(buckets: &Buckets, fingerprint: [u32; 3]) -> Option<(usize, usize)> {
    let [one, other] = homes(fingerprint, buckets.len())?;
    // Both lines are asked for before either is looked at, so that two cache misses cost about one.
    let (in_one, in_other) = (buckets.get(one), buckets.get(other));
    let position = |slots: &[Slot; Bucket::SLOTS]| {
        slots.iter().position(|slot| slot.fingerprint == fingerprint && slot.expires != 0)
    };
    match (position(in_one), position(in_other)) {
        (Some(index), _) => Some((one, index)),
        (None, Some(index)) => Some((other, index)),
        (None, None) => None,
    }
}

/// Puts `slot` in one of its two buckets, moving others to their other bucket where both are full of
/// living entries. `Err` gives back the one that is left without a place after a long walk.
fn settle(
    buckets: &mut Buckets,
    mut slot: Slot,
    now: u32,
    dropped_through: &mut u32,
    walk: &mut Walk,
) -> Result<(), Slot> {
    let Some(mut candidates) = homes(slot.fingerprint, buckets.len()) else { return Err(slot) };
    for _ in 0..LONGEST_WALK {
        for home in candidates {
            if let Some(free) = buckets.get_mut(home).iter_mut().find(|held| held.expires < now) {
                *dropped_through = (*dropped_through).max(free.expires);
                *free = slot;
                return Ok(());
            }
        }
        let choice = walk.step();
        let from = candidates[choice & 1];
        core::mem::swap(&mut slot, &mut buckets.get_mut(from)[(choice >> 1) % Bucket::SLOTS]);
        let Some([one, other]) = homes(slot.fingerprint, buckets.len()) else { return Err(slot) };
        candidates = [if one == from { other } else { one }; 2];
    }
    Err(slot)
}

/// The two buckets that may hold `fingerprint`; `None` while there are none.
fn homes(fingerprint: [u32; 3], buckets: usize) -> Option<[usize; 2]> {
    let scale = |part: u32| ((u64::from(part) * buckets as u64) >> 32) as usize;
    (buckets > 0).then(|| [scale(fingerprint[0]), scale(fingerprint[1])])
}

/// A quarter more, so that between 60 and 75 in a hundred slots are in use: few newcomers have to move
/// somebody, and each move is another cache miss.
fn larger(buckets: usize) -> usize {
    buckets + buckets / 4 + 1
}

/// Which entry moves next: any fixed sequence will do, because the fingerprints are keyed.
struct Walk(u32);

impl Walk {
    fn step(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) as usize
    }
}

/// At 75 in a hundred most newcomers find room at once; a walk of this length means bad luck.
const LONGEST_WALK: usize = 256;
/// Below this many slots a table is never made smaller.
const SMALL: usize = 64;
