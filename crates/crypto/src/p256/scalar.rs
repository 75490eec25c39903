//! Integers modulo n, the order of P-256's group (SP 800-186 section 3.2.1.3): what ECDSA computes with
//! before it turns to points. Variable time: for public numbers only.

use super::inverse::Modulus;
use super::limbs::{self, Limbs, reduce_once, subtract};

/// The order n.
pub(super) const N: Limbs =
    [0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];

/// 2^512 modulo n.
const SQUARE_OF_R: Limbs = limbs::montgomery_square(&N);
const NEGATIVE_INVERSE: u64 = limbs::negative_inverse(N[0]);

static MODULUS: Modulus = Modulus::new(&N);

/// An integer below n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar(Limbs);

impl Scalar {
    /// `number` where it lies in 1..n, as ECDSA asks of both halves of a signature.
    pub(super) fn within_order(number: &Limbs) -> Option<Self> {
        (*number != [0; 4] && subtract(number, &N).1).then_some(Self(*number))
    }

    /// Any number below 2^256, which is less than twice n.
    pub(super) const fn reduced(number: &Limbs) -> Self {
        Self(reduce_once(false, number, &N))
    }

    pub(super) const fn limbs(&self) -> &Limbs {
        &self.0
    }

    /// `a / self` and `b / self`; `None` for zero.
    pub(super) fn divide_two(&self, a: &Self, b: &Self) -> Option<(Self, Self)> {
        let inverse = montgomery_product(&MODULUS.invert(&self.0)?, &SQUARE_OF_R);
        // What the division steps say is confirmed before it is used.
        if montgomery_product(&self.0, &inverse) != [1, 0, 0, 0] {
            return None;
        }
        Some((Self(montgomery_product(&a.0, &inverse)), Self(montgomery_product(&b.0, &inverse))))
    }
}

/// `a · b / 2^256` modulo n; one of the two must be below n.
fn montgomery_product(a: &Limbs, b: &Limbs) -> Limbs {
    let mut t = [0; 5];
    let mut above = false;
    for factor in b {
        let mut carry = 0;
        for (word, limb) in t.iter_mut().zip(a) {
            (*word, carry) = limb.carrying_mul_add(*factor, *word, carry);
        }
        let (top, over) = t[4].carrying_add(carry, above);
        let m = t[0].wrapping_mul(NEGATIVE_INVERSE);
        let (_, mut carry) = m.carrying_mul_add(N[0], t[0], 0);
        for index in 1..4 {
            (t[index - 1], carry) = m.carrying_mul_add(N[index], t[index], carry);
        }
        let (third, carry) = top.carrying_add(carry, false);
        t[3] = third;
        t[4] = u64::from(over) + u64::from(carry);
        above = false;
    }
    reduce_once(t[4] != 0, &[t[0], t[1], t[2], t[3]], &N)
}

#[cfg(test)]
#[path = "scalar_tests.rs"]
mod tests;
