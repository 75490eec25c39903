//! Signing keys and nonce keys.

use serde_json::json;

use super::Backend;
use super::samples::at;
use crate::error::StoreError;
use crate::record::{NonceKeyRecord, SealedKeyRecord, SigningKeyRecord, SigningKeyState};

/// Pending, active, retired, each with its moment; no way back.
pub async fn a_signing_key_only_moves_forward<B: Backend>(backend: &B) {
    use SigningKeyState::{Active, Pending, Retired};
    let store = backend.open().await;
    let key = |key_id: &str, created| SigningKeyRecord {
        key_id: key_id.to_owned(),
        algorithm: "ES256".to_owned(),
        sealed_private: vec![7; 100],
        public_jwk: json!({"kty": "EC", "kid": key_id}),
        state: Pending,
        created_at: at(created),
        activated_at: None,
        retired_at: None,
    };
    store.insert_signing_key(&key("a", 5)).await.unwrap();
    store.insert_signing_key(&key("b", 3)).await.unwrap();
    let taken = store.insert_signing_key(&key("a", 9)).await;
    assert!(matches!(taken, Err(StoreError::Conflict { record: "signing key", .. })), "{taken:?}");
    assert_eq!(store.list_signing_keys().await.unwrap(), [key("b", 3), key("a", 5)]);

    store.move_signing_key("a", Active, at(10)).await.unwrap();
    store.move_signing_key("a", Active, at(11)).await.unwrap();
    store.move_signing_key("b", Retired, at(12)).await.unwrap();
    let active = SigningKeyRecord { state: Active, activated_at: Some(at(10)), ..key("a", 5) };
    let retired = SigningKeyRecord { state: Retired, retired_at: Some(at(12)), ..key("b", 3) };
    assert_eq!(store.list_signing_keys().await.unwrap(), [retired.clone(), active.clone()]);

    for (key_id, state) in [("a", Pending), ("b", Pending), ("b", Active)] {
        let back = store.move_signing_key(key_id, state, at(20)).await;
        assert!(matches!(back, Err(StoreError::Conflict { .. })), "{key_id}: {back:?}");
    }
    assert_eq!(store.list_signing_keys().await.unwrap(), [retired.clone(), active]);
    store.remove_signing_key("a").await.unwrap();
    store.remove_signing_key("a").await.unwrap();
    assert_eq!(store.list_signing_keys().await.unwrap(), [retired]);
    let unknown = store.move_signing_key("c", Active, at(0)).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { .. })), "{unknown:?}");
}

/// Oldest first; a place in the ring is given once until it is free again.
pub async fn nonce_keys_are_kept_until_removed<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let key = |id, created| NonceKeyRecord { id, sealed: vec![id; 60], created_at: at(created) };
    store.insert_nonce_key(&key(0, 9)).await.unwrap();
    store.insert_nonce_key(&key(255, 3)).await.unwrap();
    let taken = store.insert_nonce_key(&key(0, 10)).await;
    assert!(matches!(taken, Err(StoreError::Conflict { record: "nonce key", .. })), "{taken:?}");
    assert_eq!(store.list_nonce_keys().await.unwrap(), [key(255, 3), key(0, 9)]);
    store.remove_nonce_key(255).await.unwrap();
    store.remove_nonce_key(255).await.unwrap();
    store.insert_nonce_key(&key(255, 20)).await.unwrap();
    assert_eq!(store.list_nonce_keys().await.unwrap(), [key(0, 9), key(255, 20)]);
}

/// A cookie key never opens what another key sealed.
pub async fn sealed_keys_of_different_purposes_never_meet<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let key = |purpose: &str, key_id: &str, created| SealedKeyRecord {
        purpose: purpose.to_owned(),
        key_id: key_id.to_owned(),
        sealed: vec![0, 255],
        created_at: at(created),
    };
    store.insert_sealed_key(&key("cookie", "a", 9)).await.unwrap();
    store.insert_sealed_key(&key("cookie", "b", 3)).await.unwrap();
    store.insert_sealed_key(&key("page", "a", 1)).await.unwrap();
    let taken = store.insert_sealed_key(&key("cookie", "a", 10)).await;
    assert!(matches!(taken, Err(StoreError::Conflict { record: "sealed key", .. })), "{taken:?}");
    assert_eq!(
        store.list_sealed_keys("cookie").await.unwrap(),
        [key("cookie", "b", 3), key("cookie", "a", 9)]
    );
    store.remove_sealed_key("cookie", "a").await.unwrap();
    store.remove_sealed_key("cookie", "a").await.unwrap();
    assert_eq!(store.list_sealed_keys("cookie").await.unwrap(), [key("cookie", "b", 3)]);
    assert_eq!(store.list_sealed_keys("page").await.unwrap(), [key("page", "a", 1)]);
    assert_eq!(store.list_sealed_keys("other").await.unwrap(), []);
}
