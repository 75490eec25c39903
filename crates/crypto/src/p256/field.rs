//! The field of P-256: integers modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1 (FIPS 186-5, SP 800-186
//! section 3.2.1.3) in Montgomery form. Every value is fully reduced, so equal elements are equal limbs.
//! Variable time: for public numbers only.

use super::inverse::Modulus;
use super::limbs::{self, Limbs, add, choose, mask, reduce_once, subtract};

/// The prime p.
pub(super) const P: Limbs = [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001];

/// 2^512 modulo p.
const SQUARE_OF_R: Limbs = limbs::montgomery_square(&P);

static MODULUS: Modulus = Modulus::new(&P);

/// `a · 2^256` modulo p, below p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldElement(Limbs);

impl FieldElement {
    pub(super) const ZERO: Self = Self([0; 4]);
    /// 2^256 - p, which is 2^256 modulo p.
    pub(super) const ONE: Self = Self(subtract(&[0; 4], &P).0);

    /// `None` unless `number` is below p.
    pub(super) fn new(number: &Limbs) -> Option<Self> {
        subtract(number, &P).1.then(|| Self(*number).multiply(&Self(SQUARE_OF_R)))
    }

    /// The number below p that it stands for.
    pub(super) fn number(&self) -> Limbs {
        let [l0, l1, l2, l3] = self.0;
        reduce([l0, l1, l2, l3, 0, 0, 0, 0]).0
    }

    #[inline(always)]
    pub(super) const fn is_zero(&self) -> bool {
        self.0[0] | self.0[1] | self.0[2] | self.0[3] == 0
    }

    #[inline(always)]
    pub(super) const fn add(&self, other: &Self) -> Self {
        let (sum, carry) = add(&self.0, &other.0);
        Self(reduce_once(carry, &sum, &P))
    }

    #[inline(always)]
    pub(super) const fn subtract(&self, other: &Self) -> Self {
        let (difference, borrow) = subtract(&self.0, &other.0);
        let mask = mask(borrow);
        Self(add(&difference, &[P[0] & mask, P[1] & mask, P[2] & mask, P[3] & mask]).0)
    }

    #[inline(always)]
    pub(super) const fn double(&self) -> Self {
        self.add(self)
    }

    /// `-self` where `negative`, else `self`.
    #[inline(always)]
    pub(super) const fn negate_if(&self, negative: bool) -> Self {
        Self(choose(mask(negative), &Self::ZERO.subtract(self).0, &self.0))
    }

    #[inline(always)]
    pub(super) fn multiply(&self, other: &Self) -> Self {
        reduce(product(&self.0, &other.0))
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        reduce(square(&self.0))
    }

    /// `1 / self`; `None` for zero.
    pub(super) fn invert(&self) -> Option<Self> {
        let inverse = Self::new(&MODULUS.invert(&self.number())?)?;
        // What the division steps say is confirmed before it is used.
        (self.multiply(&inverse) == Self::ONE).then_some(inverse)
    }
}

#[inline(always)]
fn product(a: &Limbs, b: &Limbs) -> [u64; 8] {
    let mut t = [0; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (t[i + j], carry) = a[j].carrying_mul_add(b[i], t[i + j], carry);
        }
        t[i + 4] = carry;
    }
    t
}

/// As [`product`] of `a` with itself, with each mixed product computed once.
#[inline(always)]
fn square(a: &Limbs) -> [u64; 8] {
    let (t1, carry) = a[0].carrying_mul(a[1], 0);
    let (t2, carry) = a[0].carrying_mul(a[2], carry);
    let (t3, t4) = a[0].carrying_mul(a[3], carry);
    let (t3, carry) = a[1].carrying_mul_add(a[2], t3, 0);
    let (t4, t5) = a[1].carrying_mul_add(a[3], t4, carry);
    let (t5, t6) = a[2].carrying_mul(a[3], t5);
    let (t1, t2, t3, t4, t5, t6, t7) = (
        t1 << 1,
        t2 << 1 | t1 >> 63,
        t3 << 1 | t2 >> 63,
        t4 << 1 | t3 >> 63,
        t5 << 1 | t4 >> 63,
        t6 << 1 | t5 >> 63,
        t6 >> 63,
    );
    let (t0, high) = a[0].carrying_mul(a[0], 0);
    let (t1, carry) = t1.carrying_add(high, false);
    let (low, high) = a[1].carrying_mul(a[1], 0);
    let (t2, carry) = t2.carrying_add(low, carry);
    let (t3, carry) = t3.carrying_add(high, carry);
    let (low, high) = a[2].carrying_mul(a[2], 0);
    let (t4, carry) = t4.carrying_add(low, carry);
    let (t5, carry) = t5.carrying_add(high, carry);
    let (low, high) = a[3].carrying_mul(a[3], 0);
    let (t6, carry) = t6.carrying_add(low, carry);
    let (t7, _) = t7.carrying_add(high, carry);
    [t0, t1, t2, t3, t4, t5, t6, t7]
}

/// `t / 2^256` modulo p, for `t` below p · 2^256 (Montgomery's reduction). As p is -1 modulo 2^64, a word is
/// cleared by adding p as often as the word says: -1 clears it, 2^96 and 2^192 · (2^64 - 2^32 + 1) go further up.
#[inline(always)]
fn reduce(mut t: [u64; 8]) -> FieldElement {
    let mut above = false;
    for i in 0..4 {
        let m = t[i];
        let carry;
        (t[i + 1], carry) = t[i + 1].carrying_add(m << 32, false);
        let carry2;
        (t[i + 2], carry2) = t[i + 2].carrying_add(m >> 32, carry);
        let high;
        (t[i + 3], high) = m.carrying_mul_add(P[3], t[i + 3], carry2 as u64);
        (t[i + 4], above) = t[i + 4].carrying_add(high, above);
    }
    FieldElement(reduce_once(above, &[t[4], t[5], t[6], t[7]], &P))
}

#[cfg(test)]
#[path = "field_tests.rs"]
mod tests;
