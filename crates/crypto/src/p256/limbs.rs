//! Numbers below 2^256 as four 64-bit limbs, the least significant first: what field and scalar arithmetic
//! share. Variable time: for public numbers only.

/// A number below 2^256.
pub(super) type Limbs = [u64; 4];

/// The sum modulo 2^256, and what is carried out of it.
#[inline(always)]
pub(super) const fn add(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let (l0, carry) = a[0].overflowing_add(b[0]);
    let (l1, carry) = carrying_add(a[1], b[1], carry);
    let (l2, carry) = carrying_add(a[2], b[2], carry);
    let (l3, carry) = carrying_add(a[3], b[3], carry);
    ([l0, l1, l2, l3], carry)
}

/// The difference modulo 2^256, and whether `a` was less than `b`.
#[inline(always)]
pub(super) const fn subtract(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let (l0, borrow) = a[0].overflowing_sub(b[0]);
    let (l1, borrow) = borrowing_sub(a[1], b[1], borrow);
    let (l2, borrow) = borrowing_sub(a[2], b[2], borrow);
    let (l3, borrow) = borrowing_sub(a[3], b[3], borrow);
    ([l0, l1, l2, l3], borrow)
}

/// The standard library's, which is not yet stable in constants.
#[inline(always)]
const fn carrying_add(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(carry as u64);
    (sum, first | second)
}

#[inline(always)]
const fn borrowing_sub(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(borrow as u64);
    (difference, first | second)
}

/// `a` where `mask` is all ones, `b` where it is zero; no branch for the processor to guess wrong.
#[inline(always)]
pub(super) const fn choose(mask: u64, a: &Limbs, b: &Limbs) -> Limbs {
    [
        b[0] ^ (mask & (a[0] ^ b[0])),
        b[1] ^ (mask & (a[1] ^ b[1])),
        b[2] ^ (mask & (a[2] ^ b[2])),
        b[3] ^ (mask & (a[3] ^ b[3])),
    ]
}

/// All ones for `true`.
#[inline(always)]
pub(super) const fn mask(bit: bool) -> u64 {
    (bit as u64).wrapping_neg()
}

/// `2^256 · carry + a`, which is below `2 · modulus`, brought below `modulus`.
#[inline(always)]
pub(super) const fn reduce_once(carry: bool, a: &Limbs, modulus: &Limbs) -> Limbs {
    let (less, borrow) = subtract(a, modulus);
    choose(mask(borrow & !carry), a, &less)
}

/// `2^512` modulo a modulus above `2^255`: what brings numbers into Montgomery form.
pub(super) const fn montgomery_square(modulus: &Limbs) -> Limbs {
    // 2^256 - modulus is 2^256 modulo it; then doubled 256 times.
    let (mut power, _) = subtract(&[0; 4], modulus);
    let mut doublings = 0;
    while doublings < 256 {
        let (twice, carry) = add(&power, &power);
        power = reduce_once(carry, &twice, modulus);
        doublings += 1;
    }
    power
}

/// `-1 / odd` modulo 2^64, by Newton's iteration, each step of which doubles the bits that are right.
pub(super) const fn negative_inverse(odd: u64) -> u64 {
    let mut inverse = odd; // right in three bits, as odd² = 1 modulo 8
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg()
}

/// 32 octets, the most significant first, as SEC1 and JWS write numbers.
pub(super) fn from_be_bytes(bytes: &[u8; 32]) -> Limbs {
    let mut limbs = [0; 4];
    for (limb, octets) in limbs.iter_mut().rev().zip(bytes.as_chunks().0) {
        *limb = u64::from_be_bytes(*octets);
    }
    limbs
}
