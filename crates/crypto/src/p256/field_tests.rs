//! The field against big integers, at the edges of its representation and at random.

use std::sync::LazyLock;

use num_bigint::BigUint;

use super::super::reference::{Numbers, big, edges, inverse, limbs, p};
use super::*;

/// What is stored, which is 2^256 times what it stands for.
fn stored(number: &BigUint) -> FieldElement {
    FieldElement(limbs(number))
}

fn r() -> BigUint {
    BigUint::from(1_u8) << 256
}

/// 1 / 2^256.
static UNSCALE: LazyLock<BigUint> = LazyLock::new(|| inverse(&(r() % p()), &p()));

fn judge(a: &BigUint, b: &BigUint) {
    let p = &p();
    let (x, y) = (stored(a), stored(b));
    let expect = |what: &str, found: FieldElement, number: BigUint| {
        assert_eq!(big(&found.0), number, "{what} of {a:x} and {b:x}");
    };
    expect("sum", x.add(&y), (a + b) % p);
    expect("difference", x.subtract(&y), (a + p - b) % p);
    expect("product", x.multiply(&y), a * b * &*UNSCALE % p);
    expect("square", x.square(), a * a * &*UNSCALE % p);
    expect("double", x.double(), a * 2_u8 % p);
    expect("opposite", x.negate_if(true), (p - a) % p);
    expect("itself", x.negate_if(false), a.clone());
    assert_eq!(x.is_zero(), *a == BigUint::ZERO);
    assert_eq!(x == y, a == b);
    assert_eq!(big(&x.number()), a * &*UNSCALE % p);
}

#[test]
fn agrees_with_big_integers_at_every_pair_of_edges() {
    let edges = edges(&p());
    assert!(edges.len() > 60);
    edges.iter().for_each(|a| edges.iter().for_each(|b| judge(a, b)));
}

#[test]
fn agrees_with_big_integers_at_random() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2000 {
        judge(&numbers.below(&p()), &numbers.below(&p()));
    }
}

#[test]
fn inverts_every_edge_and_random_elements_but_zero() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let random = (0..2000).map(|_| numbers.below(&p()));
    for number in edges(&p()).into_iter().chain(random) {
        let element = FieldElement::new(&limbs(&number)).unwrap();
        let expected = (number != BigUint::ZERO).then(|| limbs(&inverse(&number, &p())));
        assert_eq!(element.invert().map(|inverse| inverse.number()), expected, "{number:x}");
    }
}

#[test]
fn refuses_numbers_that_are_not_below_p() {
    for number in [p(), p() + 1_u8, r() - 1_u8] {
        assert_eq!(FieldElement::new(&limbs(&number)), None);
    }
    for number in edges(&p()) {
        assert_eq!(big(&FieldElement::new(&limbs(&number)).unwrap().number()), number);
    }
    assert_eq!(FieldElement::new(&[1, 0, 0, 0]), Some(FieldElement::ONE));
}

#[test]
fn p_is_the_prime_of_the_standard() {
    let two = |power| BigUint::from(1_u8) << power;
    assert_eq!(p(), two(256) - two(224) + two(192) + two(96) - 1_u8);
    assert_eq!(big(&SQUARE_OF_R), two(512) % p());
}
