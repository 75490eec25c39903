//! The promises of the replay store, held against the in-memory one: property tests against a model,
//! races, floods, the bound, and clocks that misbehave.

use std::collections::HashMap;
use std::sync::Barrier;

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use proptest::prelude::*;

use super::*;
use ReplayOutcome::{Duplicate, Full, Inserted};

const T: i64 = 1_750_000_000;

fn memory(max_live: usize) -> ReplayMemory {
    ReplayMemory::new(max_live, UnixTime::from_seconds(T), [3; 16])
}

fn insert_as(memory: &ReplayMemory, owner: &str, jti: &str, expires: i64, now: i64) -> ReplayOutcome {
    let entry = ReplayEntry {
        kind: ReplayKind::DpopProof,
        owner: owner.as_bytes(),
        target: ("https://api.example", "/orders"),
        identifier: jti,
        expires_at: UnixTime::from_seconds(expires),
    };
    memory.insert_if_absent(&entry, UnixTime::from_seconds(now))
}

fn insert(memory: &ReplayMemory, jti: &str, expires: i64, now: i64) -> ReplayOutcome {
    insert_as(memory, "owner", jti, expires, now)
}

#[test]
fn the_same_identifier_of_another_owner_kind_or_target_passes() {
    let memory = memory(100);
    assert_eq!(insert_as(&memory, "a", "jti", T + 60, T), Inserted);
    assert_eq!(insert_as(&memory, "a", "jti", T + 60, T), Duplicate);
    assert_eq!(insert_as(&memory, "b", "jti", T + 60, T), Inserted);
    let other = ReplayEntry {
        kind: ReplayKind::ClientAssertion,
        owner: b"a",
        target: ("https://api.example", "/orders"),
        identifier: "jti",
        expires_at: UnixTime::from_seconds(T + 60),
    };
    assert_eq!(memory.insert_if_absent(&other, UnixTime::from_seconds(T)), Inserted);
    let other = ReplayEntry { kind: ReplayKind::DpopProof, target: ("https://api.example", "/"), ..other };
    assert_eq!(memory.insert_if_absent(&other, UnixTime::from_seconds(T)), Inserted);
}

#[test]
fn a_replay_is_refused_at_every_second_from_the_earliest_to_the_latest_acceptance() {
    // Made 30 s ahead of our clock, accepted through 60 s after its `iat`.
    let memory = memory(100);
    let (iat, expires) = (T + 30, T + 90);
    assert_eq!(insert(&memory, "first", expires, T), Inserted);
    for now in T..=expires {
        assert_eq!(insert(&memory, "first", expires, now), Duplicate, "at iat {:+}", now - iat);
        // Other traffic keeps the clock of every table moving and reuses what it can.
        for other in 0..5 {
            assert_eq!(insert(&memory, &format!("{now}/{other}"), now + 2, now), Inserted);
        }
    }
}

#[test]
fn two_hundred_thousand_others_do_not_push_out_the_first() {
    let memory = memory(300_000);
    assert_eq!(insert(&memory, "first", T + 60, T), Inserted);
    for other in 0..200_000 {
        assert_eq!(insert(&memory, &format!("other {other}"), T + 60, T), Inserted);
    }
    assert_eq!(insert(&memory, "first", T + 60, T), Duplicate);
    for other in 0..200_000 {
        assert_eq!(insert(&memory, &format!("other {other}"), T + 60, T + 60), Duplicate);
    }
}

