//! Sessions.

use serde_json::json;

use super::Backend;
use super::samples::{at, digest, session};
use crate::error::StoreError;
use crate::record::SessionRecord;

/// Neither name nor cookie is given twice.
pub async fn a_session_is_found_by_its_cookie_and_by_its_name<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let one = session("one");
    store.insert_session(&one).await.unwrap();
    store.insert_session(&session("two")).await.unwrap();
    assert_eq!(store.find_session(&one.cookie_sha256).await.unwrap(), Some(one.clone()));
    assert_eq!(store.find_session_by_id("one").await.unwrap(), Some(one.clone()));
    assert_eq!(store.find_session(&digest("one")).await.unwrap(), None);
    assert_eq!(store.find_session_by_id("ONE").await.unwrap(), None);
    let same_cookie = SessionRecord { cookie_sha256: one.cookie_sha256, ..session("three") };
    let same_name = SessionRecord { cookie_sha256: digest("new"), ..one };
    for taken in [same_cookie, same_name] {
        let taken = store.insert_session(&taken).await;
        assert!(matches!(taken, Err(StoreError::Conflict { record: "session", .. })), "{taken:?}");
    }
}

/// Session fixation: the cookie changes at each login, and the one before is worth nothing.
pub async fn an_old_cookie_opens_nothing_once_it_was_changed<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_session(&session("one")).await.unwrap();
    store.insert_session(&session("two")).await.unwrap();
    let changed = SessionRecord {
        cookie_sha256: digest("new"),
        details: json!({"acr": "gold"}),
        expires_at: at(9_000),
        ..session("one")
    };
    let elsewhere = SessionRecord { subject: "mallory".to_owned(), created_at: at(5), ..changed.clone() };
    store.update_session(&elsewhere).await.unwrap();
    assert_eq!(store.find_session(&digest("new")).await.unwrap(), Some(changed.clone()), "the rest stays");
    assert_eq!(store.find_session(&session("one").cookie_sha256).await.unwrap(), None);
    store.update_session(&changed).await.unwrap();

    let stolen = SessionRecord { cookie_sha256: session("two").cookie_sha256, ..changed.clone() };
    let taken = store.update_session(&stolen).await;
    assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
    assert_eq!(store.find_session(&digest("new")).await.unwrap(), Some(changed.clone()));
    _ = store.end_session("one", at(5)).await.unwrap();
    for gone in [changed, session("three")] {
        let unknown = store.update_session(&gone).await;
        assert!(matches!(unknown, Err(StoreError::Unknown { record: "session", .. })), "{unknown:?}");
    }
}

/// The idle time of the cookie before is not written over the sign-in that replaced it.
pub async fn rejects_the_old_cookie_when_a_refresh_meets_a_sign_in<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let before = session("one");
    store.insert_session(&before).await.unwrap();
    store.touch_session("one", &before.cookie_sha256, at(8_000)).await.unwrap();
    let touched = SessionRecord { expires_at: at(8_000), ..before.clone() };
    assert_eq!(store.find_session_by_id("one").await.unwrap(), Some(touched));
    let signed_in =
        SessionRecord { cookie_sha256: digest("new"), details: json!({"acr": "gold"}), ..before.clone() };
    store.update_session(&signed_in).await.unwrap();
    let late = store.touch_session("one", &before.cookie_sha256, at(9_000)).await;
    assert!(matches!(late, Err(StoreError::Unknown { record: "session", .. })), "{late:?}");
    assert_eq!(store.find_session(&before.cookie_sha256).await.unwrap(), None);
    assert_eq!(store.find_session(&digest("new")).await.unwrap(), Some(signed_in));
    _ = store.end_session("one", at(5)).await.unwrap();
    let ended = store.touch_session("one", &digest("new"), at(9_000)).await;
    assert!(matches!(ended, Err(StoreError::Unknown { .. })), "{ended:?}");
}

/// The one who ended it tells the others (back-channel logout).
pub async fn of_many_ends_of_one_session_one_is_told<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_session(&session("one")).await.unwrap();
    let ends = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.end_session("one", at(5)).await.unwrap() })
    });
    let mut told = Vec::new();
    for end in ends.collect::<Vec<_>>() {
        told.extend(end.await.unwrap());
    }
    let ended = SessionRecord { ended_at: Some(at(5)), ..session("one") };
    assert_eq!(told, std::slice::from_ref(&ended));
    assert_eq!(store.end_session("one", at(6)).await.unwrap(), None);
    assert_eq!(store.end_session("two", at(6)).await.unwrap(), None);
    assert_eq!(store.find_session(&session("one").cookie_sha256).await.unwrap(), Some(ended));
}

/// Ended ones too, until they are purged.
pub async fn sessions_are_listed_by_page_and_by_subject<B: Backend>(backend: &B) {
    let store = backend.open().await;
    for (session_id, subject) in [("a", "alice"), ("B", "bob"), ("c", "alice"), ("d", "alice")] {
        let of = SessionRecord { subject: subject.to_owned(), ..session(session_id) };
        store.insert_session(&of).await.unwrap();
    }
    _ = store.end_session("c", at(5)).await.unwrap();
    let names = async |subject, after, limit| {
        let sessions = store.list_sessions(subject, after, limit).await.unwrap();
        sessions.into_iter().map(|session| session.session_id).collect::<String>()
    };
    assert_eq!(names(None, None, 100).await, "Bacd");
    assert_eq!(names(None, Some("a"), 1).await, "c");
    assert_eq!(names(Some("alice"), None, 2).await, "ac");
    assert_eq!(names(Some("alice"), Some("c"), 2).await, "d");
    assert_eq!(names(Some("nobody"), None, 2).await, "");
}
