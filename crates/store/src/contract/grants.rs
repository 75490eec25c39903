//! Grants and revocation.

use std::time::Duration;

use serde_json::json;

use super::Backend;
use super::samples::{access_token, at, digest, fill, grant, refresh_token};
use crate::authorization::{AuthorizationStore, GrantBinding, RefreshTokenState, Revocation, Rotation};
use crate::error::StoreError;
use crate::record::{GrantFilter, GrantRecord, RefreshTokenRecord};

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

/// Half a provision would be a grant that nobody can use, or a token without one.
pub async fn a_grant_and_its_first_token_are_stored_both_or_not_at_all<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.provision_grant(&grant("g"), Some(&refresh_token("r", "g"))).await.unwrap();
    store.provision_grant(&grant("alone"), None).await.unwrap();
    let state = store.find_refresh_token(&digest("r"), at(1), Duration::ZERO).await.unwrap();
    assert!(matches!(state, RefreshTokenState::Live { .. }), "{state:?}");
    let refused = [
        (grant("g"), refresh_token("r2", "g")),
        (grant("h"), refresh_token("r", "h")),
        (grant("h"), refresh_token("r2", "g")),
        (grant("h"), RefreshTokenRecord { client_id: "mallory".to_owned(), ..refresh_token("r2", "h") }),
    ];
    for (grant, token) in refused {
        let refused = store.provision_grant(&grant, Some(&token)).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    assert_eq!(store.find_grant("h").await.unwrap(), None);
    let state = store.find_refresh_token(&digest("r2"), at(1), Duration::ZERO).await.unwrap();
    assert_eq!(state, RefreshTokenState::Unknown);
}

/// A consent that was widened or narrowed moves nothing else.
pub async fn a_changed_grant_keeps_who_it_is<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let before = grant("g");
    store.insert_grant(&before).await.unwrap();
    store.revoke_grant("g", at(7)).await.unwrap();
    let details = json!({"authorization_details": []});
    store.update_grant("g", &["openid".to_owned()], &[], &details).await.unwrap();
    let expected = GrantRecord {
        scope: vec!["openid".to_owned()],
        audience: vec![],
        details: details.clone(),
        revoked_at: Some(at(7)),
        ..before
    };
    assert_eq!(store.find_grant("g").await.unwrap(), Some(expected));
    let unknown = store.update_grant("h", &[], &[], &details).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { record: "grant", .. })), "{unknown:?}");
}

/// Grants of two clients, two subjects and two sessions, and one that is over.
async fn fill_with_grants(store: &dyn AuthorizationStore) {
    let of = |grant_id: &str, client_id: &str, subject: &str, session_id: Option<&str>| GrantRecord {
        client_id: client_id.to_owned(),
        subject: subject.to_owned(),
        session_id: session_id.map(str::to_owned),
        ..grant(grant_id)
    };
    store.insert_grant(&of("a", "one", "alice", Some("s1"))).await.unwrap();
    store.insert_grant(&of("B", "one", "bob", Some("s2"))).await.unwrap();
    store.insert_grant(&of("c", "two", "alice", Some("s1"))).await.unwrap();
    store.insert_grant(&of("d", "two", "alice", None)).await.unwrap();
    let over = GrantRecord { expires_at: at(10), ..of("e", "two", "alice", Some("s1")) };
    store.insert_grant(&over).await.unwrap();
}

fn only(name: &str, value: &str) -> GrantFilter {
    let value = Some(value.to_owned());
    match name {
        "client" => GrantFilter { client_id: value, ..GrantFilter::default() },
        "subject" => GrantFilter { subject: value, ..GrantFilter::default() },
        _ => GrantFilter { session_id: value, ..GrantFilter::default() },
    }
}

async fn named(store: &dyn AuthorizationStore, filter: &GrantFilter) -> String {
    let grants = store.list_grants(filter, None, 100).await.unwrap();
    grants.into_iter().map(|grant| grant.grant_id).collect()
}

/// In the order of bytes, whatever the database's language.
pub async fn grants_are_listed_by_page_and_by_what_is_asked<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill_with_grants(&*store).await;
    let live = GrantFilter { live_at: Some(at(10)), ..GrantFilter::default() };
    let expected = [
        (GrantFilter::default(), "Bacde"),
        (live.clone(), "Bacd"),
        (only("client", "one"), "Ba"),
        (only("subject", "alice"), "acde"),
        (only("session", "s1"), "ace"),
        (GrantFilter { live_at: Some(at(10)), ..only("session", "s1") }, "ac"),
        (GrantFilter { client_id: Some("two".to_owned()), ..only("session", "s1") }, "ce"),
        (only("client", "ONE"), ""),
    ];
    for (filter, grants) in expected {
        assert_eq!(named(&*store, &filter).await, grants, "{filter:?}");
    }
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let page = store.list_grants(&live, after.as_deref(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.grant_id.clone());
        pages.push(page.into_iter().map(|grant| grant.grant_id).collect::<String>());
    }
    assert_eq!(pages, ["Bac", "d"]);
}

/// An offboarding ends one client's grants, a logout those of one session.
pub async fn revoking_by_filter_reaches_those_and_no_others<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill_with_grants(&*store).await;
    let live = GrantFilter { live_at: Some(at(1)), ..GrantFilter::default() };
    assert_eq!(store.revoke_grants(&only("session", "s1"), at(1)).await.unwrap(), 3);
    assert_eq!(named(&*store, &live).await, "Bd");
    assert_eq!(store.revoke_grants(&only("client", "one"), at(2)).await.unwrap(), 1);
    assert_eq!(named(&*store, &live).await, "d");
    let first = store.find_grant("a").await.unwrap().unwrap();
    assert_eq!(first.revoked_at, Some(at(1)), "the first time stays");
    assert_eq!(store.revoke_grants(&only("subject", "nobody"), at(3)).await.unwrap(), 0);
    assert_eq!(store.revoke_grants(&GrantFilter::default(), at(3)).await.unwrap(), 1);
    assert_eq!(named(&*store, &live).await, "");
}
