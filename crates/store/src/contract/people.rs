//! Accounts and consents.

use serde_json::json;

use super::Backend;
use super::samples::{account, at, consent, pending};
use crate::authorization::LoginAttempt::{Failed, Succeeded};
use crate::authorization::{AccountUpdate, LoginAttempt};
use crate::error::StoreError;
use crate::record::{AccountRecord, ConsentRecord, PendingKind, PendingRecord};

/// What goes in comes out; a change replaces all but the subject and its beginning.
pub async fn an_account_is_found_as_it_was_stored<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let plain = AccountRecord { password_hash: None, ..account("plain") };
    store.insert_account(&account("alice")).await.unwrap();
    store.insert_account(&plain).await.unwrap();
    assert_eq!(store.find_account("alice").await.unwrap(), Some(account("alice")));
    assert_eq!(store.find_account_by_username("plain@example.com").await.unwrap(), Some(plain));
    assert_eq!(store.find_account_by_username("Plain@example.com").await.unwrap(), None);
    assert_eq!(store.find_account("alice@example.com").await.unwrap(), None);
    let changed = AccountRecord {
        user_code_hash: Some("$argon2id$code".to_owned()),
        username: "alice".to_owned(),
        password_hash: Some("$argon2id$new".to_owned()),
        claims: json!({}),
        passkeys: json!([{"id": "x"}]),
        disabled: true,
        failed_logins: 3,
        locked_until: Some(at(9)),
        updated_at: at(8),
        ..account("alice")
    };
    let update = store.update_account(&AccountRecord { created_at: at(8), ..changed.clone() }).await.unwrap();
    assert_eq!(update, AccountUpdate::Updated);
    let expected = AccountRecord { revision: 1, ..changed };
    assert_eq!(store.find_account_by_username("alice").await.unwrap(), Some(expected));
    assert_eq!(store.find_account_by_username("alice@example.com").await.unwrap(), None);
    let unknown = store.update_account(&account("nobody")).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { record: "account", .. })), "{unknown:?}");
}

/// By a new account as by a changed one.
pub async fn a_username_is_given_once<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_account(&account("alice")).await.unwrap();
    store.insert_account(&account("bob")).await.unwrap();
    let same_name = AccountRecord { username: account("alice").username, ..account("mallory") };
    let same_subject = AccountRecord { username: "new".to_owned(), ..account("alice") };
    for taken in [same_name, same_subject] {
        let taken = store.insert_account(&taken).await;
        assert!(matches!(taken, Err(StoreError::Conflict { record: "account", .. })), "{taken:?}");
    }
    let renamed = AccountRecord { username: account("alice").username, ..account("bob") };
    let taken = store.update_account(&renamed).await;
    assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
    assert_eq!(store.find_account("bob").await.unwrap(), Some(account("bob")));
    assert_eq!(store.find_account("mallory").await.unwrap(), None);
    store.delete_account("alice").await.unwrap();
    assert_eq!(store.update_account(&renamed).await.unwrap(), AccountUpdate::Updated);
}

/// A password that is changed while a passkey is added loses neither.
pub async fn of_many_changes_of_one_account_one_wins<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_account(&account("alice")).await.unwrap();
    let changes = (0..20).map(|n| {
        let store = store.clone();
        let changed = AccountRecord { claims: json!({ "n": n }), ..account("alice") };
        tokio::spawn(async move { (store.update_account(&changed).await.unwrap(), changed) })
    });
    let mut winner = None;
    for change in changes.collect::<Vec<_>>() {
        match change.await.unwrap() {
            (AccountUpdate::Updated, changed) => assert!(winner.replace(changed).is_none(), "two winners"),
            (AccountUpdate::Stale, _) => {}
        }
    }
    let expected = AccountRecord { revision: 1, ..winner.unwrap() };
    assert_eq!(store.find_account("alice").await.unwrap(), Some(expected));
}

const FAILED: LoginAttempt = Failed { lock_after: 5, lock_seconds: 60, forget_after: 600 };

/// Guesses at once are counted all.
pub async fn every_failed_login_counts_and_the_last_one_locks<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_account(&account("alice")).await.unwrap();
    let attempts = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.record_login("alice", FAILED, at(1)).await.unwrap() })
    });
    let mut counts = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        assert_eq!(answer.locked_until, None);
        counts.push(answer.failed_logins);
    }
    counts.sort_unstable();
    assert_eq!(*counts.last().unwrap(), 4, "{counts:?}");
    let locked = store.record_login("alice", FAILED, at(2)).await.unwrap();
    assert_eq!((locked.failed_logins, locked.locked_until), (5, Some(at(62))));
    assert_eq!(store.find_account("alice").await.unwrap(), Some(locked.clone()));
    let stale = store.update_account(&AccountRecord { claims: json!(1), ..account("alice") }).await.unwrap();
    assert_eq!(stale, AccountUpdate::Stale, "a change that began before does not lift the lock");
    let unknown = store.record_login("nobody", FAILED, at(1)).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { record: "account", .. })), "{unknown:?}");
}

