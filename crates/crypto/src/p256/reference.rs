//! P-256 once more, for tests only: plain affine arithmetic on big integers, as in the textbook, and multiples of the
//! generator by aws-lc; neither shares anything with what it judges. And the numbers at which arithmetic goes wrong.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use num_bigint::BigUint;

use super::field::P;
use super::limbs::Limbs;
use super::scalar::N;

pub(super) fn big(limbs: &Limbs) -> BigUint {
    limbs.iter().rev().fold(BigUint::ZERO, |number, limb| (number << 64) + limb)
}

pub(super) fn limbs(number: &BigUint) -> Limbs {
    let mut words = number.iter_u64_digits();
    let limbs = std::array::from_fn(|_| words.next().unwrap_or(0));
    assert_eq!(words.next(), None, "below 2^256");
    limbs
}

pub(super) fn octets(number: &BigUint) -> [u8; 32] {
    let bytes = number.to_bytes_be();
    let mut octets = [0; 32];
    octets[32 - bytes.len()..].copy_from_slice(&bytes);
    octets
}

pub(super) fn p() -> BigUint {
    big(&P)
}

pub(super) fn n() -> BigUint {
    big(&N)
}

/// Of anything but zero.
pub(super) fn inverse(number: &BigUint, prime: &BigUint) -> BigUint {
    number.modinv(prime).unwrap()
}

/// An affine point, or infinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point(pub(super) Option<(BigUint, BigUint)>);

impl Point {
    pub(super) fn generator() -> Self {
        let number = |hex| BigUint::parse_bytes(hex, 16).unwrap();
        Self(Some((
            number(b"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
            number(b"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
        )))
    }

    /// The generator times a number, which aws-lc makes a private key.
    pub(super) fn generated_by(number: &BigUint) -> Self {
        let number = number % n();
        if number == BigUint::ZERO {
            return Self(None);
        }
        let private = PrivateKey::from_private_key(&ECDH_P256, &octets(&number)).unwrap();
        let public = private.compute_public_key().unwrap();
        let (x, y) = public.as_ref()[1..].split_at(32);
        Self(Some((BigUint::from_bytes_be(x), BigUint::from_bytes_be(y))))
    }

    /// A point with this x, if there is one: p is 3 modulo 4, so a root is a power.
    pub(super) fn with_x(x: &BigUint) -> Option<Self> {
        let p = p();
        let b = BigUint::parse_bytes(b"5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b", 16);
        let square = (x * x * x + b.unwrap() + (&p - 3_u8) * x) % &p;
        let y = square.modpow(&((&p + 1_u8) >> 2), &p);
        (&y * &y % &p == square).then(|| Self(Some((x.clone(), y))))
    }

    pub(super) fn negative(&self) -> Self {
        Self(self.0.as_ref().map(|(x, y)| (x.clone(), (p() - y) % p())))
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let (Some((x1, y1)), Some((x2, y2))) = (&self.0, &other.0) else {
            return if self.0.is_none() { other.clone() } else { self.clone() };
        };
        let p = &p();
        let slope = if x1 != x2 {
            (y2 + p - y1) * inverse(&((x2 + p - x1) % p), p) % p
        } else if y1 == y2 {
            (x1 * x1 * 3_u8 + p - 3_u8) * inverse(&(y1 * 2_u8 % p), p) % p
        } else {
            return Self(None);
        };
        let x = (&slope * &slope + p + p - x1 - x2) % p;
        let y = (slope * (x1 + p - &x) + p - y1) % p;
        Self(Some((x, y)))
    }

    pub(super) fn times(&self, scalar: &BigUint) -> Self {
        (0..scalar.bits()).rev().fold(Self(None), |sum, bit| {
            let twice = sum.plus(&sum);
            if scalar.bit(bit) { twice.plus(self) } else { twice }
        })
    }

    pub(super) fn sec1(&self) -> [u8; 65] {
        let (x, y) = self.0.as_ref().expect("not infinity");
        let mut point = [4; 65];
        point[1..33].copy_from_slice(&octets(x));
        point[33..].copy_from_slice(&octets(y));
        point
    }
}

/// A small generator of numbers, so that a failure comes back with the same input.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The words of a bare shift register are linear in each other.
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, limit: &BigUint) -> BigUint {
        big(&std::array::from_fn(|_| self.word())) % limit
    }
}

/// The ends of the range, of words and of words' halves, their neighbours, and numbers of few and of many bits;
/// all below `modulus`.
pub(super) fn edges(modulus: &BigUint) -> Vec<BigUint> {
    let one = BigUint::from(1_u8);
    let mut edges =
        vec![BigUint::ZERO, modulus >> 1, modulus - 1_u8, modulus - 2_u8, (&one << 256) - modulus];
    for number in [p(), n(), p() - n(), n() * 2_u8 - p()] {
        edges.extend([&number - 1_u8, &number + 1_u8, number]);
    }
    for bit in [1, 31, 32, 63, 64, 95, 96, 127, 128, 160, 191, 192, 223, 224, 255] {
        let power = &one << bit;
        edges.extend([&power - 1_u8, &power + 1_u8, modulus - &power, power]);
    }
    for limb in 0..4 {
        let mut limbs = [u64::MAX; 4];
        limbs[limb] = 0;
        edges.push(big(&limbs));
        limbs = [0; 4];
        limbs[limb] = u64::MAX;
        edges.push(big(&limbs));
    }
    edges.retain(|number| number < modulus);
    edges.sort();
    edges.dedup();
    edges
}

#[test]
fn multiples_of_the_generator_are_the_same_by_aws_lc_and_by_big_integers() {
    let mut numbers = Numbers(0x2222_1234_5678_9abd);
    let (small, great) = (BigUint::from(2_u8), n() - 1_u8);
    for number in [BigUint::ZERO, small, great, n(), numbers.below(&n())] {
        assert_eq!(Point::generated_by(&number), Point::generator().times(&number));
    }
}
