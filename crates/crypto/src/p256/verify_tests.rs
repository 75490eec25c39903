//! Verdicts of tables against those of aws-lc: signatures at random and damaged, and signatures made so that the
//! sum meets every special case, which no signer would make.

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use num_bigint::BigUint;

use super::reference::{Numbers, Point, inverse, n, octets, p};
use super::*;

/// Both verdicts, which must be one.
fn verdict(table: &KeyTable, point: &[u8; 65], digest: &[u8; 32], signature: &[u8]) -> bool {
    let imported = Digest::import_less_safe(digest, &SHA256).unwrap();
    let theirs = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify_digest(&imported, signature);
    let ours = table.verify_digest(digest, signature).expect("a verdict");
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{point:x?} {digest:x?} {signature:x?}");
    ours.is_ok()
}

/// A key with its private half, to make what no signer makes.
struct Key {
    private: BigUint,
    point: [u8; 65],
    table: KeyTable,
}

impl Key {
    fn new(private: BigUint) -> Self {
        let point = Point::generated_by(&private).sec1();
        let table = KeyTable::new(&point).unwrap();
        Self { private, point, table }
    }

    fn sign(&self, digest: &BigUint, nonce: &BigUint) -> [BigUint; 2] {
        let (x, _) = Point::generated_by(nonce).0.unwrap();
        let r = x % n();
        let s = (digest + &r * &self.private) * inverse(nonce, &n()) % n();
        [r, s]
    }

    fn verdict(&self, digest: &BigUint, [r, s]: &[BigUint; 2]) -> bool {
        let signature = [octets(r), octets(s)].concat();
        verdict(&self.table, &self.point, &octets(digest), &signature)
    }

    /// The verdict on the signature with half `r` for which the sum is `u1 G + u2 Q`.
    fn verdict_on_sum(&self, r: &BigUint, u1: &BigUint, u2: &BigUint) -> bool {
        let s = r * inverse(u2, &n()) % n();
        self.verdict(&(u1 * &s % n()), &[r.clone(), s])
    }
}

fn x(multiple: &BigUint) -> BigUint {
    Point::generated_by(multiple).0.unwrap().0 % n()
}

/// Private halves: few and many bits, and G and its opposite themselves as keys.
fn keys(numbers: &mut Numbers) -> Vec<Key> {
    let mut keys: Vec<Key> = [1_u8, 2, 3].into_iter().map(|small| Key::new(BigUint::from(small))).collect();
    keys.extend([1_u8, 2].map(|small| Key::new(n() - small)));
    keys.extend((0..6).map(|_| Key::new(numbers.below(&n()))));
    keys
}

#[test]
fn agrees_on_good_and_on_damaged_signatures() {
    let mut numbers = Numbers(0x7777_1234_5678_9abd);
    let (mut good, mut bad) = (0, 0);
    for key in keys(&mut numbers) {
        for _ in 0..6 {
            let (digest, nonce) = (numbers.below(&(BigUint::from(1_u8) << 256)), numbers.below(&n()));
            let [r, s] = key.sign(&digest, &nonce);
            assert!(key.verdict(&digest, &[r.clone(), s.clone()]));
            assert!(key.verdict(&digest, &[r.clone(), n() - &s]), "the other s is as good");
            good += 2;
            let signature = [octets(&r), octets(&s)].concat();
            for _ in 0..16 {
                let mut changed = signature.clone();
                let mut digest = octets(&digest);
                let bit = usize::try_from(numbers.word() % 768).unwrap();
                match bit.checked_sub(512) {
                    None => changed[bit / 8] ^= 1 << (bit % 8),
                    Some(bit) => digest[bit / 8] ^= 1 << (bit % 8),
                }
                assert!(!verdict(&key.table, &key.point, &digest, &changed));
                bad += 1;
            }
        }
    }
    assert!(good > 130 && bad > 1000);
}

#[test]
fn refuses_halves_at_the_edges_of_their_range() {
    let mut numbers = Numbers(0x3333_1234_5678_9abd);
    let one = BigUint::from(1_u8);
    let most: BigUint = (&one << 256) - 1_u8;
    let key = Key::new(numbers.below(&n()));
    let digest = numbers.below(&n());
    let [r, s] = key.sign(&digest, &numbers.below(&n()));
    let edges = [
        BigUint::ZERO,
        one.clone(),
        n() - 1_u8,
        n(),
        n() + 1_u8,
        p() - n() - 1_u8,
        p() - n(),
        p() - n() + 1_u8,
        p() - 1_u8,
        p(),
        p() + 1_u8,
        most,
    ];
    for edge in &edges {
        assert!(!key.verdict(&digest, &[edge.clone(), s.clone()]));
        assert!(!key.verdict(&digest, &[r.clone(), edge.clone()]));
        edges.iter().for_each(|other| assert!(!key.verdict(&digest, &[edge.clone(), other.clone()])));
    }
    // The same halves, written as other numbers modulo n, where they fit.
    assert!(!key.verdict(&digest, &[r, BigUint::ZERO]));
}

