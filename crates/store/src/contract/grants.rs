//! Grants and revocation.

use std::time::Duration;

use serde_json::json;

use super::Backend;
use super::samples::{access_token, at, digest, fill, grant, refresh_token};
use crate::authorization::{GrantBinding, RefreshTokenState, Revocation, Rotation};
use crate::error::StoreError;
use crate::record::GrantRecord;

/// What goes in comes out; the identifier is given once.
pub async fn a_grant_is_found_as_it_was_stored<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let bound = GrantRecord { bound_to: Some(json!({"jkt": "x"})), scope: vec![], ..grant("bound") };
    store.insert_grant(&grant("g")).await.unwrap();
    store.insert_grant(&bound).await.unwrap();
    assert_eq!(store.find_grant("g").await.unwrap(), Some(grant("g")));
    assert_eq!(store.find_grant("bound").await.unwrap(), Some(bound));
    assert_eq!(store.find_grant("other").await.unwrap(), None);
    let again = store.insert_grant(&grant("g")).await;
    assert!(matches!(again, Err(StoreError::Conflict { record: "grant", .. })), "{again:?}");
}

/// REV-2-04: refresh tokens, opaque access tokens, and self-contained ones that name the grant.
pub async fn revoking_a_grant_ends_everything_under_it<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await;
    store.insert_grant(&grant("other")).await.unwrap();
    store.insert_access_token(&access_token("b", Some("other"))).await.unwrap();
    assert_eq!(store.find_revocation("jti", Some("g")).await.unwrap(), Revocation::NotRevoked);

    store.revoke_grant("g", at(7)).await.unwrap();
    store.revoke_grant("g", at(8)).await.unwrap();
    assert_eq!(store.find_grant("g").await.unwrap().unwrap().revoked_at, Some(at(7)));
    let state = store.find_refresh_token(&digest("r"), at(7), Duration::ZERO).await.unwrap();
    assert_eq!(state, RefreshTokenState::Ended);
    let new = refresh_token("r2", "g");
    let rotation = store.rotate_refresh_token(&digest("r"), &new, at(7), Duration::ZERO).await.unwrap();
    assert_eq!(rotation, Rotation::Refused(RefreshTokenState::Ended));
    assert_eq!(store.find_access_token(&digest("a"), at(7)).await.unwrap(), None);
    assert_eq!(store.find_revocation("jti", Some("g")).await.unwrap(), Revocation::Grant);

    assert!(store.find_access_token(&digest("b"), at(7)).await.unwrap().is_some());
    assert_eq!(store.find_revocation("jti", Some("other")).await.unwrap(), Revocation::NotRevoked);
}

/// DPOP-5-11, DPOP-5-12: the first binding wins every race and never changes.
pub async fn of_many_bindings_of_one_grant_the_first_stays<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_grant(&grant("g")).await.unwrap();
    let bindings = (0..32).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let confirmation = json!({ "jkt": n });
            (store.bind_grant("g", &confirmation).await.unwrap(), confirmation)
        })
    });
    let (mut winner, mut losers) = (None, Vec::new());
    for binding in bindings.collect::<Vec<_>>() {
        match binding.await.unwrap() {
            (GrantBinding::Bound, confirmation) => assert!(winner.replace(confirmation).is_none()),
            (GrantBinding::BoundBefore(before), _) => losers.push(before),
        }
    }
    let winner = winner.unwrap();
    assert_eq!(losers, vec![winner.clone(); 31]);
    assert_eq!(store.find_grant("g").await.unwrap().unwrap().bound_to, Some(winner));
}

/// Nothing hangs in the air.
pub async fn a_grant_that_is_not_there_cannot_be_used<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let unknown = StoreError::Unknown { record: "grant", name: "g".to_owned() };
    assert_eq!(store.revoke_grant("g", at(0)).await, Err(unknown.clone()));
    assert_eq!(store.bind_grant("g", &json!({})).await, Err(unknown.clone()));
    assert_eq!(store.insert_refresh_token(&refresh_token("r", "g")).await, Err(unknown.clone()));
    assert_eq!(store.insert_access_token(&access_token("a", Some("g"))).await, Err(unknown));
}

/// The later of two expiries counts.
pub async fn a_revoked_token_identifier_is_known_until_its_expiry<B: Backend>(backend: &B) {
    let store = backend.open().await;
    assert_eq!(store.find_revocation("jti", None).await.unwrap(), Revocation::NotRevoked);
    store.revoke_token_id("jti", at(100)).await.unwrap();
    store.revoke_token_id("jti", at(50)).await.unwrap();
    _ = store.purge_expired(at(99)).await.unwrap();
    assert_eq!(store.find_revocation("jti", None).await.unwrap(), Revocation::Token);
    assert_eq!(store.find_revocation("JTI", None).await.unwrap(), Revocation::NotRevoked);
}

/// Fail closed: a grant that was purged or never was gives nothing.
pub async fn a_token_whose_grant_is_unknown_counts_as_revoked<B: Backend>(backend: &B) {
    let store = backend.open().await;
    assert_eq!(store.find_revocation("jti", Some("nowhere")).await.unwrap(), Revocation::Grant);
}
