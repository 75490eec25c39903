//! Refresh tokens and opaque access tokens.

use std::time::Duration;

use serde_json::json;

use super::Backend;
use super::samples::{access_token, at, digest, fill, grant, refresh_token};
use crate::authorization::{GrantBinding, RefreshTokenState, Rotation};
use crate::error::StoreError;
use crate::record::RefreshTokenRecord;

const GRACE: Duration = Duration::from_secs(10);

/// CVE-2026-1035's class: the look and the spending are one step.
pub async fn of_many_rotations_of_one_token_one_wins<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    let rotations = (0..32).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let new = refresh_token(&format!("new {n}"), "g");
            (store.rotate_refresh_token(&digest("r"), &new, at(1), GRACE).await.unwrap(), new.token_sha256)
        })
    });
    let (mut winner, mut losers) = (None, Vec::new());
    for rotation in rotations.collect::<Vec<_>>() {
        match rotation.await.unwrap() {
            (Rotation::Rotated { grant: found }, new) => {
                assert_eq!(found, grant("g"));
                assert!(winner.replace(new).is_none(), "two winners");
            }
            (Rotation::Refused(state), new) => losers.push((state, new)),
        }
    }
    let winner = winner.unwrap();
    assert_eq!(losers.len(), 31);
    for (state, new) in losers {
        assert_eq!(state, RefreshTokenState::SpentWithinGrace { grant: grant("g"), successor: winner });
        assert_eq!(store.find_refresh_token(&new, at(1), GRACE).await.unwrap(), RefreshTokenState::Unknown);
    }
    let state = store.find_refresh_token(&winner, at(1), GRACE).await.unwrap();
    assert!(matches!(state, RefreshTokenState::Live { .. }), "{state:?}");
}

/// RFC 9700 section 4.14.2, at the edge of the grace.
pub async fn a_spent_token_is_reuse_after_its_grace_and_a_lost_answer_before<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    let new = refresh_token("r2", "g");
    let rotation = store.rotate_refresh_token(&digest("r"), &new, at(100), GRACE).await.unwrap();
    assert_eq!(rotation, Rotation::Rotated { grant: grant("g") });

    let within = RefreshTokenState::SpentWithinGrace { grant: grant("g"), successor: digest("r2") };
    let reused = RefreshTokenState::Reused { grant: grant("g") };
    for (now, expected) in [(100, &within), (109, &within), (110, &reused), (499, &reused)] {
        let state = store.find_refresh_token(&digest("r"), at(now), GRACE).await.unwrap();
        assert_eq!(&state, expected, "at {now}");
        let third = refresh_token("r3", "g");
        let rotation = store.rotate_refresh_token(&digest("r"), &third, at(now), GRACE).await.unwrap();
        assert_eq!(&rotation, &Rotation::Refused(expected.clone()), "at {now}");
    }
    let state = store.find_refresh_token(&digest("r"), at(100), Duration::ZERO).await.unwrap();
    assert_eq!(state, reused);
    let state = store.find_refresh_token(&digest("r2"), at(110), GRACE).await.unwrap();
    assert!(matches!(state, RefreshTokenState::Live { .. }), "{state:?}");
}

/// Time that did not pass is no grace.
pub async fn a_clock_that_steps_back_does_not_prolong_a_grace_of_zero<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    let new = refresh_token("r2", "g");
    _ = store.rotate_refresh_token(&digest("r"), &new, at(100), Duration::ZERO).await.unwrap();
    let state = store.find_refresh_token(&digest("r"), at(50), Duration::ZERO).await.unwrap();
    assert_eq!(state, RefreshTokenState::Reused { grant: grant("g") });
}

/// DPOP-5-11, ten links long.
pub async fn a_chain_of_rotations_keeps_its_grant_and_binding<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    let confirmation = json!({"jkt": "key"});
    assert_eq!(store.bind_grant("g", &confirmation).await.unwrap(), GrantBinding::Bound);
    let mut old = digest("r");
    for n in 0..10 {
        let new = refresh_token(&format!("link {n}"), "g");
        let rotation = store.rotate_refresh_token(&old, &new, at(n), Duration::ZERO).await.unwrap();
        let mut bound = grant("g");
        bound.bound_to = Some(confirmation.clone());
        assert_eq!(rotation, Rotation::Rotated { grant: bound });
        old = new.token_sha256;
    }
    let state = store.find_refresh_token(&old, at(10), Duration::ZERO).await.unwrap();
    assert!(matches!(state, RefreshTokenState::Live { .. }), "{state:?}");
}

