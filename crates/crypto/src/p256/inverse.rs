//! Inverses modulo an odd prime by division steps (D. J. Bernstein, B.-Y. Yang: Fast constant-time gcd
//! computation and modular inversion, CHES 2019), 62 steps at a time on the lowest words, here in the variable-time
//! form that leaps over zeros: for public numbers only. Whoever calls confirms the result by multiplying it.

use super::limbs::Limbs;

/// Steps in a batch, and bits in a limb.
const BATCH: u32 = 62;
const LOW: i64 = (1 << BATCH) - 1;
/// 741 steps bring every pair below 2^256 to its end (theorem 11.2 there): twelve batches.
const MOST_BATCHES: usize = 12;

/// A number of up to 310 bits: limbs of 62 bits, of which the last carries the sign.
#[derive(Clone, Copy)]
struct Signed62([i64; 5]);

/// An odd modulus, prepared.
pub(super) struct Modulus {
    value: Signed62,
    /// `1 / value` modulo 2^62.
    inverse: u64,
}

/// What a batch of steps does: `(u f + v g, q f + r g)`, to be divided by 2^62. Neither `|u| + |v|` nor
/// `|q| + |r|` passes 2^62.
struct Transition {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

impl Modulus {
    pub(super) const fn new(modulus: &Limbs) -> Self {
        let inverse = super::limbs::negative_inverse(modulus[0]).wrapping_neg();
        Self { value: Signed62::new(modulus), inverse: inverse & LOW as u64 }
    }

    /// `1 / number` modulo the modulus; `None` for zero, and for a number that shares a divisor with it.
    pub(super) fn invert(&self, number: &Limbs) -> Option<Limbs> {
        // Throughout: d · number = f and e · number = g, modulo the modulus.
        let (mut f, mut g) = (self.value, Signed62::new(number));
        let (mut d, mut e) = (Signed62([0; 5]), Signed62([1, 0, 0, 0, 0]));
        let mut eta = -1;
        for _ in 0..MOST_BATCHES {
            let transition = batch(&mut eta, f.lowest(), g.lowest());
            self.apply_modulo(&transition, &mut d, &mut e);
            transition.apply(&mut f, &mut g);
            if g.0 == [0; 5] {
                let negative = f.0 == [LOW, LOW, LOW, LOW, -1];
                return (negative || f.0 == [1, 0, 0, 0, 0]).then(|| self.reduce(d, negative));
            }
        }
        None
    }

    /// `(d, e)` after a batch. Multiples of the modulus are added so that the division by 2^62 leaves no rest, and
    /// so that both stay above `-2 · modulus` and below `modulus`.
    fn apply_modulo(&self, t: &Transition, d: &mut Signed62, e: &mut Signed62) {
        let (negative_d, negative_e) = (d.0[4] >> 63, e.0[4] >> 63);
        let multiple = |by_d: i64, by_e: i64| {
            let low = by_d.wrapping_mul(d.0[0]).wrapping_add(by_e.wrapping_mul(e.0[0])).cast_unsigned();
            let lifted = (by_d & negative_d) + (by_e & negative_e);
            let rest = self.inverse.wrapping_mul(low).wrapping_add(lifted.cast_unsigned());
            lifted - (rest.cast_signed() & LOW)
        };
        let (for_d, for_e) = (multiple(t.u, t.v), multiple(t.q, t.r));
        let (mut carry_d, mut carry_e) = (0_i128, 0_i128);
        for index in 0..5 {
            let (limb_d, limb_e, limb) = (d.0[index], e.0[index], self.value.0[index]);
            carry_d += wide(t.u, limb_d) + wide(t.v, limb_e) + wide(for_d, limb);
            carry_e += wide(t.q, limb_d) + wide(t.r, limb_e) + wide(for_e, limb);
            if index > 0 {
                (d.0[index - 1], e.0[index - 1]) = (carry_d as i64 & LOW, carry_e as i64 & LOW);
            }
            (carry_d, carry_e) = (carry_d >> BATCH, carry_e >> BATCH);
        }
        (d.0[4], e.0[4]) = (carry_d as i64, carry_e as i64);
    }

