//! Scalars against big integers, at the edges and at random.

use std::sync::LazyLock;

use num_bigint::BigUint;

use super::super::reference::{Numbers, big, edges, inverse, limbs, n};
use super::*;

/// 1 / 2^256.
static UNSCALE: LazyLock<BigUint> = LazyLock::new(|| inverse(&((BigUint::from(1_u8) << 256) % n()), &n()));

fn judge(a: &BigUint, b: &BigUint) {
    let product = big(&montgomery_product(&limbs(a), &limbs(b)));
    assert_eq!(product, a * b * &*UNSCALE % n(), "{a:x} {b:x}");
}

#[test]
fn agrees_with_big_integers_at_every_pair_of_edges_and_at_random() {
    let edges = edges(&n());
    edges.iter().for_each(|a| edges.iter().for_each(|b| judge(a, b)));
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    (0..2000).for_each(|_| judge(&numbers.below(&n()), &numbers.below(&n())));
}

#[test]
fn divides_by_every_edge_and_at_random_but_not_by_zero() {
    let mut numbers = Numbers(0xfedc_ba98_7654_3211);
    let random: Vec<BigUint> = (0..2000).map(|_| numbers.below(&n())).collect();
    let small = (1..2000_u32).flat_map(|small| [BigUint::from(small), n() - small]);
    for divisor in edges(&n()).into_iter().chain(small).chain(random) {
        let (a, b) = (numbers.below(&n()), numbers.below(&n()));
        let scalar = |number: &BigUint| Scalar(limbs(number));
        let found = scalar(&divisor).divide_two(&scalar(&a), &scalar(&b));
        let expected = (divisor != BigUint::ZERO).then(|| {
            let inverse = inverse(&divisor, &n());
            (scalar(&(a * &inverse % n())), scalar(&(b * inverse % n())))
        });
        assert_eq!(found, expected, "{divisor:x}");
    }
}

#[test]
fn takes_only_1_to_n_minus_1_for_halves_of_signatures() {
    let most: BigUint = (BigUint::from(1_u8) << 256) - 1_u8;
    for bad in [BigUint::ZERO, n(), n() + 1_u8, most.clone()] {
        assert_eq!(Scalar::within_order(&limbs(&bad)), None, "{bad:x}");
    }
    for good in [BigUint::from(1_u8), n() - 1_u8] {
        assert_eq!(Scalar::within_order(&limbs(&good)), Some(Scalar(limbs(&good))));
    }
    for digest in [BigUint::ZERO, n() - 1_u8, n(), n() + 1_u8, most] {
        assert_eq!(big(&Scalar::reduced(&limbs(&digest)).0), digest % n());
    }
}

#[test]
fn n_is_the_order_of_the_standard() {
    let order = b"115792089210356248762697446949407573529996955224135760342422259061068512044369";
    assert_eq!(Some(n()), BigUint::parse_bytes(order, 10));
    assert_eq!(big(&SQUARE_OF_R), (BigUint::from(1_u8) << 512) % n());
    assert_eq!(N[0].wrapping_mul(NEGATIVE_INVERSE), u64::MAX);
}