#[test]
fn refuses_signatures_of_another_length() {
    let key = Key::new(BigUint::from(5_u8));
    let [r, s] = key.sign(&BigUint::from(6_u8), &BigUint::from(7_u8));
    let (digest, signature) = (octets(&BigUint::from(6_u8)), [octets(&r), octets(&s)].concat());
    assert!(verdict(&key.table, &key.point, &digest, &signature));
    for length in 0..signature.len() {
        assert!(!verdict(&key.table, &key.point, &digest, &signature[..length]));
    }
    let longer = [signature, vec![0]].concat();
    assert!(!verdict(&key.table, &key.point, &digest, &longer));
}

/// u1 = 0: the sum is a multiple of the key alone.
#[test]
fn agrees_where_the_digest_is_zero_modulo_n() {
    let mut numbers = Numbers(0x4444_1234_5678_9abd);
    for key in keys(&mut numbers) {
        let u2 = numbers.below(&n());
        let r = x(&(&u2 * &key.private % n()));
        let s = &r * inverse(&u2, &n()) % n();
        for digest in [BigUint::ZERO, n()] {
            assert!(key.verdict(&digest, &[r.clone(), s.clone()]));
            assert!(!key.verdict(&digest, &[(&r + 1_u8) % n(), s.clone()]));
        }
    }
}

/// Equal terms, whose sum is a doubling; opposite ones, whose sum is infinity, which no `r` fits; and terms that meet
/// early or late in the columns.
#[test]
fn agrees_where_the_terms_are_equal_or_opposite() {
    let mut numbers = Numbers(0x6666_1234_5678_9abd);
    for key in keys(&mut numbers) {
        let edges = [1_u8, 2, 3].map(BigUint::from);
        let opposites = [1_u8, 2, 3].map(|small| n() - small);
        for u2 in edges.into_iter().chain(opposites).chain([numbers.below(&n())]) {
            let u1 = &u2 * &key.private % n();
            assert!(key.verdict_on_sum(&x(&(&u1 * 2_u8 % n())), &u1, &u2), "twice the same");
            let opposite = n() - &u1;
            for r in [BigUint::from(1_u8), x(&u1), n() - 1_u8] {
                assert!(!key.verdict_on_sum(&r, &opposite, &u2), "infinity");
            }
            for more in 1_u8..5 {
                let u1 = (&opposite + more) % n();
                assert!(key.verdict_on_sum(&x(&BigUint::from(more)), &u1, &u2), "{more} G");
            }
        }
    }
}

/// x of the sum lies in n..p, so that `r` is x - n: one in 2^128 of honest signatures.
#[test]
fn accepts_r_whose_x_is_beyond_n_and_nothing_that_only_looks_like_it() {
    let mut numbers = Numbers(0x8888_1234_5678_9abd);
    let mut found = 0;
    for r in 1_u32..12 {
        let r = BigUint::from(r);
        let Some(sum) = Point::with_x(&(&r + n())) else { continue };
        // Q such that (digest G + r Q) / s is that sum.
        let (digest, s) = (numbers.below(&n()), numbers.below(&n()));
        let negative = Point::generated_by(&digest).negative();
        let point = sum.times(&s).plus(&negative).times(&inverse(&r, &n())).sec1();
        let table = KeyTable::new(&point).unwrap();
        let judge =
            |r: &BigUint| verdict(&table, &point, &octets(&digest), &[octets(r), octets(&s)].concat());
        assert!(judge(&r));
        assert!(!judge(&(&r + n())), "the same x, but not below n");
        assert!(!judge(&(&r + 1_u8)));
        found += 1;
    }
    assert!(found > 2);
    // r + n is p and beyond: r alone would be x = 0, 1, ..
    for beyond in 0_u32..8 {
        let Some(sum) = Point::with_x(&BigUint::from(beyond)) else { continue };
        let r = p() - n() + beyond;
        let (digest, s) = (numbers.below(&n()), numbers.below(&n()));
        let negative = Point::generated_by(&digest).negative();
        let point = sum.times(&s).plus(&negative).times(&inverse(&r, &n())).sec1();
        let table = KeyTable::new(&point).unwrap();
        let signature = [octets(&r), octets(&s)].concat();
        assert!(!verdict(&table, &point, &octets(&digest), &signature), "p + {beyond}");
    }
}

#[test]
fn no_table_is_built_for_what_aws_lc_refuses_as_a_key() {
    let good = Point::generated_by(&BigUint::from(9_u8)).sec1();
    assert!(KeyTable::new(&good).is_some());
    for bit in 0..good.len() * 8 {
        let mut changed = good;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(KeyTable::new(&changed).is_none(), "bit {bit}");
    }
}