#[test]
fn when_full_new_entries_are_refused_and_old_ones_are_still_known() {
    for bound in [0, 1, 7, 1_000, 50_000] {
        let memory = memory(bound);
        for entry in 0..bound {
            assert_eq!(insert(&memory, &format!("{entry}"), T + 60, T), Inserted, "{entry} of {bound}");
        }
        assert_eq!(insert(&memory, "one too many", T + 60, T), Full);
        assert_eq!(insert(&memory, "one too many", T + 60, T + 60), Full);
        for entry in 0..bound {
            assert_eq!(insert(&memory, &format!("{entry}"), T + 60, T + 60), Duplicate);
        }
        assert_eq!(memory.live_entries_upper_bound(), bound);
        // A second later every place is free again, and each is given once.
        for entry in 0..bound {
            assert_eq!(insert(&memory, &format!("again {entry}"), T + 100, T + 61), Inserted);
        }
        assert_eq!(insert(&memory, "one too many", T + 100, T + 61), Full);
    }
}

#[test]
fn of_a_hundred_threads_with_the_same_entry_exactly_one_passes() {
    let memory = memory(10_000);
    for round in 0..20 {
        let jti = format!("round {round}");
        let barrier = Barrier::new(100);
        let passed = std::thread::scope(|scope| {
            let ask = || {
                barrier.wait();
                insert(&memory, &jti, T + 60, T)
            };
            let threads: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|o| *o == Inserted).count()
        });
        assert_eq!(passed, 1);
    }
}