/// Not even by the right password among many guesses; after it, one failure locks again.
pub async fn a_lock_is_neither_prolonged_nor_lifted_by_a_login<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_account(&account("alice")).await.unwrap();
    let login = async |attempt, now| {
        let account = store.record_login("alice", attempt, at(now)).await.unwrap();
        (account.failed_logins, account.locked_until)
    };
    for n in 1..5 {
        assert_eq!(login(FAILED, 0).await, (n, None));
    }
    assert_eq!(login(Succeeded, 1).await, (0, None));
    for n in 1..5 {
        assert_eq!(login(FAILED, 2).await, (n, None));
    }
    assert_eq!(login(FAILED, 3).await, (5, Some(at(63))));
    assert_eq!(login(FAILED, 4).await, (6, Some(at(63))));
    assert_eq!(login(Succeeded, 62).await, (6, Some(at(63))));
    assert_eq!(login(FAILED, 63).await, (7, Some(at(123))));
    assert_eq!(login(Succeeded, 123).await, (0, None));
    let before = store.find_account("alice").await.unwrap().unwrap().revision;
    assert_eq!(login(Succeeded, 124).await, (0, None));
    assert_eq!(store.find_account("alice").await.unwrap().unwrap().revision, before, "nothing changed");
}

/// Nobody is locked out for ever by a mistake now and then.
pub async fn an_old_failed_login_counts_no_more<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_account(&account("alice")).await.unwrap();
    let fail = async |now| {
        let account = store.record_login("alice", FAILED, at(now)).await.unwrap();
        (account.failed_logins, account.failed_at, account.locked_until)
    };
    for n in 1..5 {
        assert_eq!(fail(0).await, (n, Some(at(0)), None));
    }
    assert_eq!(fail(599).await, (5, Some(at(599)), Some(at(659))));
    assert_eq!(fail(1_198).await, (6, Some(at(1_198)), Some(at(1_258))));
    assert_eq!(fail(1_798).await, (1, Some(at(1_798)), Some(at(1_258))), "a lock that is over");
}

/// What an unknown name costs leaves nothing behind.
pub async fn a_login_of_nobody_leaves_nothing<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_account(&account("alice")).await.unwrap();
    let decoy = PendingRecord { forget_at: at(1), ..pending(PendingKind::LoginDecoy, "nobody") };
    store.record_login_of_nobody(&decoy).await.unwrap();
    assert_eq!(store.find_account("alice").await.unwrap(), Some(account("alice")));
    assert_eq!(store.purge_expired(at(1)).await.unwrap().pending, 1);
}

/// Each once, by subject.
pub async fn accounts_are_listed_by_page<B: Backend>(backend: &B) {
    let store = backend.open().await;
    for subject in ["c", "a", "B", "d"] {
        store.insert_account(&account(subject)).await.unwrap();
    }
    let names = async |after, limit| {
        let accounts = store.list_accounts(after, limit).await.unwrap();
        accounts.into_iter().map(|account| account.subject).collect::<String>()
    };
    assert_eq!(names(None, 3).await, "Bac");
    assert_eq!(names(Some("c"), 3).await, "d");
    assert_eq!(names(Some("d"), 3).await, "");
}

/// What a person has taken back is asked again.
pub async fn a_consent_is_replaced_by_a_later_one_and_removed_with_its_account<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_account(&account("alice")).await.unwrap();
    for (subject, client_id) in [("alice", "two"), ("alice", "one"), ("bob", "one"), ("bob", "two")] {
        store.put_consent(&consent(subject, client_id)).await.unwrap();
    }
    let wider = ConsentRecord {
        scope: vec!["openid".to_owned(), "email".to_owned()],
        details: json!({}),
        granted_at: at(9),
        expires_at: None,
        ..consent("alice", "one")
    };
    store.put_consent(&wider).await.unwrap();
    assert_eq!(store.find_consent("alice", "one").await.unwrap(), Some(wider.clone()));
    assert_eq!(store.find_consent("one", "alice").await.unwrap(), None);
    assert_eq!(store.list_consents("alice").await.unwrap(), [wider, consent("alice", "two")]);
    assert_eq!(store.remove_consents(Some("bob"), Some("one")).await.unwrap(), 1);
    assert_eq!(store.remove_consents(Some("bob"), Some("one")).await.unwrap(), 0);
    assert_eq!(store.list_consents("bob").await.unwrap(), [consent("bob", "two")]);
    store.delete_account("alice").await.unwrap();
    assert_eq!(store.list_consents("alice").await.unwrap(), []);
    let unknown = store.delete_account("alice").await;
    assert!(matches!(unknown, Err(StoreError::Unknown { record: "account", .. })), "{unknown:?}");
    store.put_consent(&consent("carol", "two")).await.unwrap();
    assert_eq!(store.remove_consents(None, Some("two")).await.unwrap(), 2);
    store.put_consent(&consent("carol", "two")).await.unwrap();
    assert_eq!(store.remove_consents(None, None).await.unwrap(), 1);
}
