//! Single-use claims.

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};

use super::Backend;
use super::samples::{at, claim};

/// DPOP-11.1-08.
pub async fn of_many_claims_of_one_thing_one_is_granted<B: Backend>(backend: &B) {
    let store = backend.open().await;
    for round in 0..5 {
        let claims = (0..100).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_once(claim(&format!("{round}"), at(60)), at(0)).await })
        });
        let mut granted = 0;
        for outcome in claims.collect::<Vec<_>>() {
            match outcome.await.unwrap() {
                ReplayOutcome::Inserted => granted += 1,
                outcome => assert_eq!(outcome, ReplayOutcome::Duplicate),
            }
        }
        assert_eq!(granted, 1);
    }
}

/// DPOP-11.1-07, with purges at every second; the second after, it may be claimed anew.
pub async fn a_claim_holds_at_every_second_through_its_expiry<B: Backend>(backend: &B) {
    let store = backend.open().await;
    assert_eq!(store.claim_once(claim("x", at(90)), at(0)).await, ReplayOutcome::Inserted);
    for now in 0..=90 {
        _ = store.purge_expired(at(now)).await.unwrap();
        assert_eq!(store.claim_once(claim("x", at(90)), at(now)).await, ReplayOutcome::Duplicate, "at {now}");
    }
    assert_eq!(store.claim_once(claim("x", at(190)), at(91)).await, ReplayOutcome::Inserted);
    assert_eq!(store.claim_once(claim("x", at(190)), at(91)).await, ReplayOutcome::Duplicate);
}

/// One party's identifiers never block another's.
pub async fn a_claim_of_another_owner_kind_or_target_is_another<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let first = claim("x", at(60));
    let others = [
        ReplayEntry { owner: b"other", ..first },
        ReplayEntry { kind: ReplayKind::DpopProof, ..first },
        ReplayEntry { target: ("https://server.example/", "token"), ..first },
        ReplayEntry { target: ("https://server.example", "/tokenx"), identifier: "", ..first },
        ReplayEntry { identifier: "X", ..first },
    ];
    for entry in [first].into_iter().chain(others) {
        assert_eq!(store.claim_once(entry, at(0)).await, ReplayOutcome::Inserted, "{entry:?}");
        assert_eq!(store.claim_once(entry, at(0)).await, ReplayOutcome::Duplicate, "{entry:?}");
    }
}

/// DPOP-11.1-12.
pub async fn a_purged_claim_is_not_reopened_by_a_clock_that_steps_back<B: Backend>(backend: &B) {
    let store = backend.open().await;
    assert_eq!(store.claim_once(claim("x", at(60)), at(0)).await, ReplayOutcome::Inserted);
    _ = store.purge_expired(at(500)).await.unwrap();
    assert_eq!(store.claim_once(claim("y", at(560)), at(500)).await, ReplayOutcome::Inserted);
    assert_eq!(store.claim_once(claim("x", at(60)), at(10)).await, ReplayOutcome::Duplicate);
    assert_eq!(store.claim_once(claim("z", at(560)), at(10)).await, ReplayOutcome::Inserted);
}

/// Nothing vouches for it.
pub async fn a_claim_that_has_expired_on_arrival_is_refused<B: Backend>(backend: &B) {
    let store = backend.open().await;
    assert_eq!(store.claim_once(claim("x", at(0)), at(1)).await, ReplayOutcome::Duplicate);
    assert_eq!(store.claim_once(claim("x", at(1)), at(1)).await, ReplayOutcome::Inserted);
}

/// A node whose clock is behind claims while another purges: what it was granted is granted to nobody again.
pub async fn rejects_a_claim_that_was_purged_between_two_looks<B: Backend>(backend: &B) {
    let store = backend.open().await;
    for round in 0..10 {
        // Something has expired before, so the mark moves too.
        _ = store.claim_once(claim(&format!("old {round}"), at(round * 100 + 1)), at(round * 100)).await;
        let claims = (0..20).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let (name, now) = (format!("{round} {n}"), at(round * 100 + 2));
                let outcome = store.claim_once(claim(&name, at(round * 100 + 3 + n)), now).await;
                (n, outcome)
            })
        });
        let claims = claims.collect::<Vec<_>>();
        let purges = (0..4).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.purge_expired(at(round * 100 + 90)).await.unwrap() })
        });
        for purge in purges.collect::<Vec<_>>() {
            _ = purge.await.unwrap();
        }
        for made in claims {
            let (n, outcome) = made.await.unwrap();
            if outcome == ReplayOutcome::Inserted {
                let (name, now) = (format!("{round} {n}"), at(round * 100 + 2));
                let again = store.claim_once(claim(&name, at(round * 100 + 3 + n)), now).await;
                assert_eq!(again, ReplayOutcome::Duplicate, "{name}");
            }
        }
    }
}