#[test]
fn threads_that_fill_it_together_stop_exactly_at_the_bound() {
    let memory = memory(20_000);
    let inserted: usize = std::thread::scope(|scope| {
        let fill = |thread: usize| {
            let memory = &memory;
            let count = move || {
                (0..10_000).filter(|n| insert(memory, &format!("{thread}/{n}"), T + 9, T) == Inserted).count()
            };
            scope.spawn(count)
        };
        let threads: Vec<_> = (0..4).map(fill).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(inserted, 20_000);
}

#[test]
fn a_steady_flow_does_not_grow_the_tables() {
    let memory = memory(1_000_000);
    let mut settled = 0;
    for second in 0..400 {
        for n in 0..500 {
            let jti = format!("{second}/{n}");
            assert_eq!(insert(&memory, &jti, T + second + 20, T + second), Inserted);
        }
        if second == 100 {
            settled = memory.memory_bytes();
        }
    }
    assert!(memory.live_entries_upper_bound() <= 500 * 22);
    assert!(memory.memory_bytes() <= settled * 5 / 4, "{} of {settled}", memory.memory_bytes());
}

#[test]
fn the_room_of_a_flood_is_given_back() {
    let memory = memory(200_000);
    for n in 0..200_000 {
        assert_eq!(insert(&memory, &format!("flood {n}"), T + 10, T), Inserted);
    }
    let flooded = memory.memory_bytes();
    assert!(flooded < 200_000 * 32, "{flooded}");
    for n in 0..2_000 {
        assert_eq!(insert(&memory, &format!("after {n}"), T + 30, T + 11), Inserted);
    }
    assert!(memory.memory_bytes() < flooded / 10, "{} of {flooded}", memory.memory_bytes());
}

#[test]
fn a_clock_that_steps_back_does_not_reopen_what_was_dropped() {
    let memory = memory(10_000);
    for n in 0..1_000 {
        assert_eq!(insert(&memory, &format!("old {n}"), T + 60, T), Inserted);
    }
    // Long after: the old entries are dropped, their slots taken or their tables rebuilt.
    for n in 0..5_000 {
        assert_eq!(insert(&memory, &format!("new {n}"), T + 500, T + 450), Inserted);
    }
    // And back into the window of the old ones.
    for n in 0..1_000 {
        assert_eq!(insert(&memory, &format!("old {n}"), T + 60, T + 10), Duplicate);
        assert_eq!(insert(&memory, &format!("new {n}"), T + 500, T + 10), Duplicate);
    }
    // The living are served: only what could be one of the dropped is not.
    assert_eq!(insert(&memory, "fresh", T + 61, T + 10), Inserted);
}

#[test]
fn an_entry_that_has_expired_on_arrival_does_not_pass() {
    let memory = memory(10);
    assert_eq!(insert(&memory, "late", T, T + 1), Duplicate);
    assert_eq!(insert(&memory, "in time", T, T), Inserted);
}

#[test]
fn times_at_the_ends_of_the_integers_are_remembered_and_never_wrap() {
    let memory = memory(10);
    for (jti, expires, now) in [
        ("max", i64::MAX, T),
        ("max at max", i64::MAX, i64::MAX),
        ("min", i64::MIN, i64::MIN),
        ("zero", 0, 0),
        ("below", -5, -5),
    ] {
        assert_eq!(insert(&memory, jti, expires, now), Inserted, "{jti}");
        assert_eq!(insert(&memory, jti, expires, now), Duplicate, "{jti}");
    }
    assert_eq!(insert(&memory, "max", i64::MAX, i64::MAX), Duplicate);
    assert_eq!(insert(&memory, "dead", i64::MIN, i64::MAX), Duplicate);
}

#[derive(Clone, Debug)]
enum Step {
    Present { jti: u16, life: i64 },
    Again { nth: usize },
    Forward(i64),
    Back(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        60 => (0..2_000u16, 0..40i64).prop_map(|(jti, life)| Step::Present { jti, life }),
        20 => any::<usize>().prop_map(|nth| Step::Again { nth }),
        10 => (1..15i64).prop_map(Step::Forward),
        1 => (50..500i64).prop_map(Step::Forward),
        2 => (1..60i64).prop_map(Step::Back),
    ];
    prop::collection::vec(step, 1..4_000)
}

/// What any store that keeps the promises must answer, with everything remembered for ever.
#[derive(Default)]
struct Model {
    /// Every entry ever let in, by its identifier: the latest expiry.
    expiry: HashMap<u16, i64>,
    latest: i64,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn agrees_with_a_model_that_forgets_nothing(steps in steps(), bound in prop::sample::select(vec![40usize, 300, 100_000])) {
        let memory = memory(bound);
        let mut model = Model { latest: T, ..Model::default() };
        let mut now = T;
        let mut given: Vec<(u16, i64)> = Vec::new();
        let mut went_back = false;
        for step in steps {
            let (jti, expires) = match step {
                Step::Forward(by) => { now += by; model.latest = model.latest.max(now); continue }
                Step::Back(by) => { now -= by; went_back = true; continue }
                Step::Present { jti, life } => (jti, now + life),
                Step::Again { nth } if given.is_empty() => { let _ = nth; continue }
                Step::Again { nth } => given[nth % given.len()],
            };
            let known = model.expiry.get(&jti).copied();
            let live = model.expiry.values().filter(|expires| **expires >= now).count();
            match insert(&memory, &jti.to_string(), expires, now) {
                Inserted => {
                    // Never a false negative: what was let in is over, and comes back with a later end.
                    // Only a clock that steps back makes it possible that an identifier comes back with a
                    // later end while, by that clock, its first use is not over.
                    prop_assert!(known.is_none_or(|known| known < expires), "{jti} again");
                    prop_assert!(went_back || known.is_none_or(|known| known < now), "{jti} again");
                    prop_assert!(expires >= now);
                    prop_assert!(went_back || live < bound);
                    model.expiry.insert(jti, expires);
                    given.push((jti, expires));
                }
                Duplicate => {
                    // A false positive only where the promise allows it: expired, or after a step back.
                    let seen = known.is_some_and(|known| known >= now || known >= expires);
                    prop_assert!(seen || expires < now || expires < model.latest, "{jti} not seen");
                }
                Full => {
                    prop_assert!(went_back || known.is_none_or(|known| known < now), "a known entry is never Full");
                    prop_assert!(went_back || live >= bound);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert!(went_back || memory.live_entries_upper_bound() <= bound);
        // Whatever was let in, at whatever time, is never let in again under the same expiry.
        for (jti, expires) in given {
            prop_assert_ne!(insert(&memory, &jti.to_string(), expires, now), Inserted);
        }
    }
}
