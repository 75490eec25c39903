//! How many entries of one table expire in which second, so that the bound can be a bound on live
//! entries without ever looking through a table. It must never count an entry off before its time.

use std::collections::BTreeMap;

/// Counts by expiry second.
pub(super) struct Expiries {
    /// Counts for the `NEAR` seconds from `from` on, each at its second modulo `NEAR`; made on first use.
    near: Box<[u32]>,
    from: u32,
    /// All others: expiries far ahead, and those behind a clock that has stepped back.
    others: BTreeMap<u32, u32>,
}

impl Expiries {
    pub(super) fn new() -> Self {
        Self { near: Box::new([]), from: 0, others: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, expires: u32) {
        if expires >= self.from && expires - self.from < NEAR {
            if self.near.is_empty() {
                self.near = vec![0; NEAR as usize].into_boxed_slice();
            }
            self.near[(expires % NEAR) as usize] += 1;
        } else {
            *self.others.entry(expires).or_insert(0) += 1;
        }
    }

    /// Takes out everything that expires before `now` and says how many that were.
    pub(super) fn take_before(&mut self, now: u32) -> usize {
        let mut taken = 0;
        if now > self.from {
            if !self.near.is_empty() {
                for second in self.from..now.min(self.from.saturating_add(NEAR)) {
                    taken += core::mem::take(&mut self.near[(second % NEAR) as usize]) as usize;
                }
            }
            self.from = now;
        }
        while let Some(first) = self.others.first_entry()
            && *first.key() < now
        {
            taken += first.remove() as usize;
        }
        taken
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // A B-tree node holds 11 pairs and is about two thirds full.
        size_of_val(&*self.near) + self.others.len() * size_of::<(u32, u32)>() * 2
    }
}

/// Longer than a proof or a nonce lives by default.
const NEAR: u32 = 512;
