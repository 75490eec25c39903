//! What is due when, for every state that the store can be in.

use std::time::Duration;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::encryption::KeyManagement;
use serde_json::json;

use super::SigningKeyState::{Active, Pending, Retired};
use super::*;
use crate::key_schedule::KeysConfiguration;

const ES256: KeyAlgorithm = KeyAlgorithm::Signature(SignatureAlgorithm::Es256);
const PS256: KeyAlgorithm = KeyAlgorithm::Signature(SignatureAlgorithm::Ps256);
const DAY: i64 = 24 * 3600;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

fn times() -> KeyTimes {
    let configuration = KeysConfiguration { rotation: 10, publish_before: 3600, ..Default::default() };
    configuration.times(Duration::from_secs(600)).unwrap()
}

/// A key that stands in `state` since `since`.
fn key(key_id: &str, state: SigningKeyState, since: i64) -> SigningKeyRecord {
    SigningKeyRecord {
        key_id: key_id.into(),
        algorithm: "ES256".into(),
        sealed_private: Vec::new(),
        public_jwk: json!({}),
        state,
        created_at: at(if state == Pending { since } else { 0 }),
        activated_at: (state != Pending).then_some(at(if state == Active { since } else { 0 })),
        retired_at: (state == Retired).then_some(at(since)),
    }
}

fn steps(records: &[SigningKeyRecord], now: i64) -> Vec<Step> {
    due(records, &[ES256], &times(), at(now))
}

fn named(step: fn(String) -> Step, key_id: &str) -> Step {
    step(key_id.to_owned())
}

#[test]
fn the_first_key_is_used_at_once_for_each_algorithm() {
    let both = due(&[], &[ES256, PS256], &times(), at(0));
    assert_eq!(both, [Step::Make(ES256, Active), Step::Make(PS256, Active)]);
    assert_eq!(due(&[key("a", Active, 0)], &[ES256, PS256], &times(), at(0)), [Step::Make(PS256, Active)]);
}

#[test]
fn the_first_key_of_an_algorithm_that_is_added_later_is_published_before_it_signs() {
    let long = 10_000;
    let old = key("a", Active, 0);
    let added = |records: &[SigningKeyRecord], now| due(records, &[PS256, ES256], &times(), at(now));
    // While an issuer starts for the first time, nobody holds a key set of it.
    assert_eq!(added(std::slice::from_ref(&old), 60), [Step::Make(PS256, Active)]);
    assert_eq!(added(std::slice::from_ref(&old), 61), [Step::Make(PS256, Pending)]);
    let new = SigningKeyRecord { algorithm: "PS256".into(), ..key("b", Pending, long) };
    let both = [old, new];
    assert_eq!(added(&both, long + 3599), []);
    assert_eq!(added(&both, long + 3600), [named(Step::Activate, "b")]);
    // Where nothing else that is configured signs, it does at once.
    assert_eq!(due(&both, &[PS256], &times(), at(long)), [named(Step::Activate, "b")]);
    assert_eq!(due(&both[..1], &[PS256], &times(), at(long)), [Step::Make(PS256, Active)]);
    // What others encrypt to may be used as soon as they have seen it.
    let ecdh = KeyAlgorithm::Encryption(KeyManagement::EcdhEs);
    assert_eq!(due(&both[..1], &[ES256, ecdh], &times(), at(long)), [Step::Make(ecdh, Active)]);
}

#[test]
fn a_successor_is_published_before_it_is_due_and_only_one() {
    let publication = 10 * DAY - 3600;
    let keys = [key("a", Active, 0), key("b", Pending, publication)];
    assert_eq!(steps(&keys[..1], publication - 1), []);
    assert_eq!(steps(&keys[..1], publication), [Step::Make(ES256, Pending)]);
    assert_eq!(steps(&keys, publication + 60), []);
}

