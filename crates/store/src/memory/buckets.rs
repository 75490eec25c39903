//! Room for the slots of one table, in pieces of one size, so that what a grown table leaves behind is
//! what the next one takes and the heap doesn't fill with holes.

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

/// Buckets, numbered from 0.
pub(super) struct Buckets {
    pieces: Vec<Box<[Bucket]>>,
    len: usize,
}

impl Bucket {
    pub(super) const SLOTS: usize = 4;
    const EMPTY: Self = Self([Slot { fingerprint: [0; 3], expires: 0 }; Self::SLOTS]);
}

impl Buckets {
    pub(super) const fn none() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }

    /// At least `len` empty buckets; a large number is rounded up to whole pieces.
    pub(super) fn empty(len: usize) -> Self {
        let piece = |len| vec![Bucket::EMPTY; len].into_boxed_slice();
        if len < PIECE {
            return Self { pieces: vec![piece(len)], len };
        }
        let pieces: Vec<_> = (0..len.div_ceil(PIECE)).map(|_| piece(PIECE)).collect();
        let len = pieces.len() * PIECE;
        Self { pieces, len }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn slots(&self) -> usize {
        self.len * Bucket::SLOTS
    }

    pub(super) fn get(&self, bucket: usize) -> &[Slot; 4] {
        &self.pieces[bucket / PIECE][bucket % PIECE].0
    }

    pub(super) fn get_mut(&mut self, bucket: usize) -> &mut [Slot; 4] {
        &mut self.pieces[bucket / PIECE][bucket % PIECE].0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().flat_map(|piece| piece.iter()).flat_map(|bucket| &bucket.0)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.len * size_of::<Bucket>() + self.pieces.capacity() * size_of::<Box<[Bucket]>>()
    }
}

/// Buckets in a piece: 8 KiB.
const PIECE: usize = 128;
