//! Nonces that must not count, one way of being wrong each, and those that must: another node's, the
//! previous key's, the last second's.

use super::*;
use crate::fake_cryptography::FakeCryptography;
use alloc::format;
use proptest::prelude::*;

const SCOPE: &str = "https://api.example";
const LIFETIME: Duration = Duration::from_secs(300);

fn key(byte: u8) -> MacKey {
    MacKey::new([byte; 32])
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

fn made(ring: &NonceKeyRing, seconds: i64) -> DpopNonce {
    issue(ring, SCOPE, at(seconds), [7; 8], &FakeCryptography)
}

fn judged(ring: &NonceKeyRing, nonce: &str, seconds: i64) -> Result<NonceTime, NonceRefused> {
    verify(nonce, ring, SCOPE, at(seconds), LIFETIME, &FakeCryptography)
}

#[test]
fn rejects_a_nonce_that_differs_in_any_one_character() {
    let ring = NonceKeyRing::new(1, key(1));
    let nonce = made(&ring, 1000);
    assert_eq!(judged(&ring, nonce.as_str(), 1000), Ok(NonceTime(at(1000))));
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=. \"\\+/";
    for index in 0..nonce.as_str().len() {
        for other in alphabet.chars() {
            let mut changed = String::from(nonce.as_str());
            changed.replace_range(index..=index, other.encode_utf8(&mut [0; 4]));
            if changed != nonce.as_str() {
                assert_eq!(judged(&ring, &changed, 1000), Err(NonceRefused::Unknown), "{changed}");
            }
        }
        let (shorter, longer) = (&nonce.as_str()[..index], format!("{nonce}A"));
        assert_eq!(judged(&ring, shorter, 1000), Err(NonceRefused::Unknown));
        assert_eq!(judged(&ring, &longer, 1000), Err(NonceRefused::Unknown));
    }
}

#[test]
fn rejects_a_nonce_of_another_server_with_the_same_keys() {
    let ring = NonceKeyRing::new(1, key(1));
    for scope in ["https://as.example", "https://api.example/", "", "https://api.exampl"] {
        let nonce = issue(&ring, scope, at(1000), [7; 8], &FakeCryptography);
        assert_eq!(judged(&ring, nonce.as_str(), 1000), Err(NonceRefused::Unknown), "{scope}");
    }
}

#[test]
fn accepts_on_one_node_what_another_with_the_same_ring_has_made() {
    let (node_a, node_b) = (NonceKeyRing::new(1, key(1)), NonceKeyRing::new(1, key(1)));
    let nonce = made(&node_a, 1000);
    assert!(judged(&node_b, nonce.as_str(), 1000).is_ok());
    assert!(judged(&node_b, nonce.as_str(), 995).is_ok(), "node B's clock is 5 s behind");
    assert_eq!(judged(&node_b, nonce.as_str(), 994), Err(NonceRefused::Unknown));
    // The same id for another key is a mistake of configuration, and must not pass.
    assert_eq!(judged(&NonceKeyRing::new(1, key(2)), nonce.as_str(), 1000), Err(NonceRefused::Unknown));
    assert_eq!(judged(&NonceKeyRing::new(2, key(1)), nonce.as_str(), 1000), Err(NonceRefused::Unknown));
}

#[test]
fn a_rotation_keeps_the_earlier_keys_judging_until_the_ring_is_full() {
    let mut ring = NonceKeyRing::new(1, key(1));
    let first = made(&ring, 1000);
    for id in 2..=4 {
        ring.rotate(id, key(id));
        assert!(judged(&ring, first.as_str(), 1000).is_ok(), "after key {id}");
        assert!(judged(&ring, made(&ring, 1000).as_str(), 1000).is_ok());
    }
    ring.rotate(5, key(5));
    assert_eq!(judged(&ring, first.as_str(), 1000), Err(NonceRefused::Unknown));
    // An id that is used again stands for its newest key alone.
    let fifth = made(&ring, 1000);
    ring.rotate(5, key(6));
    assert_eq!(judged(&ring, fifth.as_str(), 1000), Err(NonceRefused::Unknown));
}

#[test]
fn a_previous_key_judges_and_does_not_make() {
    let ring = NonceKeyRing::new(2, key(2)).with_previous(1, key(1));
    assert!(judged(&ring, made(&NonceKeyRing::new(1, key(1)), 1000).as_str(), 1000).is_ok());
    let nonce = made(&ring, 1000);
    assert_eq!(judged(&NonceKeyRing::new(1, key(1)), nonce.as_str(), 1000), Err(NonceRefused::Unknown));
    assert_eq!(format!("{ring:?}"), "[2, 1]", "ids only, no keys");
}

#[test]
fn a_nonce_lives_through_its_last_second_and_no_longer() {
    let ring = NonceKeyRing::new(1, key(1));
    let nonce = made(&ring, 1000);
    assert!(judged(&ring, nonce.as_str(), 1300).is_ok());
    for now in [1301, 5000, i64::MAX] {
        assert_eq!(judged(&ring, nonce.as_str(), now), Err(NonceRefused::Stale), "{now}");
    }
}

#[test]
fn times_at_the_ends_never_wrap_into_an_accepted_nonce() {
    let ring = NonceKeyRing::new(1, key(1));
    for made_at in [i64::MIN, i64::MIN + 1000, -1, 1 << 40, i64::MAX] {
        for now in [1301, 1_800_000_000, (1 << 40) - 301, i64::MAX] {
            // A clock that a nonce's 40 bits can't hold makes nonces that never count.
            let refused = judged(&ring, made(&ring, made_at).as_str(), now);
            assert!(refused.is_err(), "{made_at} {now}: {refused:?}");
        }
    }
}

proptest! {
    #[test]
    fn every_nonce_is_one_or_more_nqchar_and_differs_from_the_last(seconds in 0..1_i64 << 40, random: [u8; 8]) {
        let ring = NonceKeyRing::new(1, key(1));
        let nonce = issue(&ring, SCOPE, at(seconds), random, &FakeCryptography);
        let nqchar = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        prop_assert!(!nonce.as_str().is_empty() && nonce.as_str().bytes().all(nqchar));
        prop_assert!(verify(nonce.as_str(), &ring, SCOPE, at(seconds), LIFETIME, &FakeCryptography).is_ok());
        let another = issue(&ring, SCOPE, at(seconds), random.map(|byte| !byte), &FakeCryptography);
        prop_assert_ne!(nonce, another);
    }

    #[test]
    fn no_other_text_is_a_nonce(text in "\\PC{0,64}", now: i64) {
        let ring = NonceKeyRing::new(1, key(1));
        prop_assert_eq!(judged(&ring, &text, now), Err(NonceRefused::Unknown));
    }
}