/// A failed rotation leaves the old token as it was.
pub async fn a_successor_of_another_grant_or_client_spends_nothing<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    store.insert_grant(&grant("other")).await.unwrap();
    let wrong = [
        refresh_token("r2", "other"),
        RefreshTokenRecord { client_id: "mallory".to_owned(), ..refresh_token("r2", "g") },
        refresh_token("r", "g"),
    ];
    for new in wrong {
        let refused = store.rotate_refresh_token(&digest("r"), &new, at(1), GRACE).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        let state = store.find_refresh_token(&digest("r"), at(1), GRACE).await.unwrap();
        assert!(matches!(state, RefreshTokenState::Live { .. }), "{state:?}");
    }
}

/// The last second is the one before `expires_at`.
pub async fn a_refresh_token_dies_with_the_second_of_its_expiry<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    let unknown = store.find_refresh_token(&digest("?"), at(0), GRACE).await.unwrap();
    assert_eq!(unknown, RefreshTokenState::Unknown);
    let live = store.find_refresh_token(&digest("r"), at(499), GRACE).await.unwrap();
    assert_eq!(live, RefreshTokenState::Live { token: refresh_token("r", "g"), grant: grant("g") });
    let ended = store.find_refresh_token(&digest("r"), at(500), GRACE).await.unwrap();
    assert_eq!(ended, RefreshTokenState::Ended);
    let new = refresh_token("r2", "g");
    let refused = store.rotate_refresh_token(&digest("r"), &new, at(500), GRACE).await.unwrap();
    assert_eq!(refused, Rotation::Refused(RefreshTokenState::Ended));
}

/// Even one that says it lives longer.
pub async fn a_refresh_token_dies_with_its_grant<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_grant(&grant("g")).await.unwrap();
    let long = RefreshTokenRecord { expires_at: at(9_999), ..refresh_token("r", "g") };
    store.insert_refresh_token(&long).await.unwrap();
    for (now, live) in [(999, true), (1_000, false)] {
        let state = store.find_refresh_token(&digest("r"), at(now), GRACE).await.unwrap();
        assert_eq!(matches!(state, RefreshTokenState::Live { .. }), live, "at {now}: {state:?}");
    }
}

/// An insert never replaces.
pub async fn a_token_digest_is_given_once<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    let refresh = store.insert_refresh_token(&refresh_token("r", "g")).await;
    assert!(matches!(refresh, Err(StoreError::Conflict { .. })), "{refresh:?}");
    let access = store.insert_access_token(&access_token("a", None)).await;
    assert!(matches!(access, Err(StoreError::Conflict { .. })), "{access:?}");
}

/// INT-2-04, for what has expired or stands under a grant that has.
pub async fn an_access_token_is_found_only_while_it_lives<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    let mut long = access_token("long", Some("g"));
    long.expires_at = at(9_999);
    long.confirmation = None;
    store.insert_access_token(&long).await.unwrap();
    assert_eq!(store.find_access_token(&digest("?"), at(0)).await.unwrap(), None);
    let found = store.find_access_token(&digest("a"), at(299)).await.unwrap();
    assert_eq!(found, Some(access_token("a", Some("g"))));
    assert_eq!(store.find_access_token(&digest("a"), at(300)).await.unwrap(), None);
    assert_eq!(store.find_access_token(&digest("long"), at(999)).await.unwrap(), Some(long));
    assert_eq!(store.find_access_token(&digest("long"), at(1_000)).await.unwrap(), None);
}

/// RFC 7009 section 2.2: an unknown token is no error.
pub async fn a_revoked_access_token_is_not_found<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    store.revoke_access_token(&digest("a")).await.unwrap();
    store.revoke_access_token(&digest("a")).await.unwrap();
    assert_eq!(store.find_access_token(&digest("a"), at(0)).await.unwrap(), None);
    let state = store.find_refresh_token(&digest("r"), at(0), GRACE).await.unwrap();
    assert!(matches!(state, RefreshTokenState::Live { .. }), "{state:?}");
}
