//! Room for the slots of one table: four slots to a cache line, all lines in one piece.

/// One entry. `expires` is the last second at which it lives; 0 in a slot that was never used.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) fingerprint: [u32; 3],
    pub(super) expires: u32,
}

/// Four slots in one cache line.
#[repr(align(64))]
#[derive(Clone, Copy)]
pub(super) struct Bucket(pub(super) [Slot; 4]);

/// Buckets, numbered from 0, in one piece: a lookup follows one pointer.
pub(super) struct Buckets(Box<[Bucket]>);

impl Bucket {
    pub(super) const SLOTS: usize = 4;
    const EMPTY: Self = Self([Slot { fingerprint: [0; 3], expires: 0 }; Self::SLOTS]);
}

impl Buckets {
    pub(super) fn none() -> Self {
        Self(Box::new([]))
    }

    /// `len` empty buckets.
    pub(super) fn empty(len: usize) -> Self {
        Self(vec![Bucket::EMPTY; len].into_boxed_slice())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn slots(&self) -> usize {
        self.len() * Bucket::SLOTS
    }

    pub(super) fn get(&self, bucket: usize) -> &[Slot; 4] {
        &self.0[bucket].0
    }

    pub(super) fn get_mut(&mut self, bucket: usize) -> &mut [Slot; 4] {
        &mut self.0[bucket].0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().flat_map(|bucket| &bucket.0)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}
