//! Verification by tables of known keys beside aws-lc's: one key, many keys in random order, and what a table costs to
//! build. `cargo bench --bench key_tables`.

use std::hint::black_box;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, UnparsedPublicKey};
use bindery_benches::{Case, interleaved, print_table};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;
use bindery_crypto::p256::{KeyTable, MAXIMUM_TABLES};
use bindery_crypto::{Signer as _, SigningKey};

const ROUNDS: usize = 60;
const SLOT: usize = 100;
const MESSAGE: [u8; 480] = [b'x'; 480];

struct Key {
    point: [u8; 65],
    table: KeyTable,
    parsed: ParsedPublicKey,
    signature: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let key = SigningKey::generate(SignatureAlgorithm::Es256).unwrap_or_else(|_| unreachable!());
        let PublicKey::EcP256(point) = *key.public_key() else { unreachable!() };
        let table = KeyTable::new(&point).unwrap_or_else(|| unreachable!());
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap_or_else(|_| unreachable!());
        Self { point, table, parsed, signature: key.sign(&MESSAGE).unwrap_or_default() }
    }
}

#[expect(clippy::panic, reason = "a benchmark that measures refusals measures nothing")]
fn main() {
    let keys: Vec<Key> = (0..MAXIMUM_TABLES).map(|_| Key::new()).collect();
    let by_table = |key: &Key| match key.table.verify(&MESSAGE, &key.signature) {
        Ok(Ok(())) => {}
        _ => panic!("the signature is good"),
    };
    // Multiplicative congruence: every key once, in no order that a processor foresees.
    let among = |count: usize, index: usize| &keys[(index * 2_654_435_761 + 12_345) % count];
    let mut turn = [0; 4];
    let [first, second, third, fourth] = &mut turn;
    let next = move |turn: &mut usize| {
        *turn += 1;
        *turn
    };
    let mut cases = [
        Case::new("aws-lc-rs", |_| {
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, keys[0].point);
            assert!(public.verify(&MESSAGE, &keys[0].signature).is_ok(), "the signature is good");
        }),
        Case::new("aws-lc-rs, key parsed before", |_| {
            assert!(keys[0].parsed.verify_sig(&MESSAGE, &keys[0].signature).is_ok(), "the signature is good");
        }),
        Case::new("by table, one key", |_| by_table(&keys[0])),
        Case::new("by table, 64 keys at random", |_| by_table(among(64, next(first)))),
        Case::new("by table, 1,000 keys at random", |_| by_table(among(1000, next(second)))),
        Case::new("by table, all tables at random", |_| by_table(among(MAXIMUM_TABLES, next(third)))),
        Case::new("aws-lc-rs, as many keys at random", |_| {
            let key = among(MAXIMUM_TABLES, next(fourth));
            assert!(key.parsed.verify_sig(&MESSAGE, &key.signature).is_ok(), "the signature is good");
        }),
        Case::new("building a table", |index| drop(black_box(KeyTable::new(&keys[index].point)))),
    ];
    let costs = interleaved(&mut cases, ROUNDS, SLOT, || {});
    let title = format!("ES256 over 480 octets; a table has {} octets", KeyTable::SIZE);
    print_table(&title, &cases, &costs);
}