    /// `number`, or its opposite, brought into 0..modulus.
    fn reduce(&self, number: Signed62, negative: bool) -> Limbs {
        let mut value = number.plus(if negative { -2 } else { 0 }, &number);
        while value.0[4] < 0 {
            value = value.plus(1, &self.value);
        }
        loop {
            let less = value.plus(-1, &self.value);
            if less.0[4] < 0 {
                return value.limbs();
            }
            value = less;
        }
    }
}

impl Transition {
    /// `(f, g)` after a batch, which has made their lowest 62 bits zero.
    fn apply(&self, f: &mut Signed62, g: &mut Signed62) {
        let (mut carry_f, mut carry_g) = (0_i128, 0_i128);
        for index in 0..5 {
            let (limb_f, limb_g) = (f.0[index], g.0[index]);
            carry_f += wide(self.u, limb_f) + wide(self.v, limb_g);
            carry_g += wide(self.q, limb_f) + wide(self.r, limb_g);
            if index > 0 {
                (f.0[index - 1], g.0[index - 1]) = (carry_f as i64 & LOW, carry_g as i64 & LOW);
            }
            (carry_f, carry_g) = (carry_f >> BATCH, carry_g >> BATCH);
        }
        (f.0[4], g.0[4]) = (carry_f as i64, carry_g as i64);
    }
}

impl Signed62 {
    const fn new(l: &Limbs) -> Self {
        Self([
            l[0].cast_signed() & LOW,
            (l[0] >> 62 | l[1] << 2).cast_signed() & LOW,
            (l[1] >> 60 | l[2] << 4).cast_signed() & LOW,
            (l[2] >> 58 | l[3] << 6).cast_signed() & LOW,
            (l[3] >> 56).cast_signed(),
        ])
    }

    /// For a number from 0 to 2^256.
    fn limbs(&self) -> Limbs {
        let l = self.0.map(i64::cast_unsigned);
        [l[0] | l[1] << 62, l[1] >> 2 | l[2] << 60, l[2] >> 4 | l[3] << 58, l[3] >> 6 | l[4] << 56]
    }

    /// The lowest 64 bits.
    const fn lowest(&self) -> u64 {
        (self.0[0] | self.0[1] << BATCH).cast_unsigned()
    }

    fn plus(&self, factor: i64, other: &Self) -> Self {
        let mut sum = self.0;
        let mut carry = 0;
        for (limb, added) in sum.iter_mut().zip(other.0) {
            let whole = *limb + factor * added + carry;
            (*limb, carry) = (whole & LOW, whole >> BATCH);
        }
        sum[4] |= carry << BATCH;
        Self(sum)
    }
}

/// 62 division steps on the lowest words of `f`, which is odd, and `g`.
fn batch(eta: &mut i64, mut f: u64, mut g: u64) -> Transition {
    let Transition { mut u, mut v, mut q, mut r } = Transition { u: 1, v: 0, q: 0, r: 1 };
    let mut left = BATCH;
    loop {
        let zeros = g.trailing_zeros().min(left);
        (g, u, v) = (g >> zeros, u << zeros, v << zeros);
        *eta -= i64::from(zeros);
        left -= zeros;
        if left == 0 {
            return Transition { u, v, q, r };
        }
        if *eta < 0 {
            *eta = -*eta;
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, -u);
            (v, r) = (r, -v);
        }
        // No exchange comes in the next eta + 1 steps, so that one addition of f clears up to six bits of g.
        let limit = u32::try_from(*eta + 1).unwrap_or(BATCH).min(left).min(6);
        let negative_inverse = f.wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)); // of f, modulo 64
        let times = g.wrapping_mul(negative_inverse) & ((1 << limit) - 1);
        g = g.wrapping_add(f.wrapping_mul(times));
        let times = times.cast_signed();
        (q, r) = (q + u * times, r + v * times);
    }
}

#[inline(always)]
const fn wide(a: i64, b: i64) -> i128 {
    a as i128 * b as i128
}
