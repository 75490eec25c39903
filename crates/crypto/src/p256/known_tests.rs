//! Who gets a table, who keeps it, and that nobody's verdict depends on it.

use bindery_core::crypto::SignatureInvalid;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;

use super::*;
use crate::{Signer as _, SigningKey};

const MESSAGE: &[u8] = b"a message";

struct Client {
    point: PublicKeyPoint,
    signature: Vec<u8>,
}

impl Client {
    fn new() -> Self {
        let key = SigningKey::generate(SignatureAlgorithm::Es256).unwrap();
        let PublicKey::EcP256(point) = *key.public_key() else { unreachable!("ES256") };
        Self { point, signature: key.sign(MESSAGE).unwrap() }
    }

    fn signs(&self, known: &KnownKeys, times: u64) {
        (0..times).for_each(|_| known.verify(&self.point, MESSAGE, &self.signature).unwrap());
    }

    fn has_table(&self, known: &KnownKeys) -> bool {
        tables(known).any(|point| point == self.point)
    }
}

fn tables(known: &KnownKeys) -> impl Iterator<Item = PublicKeyPoint> {
    known.sets.iter().flat_map(|set| {
        let points = set.read().unwrap().each_ref().map(|place| place.as_ref().map(|entry| entry.point));
        points.into_iter().flatten()
    })
}

#[test]
fn a_table_is_earned_by_good_signatures_and_by_nothing_else() {
    let known = KnownKeys::new(256);
    let client = Client::new();
    let mut bad = client.signature.clone();
    bad[40] ^= 1;
    for _ in 0..1000 {
        assert_eq!(known.verify(&client.point, MESSAGE, &bad), Err(SignatureInvalid));
    }
    client.signs(&known, SIGNATURES_FOR_A_TABLE - 1);
    assert!(!client.has_table(&known));
    client.signs(&known, 1);
    assert!(client.has_table(&known));
}

#[test]
fn every_verdict_is_the_same_with_a_table_and_without() {
    let (known, fresh) = (KnownKeys::new(256), KnownKeys::new(256));
    let (client, stranger) = (Client::new(), Client::new());
    client.signs(&known, SIGNATURES_FOR_A_TABLE);
    assert!(client.has_table(&known));
    let good = &client.signature;
    let zeros = [0; 64];
    let longer = [&good[..], &[0]].concat();
    let mut cases: Vec<(&[u8], &[u8])> = vec![
        (MESSAGE, good),
        (b"another message", good),
        (b"", good),
        (MESSAGE, &stranger.signature),
        (MESSAGE, &zeros),
        (MESSAGE, &longer),
    ];
    cases.extend((0..64).map(|length| (MESSAGE, &good[..length])));
    let changed: Vec<Vec<u8>> = (0..512)
        .map(|bit| {
            let mut changed = good.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            changed
        })
        .collect();
    cases.extend(changed.iter().map(|changed| (MESSAGE, &changed[..])));
    for (message, signature) in cases {
        let verdict = known.verify(&client.point, message, signature);
        assert_eq!(verdict, fresh.verify(&client.point, message, signature));
        assert_eq!(verdict.is_ok(), message == MESSAGE && signature == good);
    }
}

/// One key's table says nothing of a key that differs from it in any bit.
#[test]
fn a_table_is_found_by_the_whole_key() {
    let known = KnownKeys::new(256);
    let client = Client::new();
    client.signs(&known, SIGNATURES_FOR_A_TABLE);
    for bit in 0..client.point.len() * 8 {
        let mut other = client.point;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(known.verify(&other, MESSAGE, &client.signature), Err(SignatureInvalid), "bit {bit}");
    }
}

#[test]
fn keys_that_come_once_leave_no_table_and_take_none() {
    let known = KnownKeys::new(256);
    let regulars: Vec<Client> = (0..16).map(|_| Client::new()).collect();
    regulars.iter().for_each(|client| client.signs(&known, 4 * SIGNATURES_FOR_A_TABLE));
    let before = tables(&known).count();
    assert!(regulars.iter().all(|client| client.has_table(&known)));
    for _ in 0..500 {
        Client::new().signs(&known, 1);
    }
    assert!(regulars.iter().all(|client| client.has_table(&known)));
    assert!(tables(&known).count() <= before + 1);
}

/// An attacker pays the full price of earning table after table, and uses them as often as the others do; the number
/// stays bounded, and who uses his in the meantime keeps it.
#[test]
fn earned_tables_are_bounded_and_do_not_displace_those_in_use() {
    const MAXIMUM: usize = 64;
    let known = KnownKeys::new(MAXIMUM);
    let regulars: Vec<Client> = (0..8).map(|_| Client::new()).collect();
    regulars.iter().for_each(|client| client.signs(&known, 4 * SIGNATURES_FOR_A_TABLE));
    for round in 0..40 {
        for _ in 0..8 {
            Client::new().signs(&known, SIGNATURES_FOR_A_TABLE + 2);
        }
        assert!(tables(&known).count() <= MAXIMUM);
        let kept = regulars.iter().filter(|client| client.has_table(&known)).count();
        assert_eq!(kept, regulars.len(), "round {round}");
        regulars.iter().for_each(|client| client.signs(&known, 1));
    }
    assert!(tables(&known).count() > MAXIMUM / 2, "there was no struggle for places");
}

/// Of 8 places, 8 are taken by keys that are no longer used.
#[test]
fn tables_of_keys_that_are_no_longer_used_make_room() {
    let known = KnownKeys::new(8);
    let gone: Vec<Client> = (0..8).map(|_| Client::new()).collect();
    gone.iter().for_each(|client| client.signs(&known, 100));
    assert_eq!(tables(&known).count(), 8);
    let newcomer = Client::new();
    newcomer.signs(&known, SIGNATURES_FOR_A_TABLE);
    assert!(!newcomer.has_table(&known), "the others were used lately");
    newcomer.signs(&known, u64::from(MOST_USES) * SIGNATURES_FOR_A_TABLE);
    assert!(newcomer.has_table(&known));
    assert_eq!(tables(&known).count(), 8);
}

#[test]
fn many_threads_build_one_table_and_agree() {
    let known = KnownKeys::new(256);
    let client = Client::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.signs(&known, 50));
        }
    });
    assert!(client.has_table(&known));
    assert_eq!(tables(&known).count(), 1);
}

/// 100 keys for each counter, in turns: none is most of what its counter sees.
#[test]
fn where_keys_are_many_more_than_tables_few_tables_are_built() {
    let sightings = Sightings::new(8);
    let mut frequent = 0;
    for _ in 0..200 {
        for key in 0..800_u32 {
            // A counter in the low bits, a key in the high ones.
            let hash = u64::from(key) << 32 | u64::from(key % 8);
            frequent += u32::from(sightings.note(hash) == Sighting::Frequent);
        }
    }
    assert_eq!(frequent, 0);
}