#[test]
fn a_published_key_signs_only_when_its_time_has_come() {
    let keys = [key("a", Active, 0), key("b", Pending, 1000)];
    assert_eq!(steps(&keys, 1000 + 3599), []);
    let switch = [named(Step::Activate, "b"), named(Step::Retire, "a")];
    assert_eq!(steps(&keys, 1000 + 3600), switch);
}

#[test]
fn where_nothing_signs_a_published_key_does_at_once() {
    assert_eq!(steps(&[key("b", Pending, 1000)], 1000), [named(Step::Activate, "b")]);
    let retired = [key("a", Retired, 900), key("b", Pending, 1000)];
    assert_eq!(steps(&retired, 1000), [named(Step::Activate, "b")]);
    assert_eq!(steps(&[key("a", Retired, 900)], 1000), [Step::Make(ES256, Active)]);
}

/// What is left when a process died between the two halves of a switch, or when two keys came at once.
#[test]
fn of_several_keys_in_use_the_one_that_was_activated_last_stays() {
    let keys = [key("a", Active, 0), key("b", Active, 50), key("c", Active, 20)];
    assert_eq!(Keys::of(&keys, ES256).current().unwrap().key_id, "b");
    assert_eq!(steps(&keys, 60), [named(Step::Retire, "a"), named(Step::Retire, "c")]);
}

#[test]
fn a_retired_key_is_forgotten_when_nothing_that_it_signed_can_be_alive() {
    let keys = [key("a", Retired, 1000), key("b", Active, 1000)];
    // 600 seconds is the longest lifetime; 300 more are kept without being asked.
    assert_eq!(steps(&keys, 1000 + 899), []);
    assert_eq!(steps(&keys, 1000 + 900), [named(Step::Remove, "a")]);
}

#[test]
fn keys_of_an_algorithm_that_is_no_longer_configured_go_out_of_use_after_their_time() {
    let keys = [key("a", Active, 0), key("b", Pending, 0)];
    // Until then another node may have the algorithm configured, and replaces them.
    assert_eq!(due(&keys, &[], &times(), at(11 * DAY - 1)), []);
    let end = [named(Step::Retire, "a"), named(Step::Remove, "b")];
    assert_eq!(due(&keys, &[], &times(), at(11 * DAY)), end);
    assert_eq!(due(&keys, &[PS256], &times(), at(11 * DAY))[1..], end);
    // Other nodes may still run the former configuration; what the operator retires is forgotten all the same.
    assert_eq!(due(&[key("c", Retired, 0)], &[], &times(), at(DAY)), [named(Step::Remove, "c")]);
}

#[test]
fn without_rotation_no_key_is_replaced_by_itself() {
    let configuration = KeysConfiguration { rotation: 0, ..Default::default() };
    let times = configuration.times(Duration::from_secs(600)).unwrap();
    assert_eq!(due(&[key("a", Active, 0)], &[ES256], &times, at(10_000 * DAY)), []);
}

#[test]
fn refuses_times_that_would_outrun_caches_or_tokens() {
    let refused = |configuration: KeysConfiguration| {
        configuration.times(Duration::from_secs(3600)).unwrap_err().to_string()
    };
    let short = refused(KeysConfiguration { publish_before: 359, ..Default::default() });
    assert!(short.starts_with("`keys.publish_before` = 359: it is not between 360 and 43200"), "{short}");
    let early = refused(KeysConfiguration { retain: Some(3659), ..Default::default() });
    assert!(early.starts_with("`keys.retain` = 3659: it is not between 3660"), "{early}");
    let unknown = KeysConfiguration { encryption_algorithms: vec!["RSA1_5".into()], ..Default::default() };
    assert!(refused(unknown).contains("RSA1_5"));
    assert!(refused(KeysConfiguration { cookie_rotation: 0, ..Default::default() }).contains("cookie"));
    let derived = KeysConfiguration::default().times(Duration::from_secs(3600)).unwrap();
    assert_eq!(derived.retain, Duration::from_secs(3900));
}
