//! Blocked keys, barred and removed clients: what an operator takes away works nowhere any more.

use std::time::Duration;

use serde_json::json;

use super::Backend;
use super::samples::{access_token, at, client, consent, digest, fill, grant, pending};
use crate::authorization::{ClientUpdate, RefreshTokenState, Revocation};
use crate::error::StoreError;
use crate::record::{
    AuditFilter, BarredClientRecord, BlockedKeyRecord, BlockedKind, ClientRecord, GrantFilter, GrantRecord,
    PendingKind,
};

/// A client that is gone is not an enabled one.
pub async fn a_removed_client_leaves_nothing_that_works<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_client(&client("client")).await.unwrap();
    store.insert_client(&client("other")).await.unwrap();
    fill(&*store).await;
    store.insert_access_token(&access_token("free", None)).await.unwrap();
    store.insert_grant(&GrantRecord { client_id: "other".to_owned(), ..grant("others") }).await.unwrap();
    store.put_consent(&consent("subject", "client")).await.unwrap();
    store.put_consent(&consent("subject", "other")).await.unwrap();
    let code = pending(PendingKind::AuthorizationCode, "code");
    store.insert_pending(&code).await.unwrap();

    let removed = store.delete_client("client", None).await.unwrap();
    assert_eq!(removed, ClientUpdate::Updated);
    assert_eq!(store.find_client("client").await.unwrap(), None);
    let state = store.find_refresh_token(&digest("r"), at(1), Duration::ZERO).await.unwrap();
    assert_eq!(state, RefreshTokenState::Unknown);
    for token in ["a", "free"] {
        assert_eq!(store.find_access_token(&digest(token), at(1)).await.unwrap(), None, "{token}");
    }
    assert_eq!(store.find_revocation("jti", Some("g")).await.unwrap(), Revocation::Grant);
    assert_eq!(store.find_consent("subject", "client").await.unwrap(), None);
    assert_eq!(store.find_pending(code.kind, &code.key_sha256).await.unwrap(), None);

    assert!(store.find_grant("others").await.unwrap().is_some());
    assert!(store.find_consent("subject", "other").await.unwrap().is_some());
    let unknown = StoreError::Unknown { record: "client", name: "client".to_owned() };
    assert_eq!(store.delete_client("client", None).await, Err(unknown));
    store.insert_client(&ClientRecord { registration: json!({}), ..client("client") }).await.unwrap();
    let state = store.find_refresh_token(&digest("r"), at(1), Duration::ZERO).await.unwrap();
    assert_eq!(state, RefreshTokenState::Unknown, "a new client of that name inherits nothing");
}

/// What comes from outside may hold anything; no such name is stored.
pub async fn a_name_with_a_null_byte_is_nobodys<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_client(&client("client")).await.unwrap();
    for name in ["\0", "client\0", "client\0x"] {
        assert_eq!(store.find_client(name).await.unwrap(), None);
        assert_eq!(store.find_account_by_username(name).await.unwrap(), None);
        assert_eq!(store.find_account(name).await.unwrap(), None);
        assert_eq!(store.find_session_by_id(name).await.unwrap(), None);
        assert_eq!(store.find_grant(name).await.unwrap(), None);
        assert_eq!(store.find_blocked_key(name).await.unwrap(), None);
        assert_eq!(store.find_consent(name, "client").await.unwrap(), None);
        assert_eq!(store.list_consents(name).await.unwrap(), []);
        assert_eq!(store.remove_consents(Some(name), None).await.unwrap(), 0);
        assert_eq!(store.end_session(name, at(1)).await.unwrap(), None);
        assert_eq!(store.list_sessions(Some(name), None, 9).await.unwrap(), []);
        assert_eq!(store.list_sessions(None, Some(name), 9).await.unwrap(), []);
        assert_eq!(store.list_accounts(Some(name), 9).await.unwrap(), []);
        for unknown in [
            store.disable_client(name, at(1)).await,
            store.delete_client(name, None).await.map(drop),
            store.unblock_key(name).await,
            store.revoke_grant(name, at(1)).await,
        ] {
            assert!(matches!(unknown, Err(StoreError::Unknown { .. })), "{unknown:?}");
        }
        let name = || Some(name.to_owned());
        for filter in [
            GrantFilter { client_id: name(), ..GrantFilter::default() },
            GrantFilter { subject: name(), ..GrantFilter::default() },
            GrantFilter { session_id: name(), ..GrantFilter::default() },
        ] {
            assert_eq!(store.list_grants(&filter, None, 9).await.unwrap(), []);
            assert_eq!(store.revoke_grants(&filter, at(1)).await.unwrap(), 0);
        }
        for filter in [
            AuditFilter { event: name(), ..AuditFilter::default() },
            AuditFilter { client_id: name(), ..AuditFilter::default() },
            AuditFilter { subject: name(), ..AuditFilter::default() },
        ] {
            assert_eq!(store.list_audit(&filter, None, 9).await.unwrap(), []);
        }
    }
}

/// Barred again is barred for the later reason. A bar is of a name, not of a record: none need be there.
pub async fn a_barred_client_is_listed_until_it_is_unbarred<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let bar = |client_id: &str| BarredClientRecord {
        client_id: client_id.to_owned(),
        reason: "stolen".to_owned(),
        offboarded: false,
        barred_at: at(1),
    };
    assert_eq!(store.list_barred_clients().await.unwrap(), []);
    store.bar_client(&bar("b")).await.unwrap();
    store.bar_client(&bar("a")).await.unwrap();
    let again =
        BarredClientRecord { reason: "gone".to_owned(), offboarded: true, barred_at: at(2), ..bar("b") };
    store.bar_client(&again).await.unwrap();
    assert_eq!(store.list_barred_clients().await.unwrap(), [bar("a"), again.clone()]);
    assert_eq!(store.find_client("a").await.unwrap(), None);
    store.unbar_client("a").await.unwrap();
    let unknown = store.unbar_client("a").await;
    assert!(matches!(unknown, Err(StoreError::Unknown { record: "barred client", .. })), "{unknown:?}");
    drop(store);
    let kept = if B::DURABLE { vec![again] } else { Vec::new() };
    assert_eq!(backend.open().await.list_barred_clients().await.unwrap(), kept);
}

/// Blocked again is blocked with the later reason.
pub async fn a_blocked_key_is_found_until_it_is_unblocked<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let key = |thumbprint: &str, kind| BlockedKeyRecord {
        thumbprint: thumbprint.to_owned(),
        kind,
        client_id: Some("client".to_owned()),
        reason: "stolen".to_owned(),
        blocked_at: at(1),
    };
    let (one, two) = (key("b", BlockedKind::Dpop), key("a", BlockedKind::Certificate));
    assert_eq!(store.find_blocked_key("b").await.unwrap(), None);
    store.block_key(&one).await.unwrap();
    store.block_key(&two).await.unwrap();
    let again = BlockedKeyRecord { reason: "sold".to_owned(), client_id: None, blocked_at: at(2), ..one };
    store.block_key(&again).await.unwrap();
    assert_eq!(store.find_blocked_key("b").await.unwrap(), Some(again.clone()));
    assert_eq!(store.find_blocked_key("B").await.unwrap(), None);
    assert_eq!(store.list_blocked_keys().await.unwrap(), [two, again]);
    store.unblock_key("b").await.unwrap();
    assert_eq!(store.find_blocked_key("b").await.unwrap(), None);
    let unknown = store.unblock_key("b").await;
    assert!(matches!(unknown, Err(StoreError::Unknown { record: "blocked key", .. })), "{unknown:?}");
}
