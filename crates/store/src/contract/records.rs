//! Clients, purging, restart.

use std::time::Duration;

use bindery_core::replay::ReplayOutcome;
use serde_json::json;

use super::Backend;
use super::samples::{
    access_token, account, at, audit, claim, client, consent, digest, fill, grant, pending, refresh_token,
    session,
};
use crate::authorization::{ClientUpdate, Purged, RefreshTokenState, Revocation, Rotation, Spending};
use crate::error::StoreError;
use crate::record::{
    AuditFilter, BlockedKeyRecord, BlockedKind, ClientRecord, ConsentRecord, NonceKeyRecord, PendingKind,
    SealedKeyRecord, SessionRecord, SigningKeyRecord, SigningKeyState,
};

/// What goes in comes out, null bytes and all; lists are ordered.
pub async fn a_client_is_found_as_it_was_stored<B: Backend>(backend: &B) {
    let store = backend.open().await;
    assert_eq!(store.find_client("b").await.unwrap(), None);
    let without_secret = ClientRecord { secret_sha256: None, ..client("a") };
    store.insert_client(&client("b")).await.unwrap();
    store.insert_client(&without_secret).await.unwrap();
    assert_eq!(store.find_client("b").await.unwrap(), Some(client("b")));
    assert_eq!(store.find_client("B").await.unwrap(), None);
    assert_eq!(store.list_clients().await.unwrap(), [without_secret, client("b")]);

    let changed = ClientRecord {
        metadata: json!({"jwks_uri": "https://client.example/jwks"}),
        secret_sha256: None,
        created_at: at(9),
        updated_at: at(9),
        ..client("b")
    };
    assert_eq!(store.update_client(&changed).await.unwrap(), ClientUpdate::Updated);
    let expected = ClientRecord { created_at: at(0), revision: 1, ..changed };
    assert_eq!(store.find_client("b").await.unwrap(), Some(expected));
}

/// An insert never replaces.
pub async fn a_client_name_is_given_once<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let inserts = (0..32).map(|n| {
        let store = store.clone();
        let client = ClientRecord { metadata: json!({ "n": n }), ..client("c") };
        tokio::spawn(async move { store.insert_client(&client).await.map(|()| client) })
    });
    let mut winner = None;
    for insert in inserts.collect::<Vec<_>>() {
        match insert.await.unwrap() {
            Ok(client) => assert!(winner.replace(client).is_none(), "two winners"),
            Err(error) => assert!(matches!(error, StoreError::Conflict { record: "client", .. }), "{error}"),
        }
    }
    assert_eq!(store.find_client("c").await.unwrap(), winner);
}

/// Of many who have read the same state one changes it, and the others are told; what they read is past.
pub async fn a_client_is_changed_by_one_of_those_who_read_the_same_state<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_client(&client("c")).await.unwrap();
    for revision in 0..4 {
        let changes = (0..16).map(|n| {
            let store = store.clone();
            let changed = ClientRecord { metadata: json!({ "n": n }), revision, ..client("c") };
            tokio::spawn(async move { (store.update_client(&changed).await.unwrap(), changed) })
        });
        let mut winner = None;
        for change in changes.collect::<Vec<_>>() {
            match change.await.unwrap() {
                (ClientUpdate::Updated, changed) => assert!(winner.replace(changed).is_none(), "two winners"),
                (ClientUpdate::Stale, _) => {}
            }
        }
        let winner = winner.map(|winner| ClientRecord { revision: revision + 1, ..winner });
        assert_eq!(store.find_client("c").await.unwrap(), winner);
    }
    store.disable_client("c", at(1)).await.unwrap();
    let before = ClientRecord { revision: 4, ..client("c") };
    assert_eq!(store.update_client(&before).await.unwrap(), ClientUpdate::Stale, "disabling is a change");
    assert!(store.find_client("c").await.unwrap().unwrap().disabled);
}

/// A state that was never looked at is not thrown away; without a revision, whatever is there goes.
pub async fn a_client_is_removed_by_nobody_who_read_another_state<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_client(&client("client")).await.unwrap();
    fill(&*store).await;
    assert_eq!(store.update_client(&client("client")).await.unwrap(), ClientUpdate::Updated);
    assert_eq!(store.delete_client("client", Some(0)).await.unwrap(), ClientUpdate::Stale);
    assert!(store.find_client("client").await.unwrap().is_some());
    assert!(store.find_access_token(&digest("a"), at(5)).await.unwrap().is_some());
    assert_eq!(store.delete_client("client", Some(1)).await.unwrap(), ClientUpdate::Updated);
    assert_eq!(store.find_client("client").await.unwrap(), None);
    store.insert_client(&ClientRecord { revision: 7, ..client("client") }).await.unwrap();
    assert_eq!(store.delete_client("client", None).await.unwrap(), ClientUpdate::Updated);
}

/// Changing is not inserting.
pub async fn a_client_that_is_not_there_cannot_be_changed<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let unknown = Err(StoreError::Unknown { record: "client", name: "c".to_owned() });
    assert_eq!(store.disable_client("c", at(0)).await, unknown);
    let unknown = Err(StoreError::Unknown { record: "client", name: "c".to_owned() });
    assert_eq!(store.update_client(&client("c")).await, unknown);
    assert_eq!(store.delete_client("c", Some(0)).await, unknown);
    assert_eq!(store.list_clients().await.unwrap(), []);
}

/// Disabling reaches tokens at once, and is told once.
pub async fn disabling_a_client_ends_what_it_holds_and_enabling_it_brings_it_back<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_client(&client("client")).await.unwrap();
    fill(&*store).await;
    store.disable_client("client", at(5)).await.unwrap();
    store.disable_client("client", at(6)).await.unwrap();
    let disabled = store.find_client("client").await.unwrap().unwrap();
    assert!(disabled.disabled);
    assert_eq!(disabled.updated_at, at(5));
    assert_eq!(store.find_access_token(&digest("a"), at(5)).await.unwrap(), None);
    let state = store.find_refresh_token(&digest("r"), at(5), Duration::ZERO).await.unwrap();
    assert_eq!(state, RefreshTokenState::Ended);
    let new = refresh_token("r2", "g");
    let rotation = store.rotate_refresh_token(&digest("r"), &new, at(5), Duration::ZERO).await.unwrap();
    assert_eq!(rotation, Rotation::Refused(RefreshTokenState::Ended));

    let enabled = ClientRecord { disabled: false, ..disabled };
    assert_eq!(store.update_client(&enabled).await.unwrap(), ClientUpdate::Updated);
    assert!(store.find_access_token(&digest("a"), at(5)).await.unwrap().is_some());
}

/// At the second before, nothing goes; at the second, what has expired; never what lives.
pub async fn a_purge_takes_what_has_expired_and_nothing_else<B: Backend>(backend: &B) {
    let store = backend.open().await;
    fill(&*store).await; // the access token ends at 300, the refresh token at 500, the grant at 1,000
    store.insert_access_token(&access_token("free", None)).await.unwrap();
    store.revoke_token_id("jti", at(300)).await.unwrap();
    assert_eq!(store.claim_once(claim("x", at(300)), at(0)).await, ReplayOutcome::Inserted);

    let purged = store.purge_expired(at(299)).await.unwrap();
    assert_eq!(purged, Purged::default());
    assert!(store.find_access_token(&digest("a"), at(299)).await.unwrap().is_some());

    let purged = store.purge_expired(at(300)).await.unwrap();
    assert_eq!(purged, Purged { access_tokens: 2, ..Purged::default() });
    assert_eq!(store.find_revocation("jti", None).await.unwrap(), Revocation::Token);
    assert_eq!(store.claim_once(claim("x", at(300)), at(300)).await, ReplayOutcome::Duplicate);

    assert_eq!(store.purge_expired(at(301)).await.unwrap().revoked_tokens, 1);
    assert_eq!(store.find_revocation("jti", None).await.unwrap(), Revocation::NotRevoked);

    assert_eq!(store.purge_expired(at(500)).await.unwrap().refresh_tokens, 1);
    assert!(store.find_grant("g").await.unwrap().is_some());
    store.insert_refresh_token(&refresh_token("late", "g")).await.unwrap();
    assert_eq!(store.purge_expired(at(1_000)).await.unwrap().grants, 1);
    assert_eq!(store.find_grant("g").await.unwrap(), None);
    let late = store.find_refresh_token(&digest("late"), at(0), Duration::ZERO).await.unwrap();
    assert_eq!(late, RefreshTokenState::Unknown);
}

/// Everything answered is there after the store is opened anew.
pub async fn a_restart_forgets_nothing_that_was_answered<B: Backend>(backend: &B) {
    let signing_key = SigningKeyRecord {
        key_id: "k".to_owned(),
        algorithm: "ES256".to_owned(),
        sealed_private: vec![0, 1, 2],
        public_jwk: json!({"kty": "EC"}),
        state: SigningKeyState::Active,
        created_at: at(0),
        activated_at: Some(at(0)),
        retired_at: None,
    };
    let nonce_key = NonceKeyRecord { id: 255, sealed: vec![9; 60], created_at: at(0) };
    let sealed_key = SealedKeyRecord {
        purpose: "cookie".to_owned(),
        key_id: "k".to_owned(),
        sealed: vec![7; 60],
        created_at: at(0),
    };
    let blocked = BlockedKeyRecord {
        thumbprint: "x".repeat(43),
        kind: BlockedKind::Dpop,
        client_id: None,
        reason: "stolen".to_owned(),
        blocked_at: at(1),
    };
    let code = pending(PendingKind::AuthorizationCode, "code");
    let store = backend.open().await;
    store.insert_client(&client("c")).await.unwrap();
    fill(&*store).await;
    store.insert_grant(&grant("revoked")).await.unwrap();
    store.revoke_grant("revoked", at(1)).await.unwrap();
    let new = refresh_token("r2", "g");
    _ = store.rotate_refresh_token(&digest("r"), &new, at(1), Duration::ZERO).await.unwrap();
    store.revoke_token_id("jti", at(50)).await.unwrap();
    store.insert_signing_key(&signing_key).await.unwrap();
    store.insert_nonce_key(&nonce_key).await.unwrap();
    store.insert_sealed_key(&sealed_key).await.unwrap();
    store.insert_pending(&code).await.unwrap();
    let Spending::Spent(redeemed) = store.spend_pending(code.kind, &code.key_sha256, at(1)).await.unwrap()
    else {
        panic!("the code was not spent");
    };
    store.insert_session(&session("s")).await.unwrap();
    store.insert_account(&account("alice")).await.unwrap();
    store.put_consent(&consent("alice", "c")).await.unwrap();
    store.block_key(&blocked).await.unwrap();
    store.insert_audit(&[audit("token_issued", 1)]).await.unwrap();
    assert_eq!(store.claim_once(claim("x", at(60)), at(0)).await, ReplayOutcome::Inserted);
    drop(store);
    if !B::DURABLE {
        return;
    }
    let store = backend.open().await;
    assert_eq!(store.find_client("c").await.unwrap(), Some(client("c")));
    assert_eq!(store.find_grant("g").await.unwrap(), Some(grant("g")));
    assert_eq!(store.find_revocation("-", Some("revoked")).await.unwrap(), Revocation::Grant);
    assert_eq!(store.find_revocation("jti", None).await.unwrap(), Revocation::Token);
    let spent = store.find_refresh_token(&digest("r"), at(1), Duration::ZERO).await.unwrap();
    assert_eq!(spent, RefreshTokenState::Reused { grant: grant("g") });
    let found = store.find_access_token(&digest("a"), at(1)).await.unwrap();
    assert_eq!(found, Some(access_token("a", Some("g"))));
    assert_eq!(store.list_signing_keys().await.unwrap(), [signing_key]);
    assert_eq!(store.list_nonce_keys().await.unwrap(), [nonce_key]);
    assert_eq!(store.list_sealed_keys("cookie").await.unwrap(), [sealed_key]);
    let again = store.spend_pending(code.kind, &code.key_sha256, at(2)).await.unwrap();
    assert_eq!(again, Spending::SpentBefore(redeemed));
    assert_eq!(store.find_session_by_id("s").await.unwrap(), Some(session("s")));
    assert_eq!(store.find_account("alice").await.unwrap(), Some(account("alice")));
    assert_eq!(store.find_consent("alice", "c").await.unwrap(), Some(consent("alice", "c")));
    assert_eq!(store.list_blocked_keys().await.unwrap(), [blocked]);
    assert_eq!(store.list_audit(&AuditFilter::default(), None, 9).await.unwrap().len(), 1);
    assert_eq!(store.claim_once(claim("x", at(60)), at(60)).await, ReplayOutcome::Duplicate);
}

/// At the second before, nothing goes; at the second, what is over; never what lives.
pub async fn a_purge_forgets_what_waits_and_who_was_signed_in<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_pending(&pending(PendingKind::Interaction, "x")).await.unwrap(); // forgotten at 600
    store.insert_session(&session("s")).await.unwrap(); // ends at 3,600
    store.insert_session(&SessionRecord { expires_at: at(9_999), ..session("t") }).await.unwrap();
    _ = store.end_session("t", at(1)).await.unwrap();
    store.put_consent(&consent("subject", "client")).await.unwrap(); // ends at 1,000
    store.put_consent(&ConsentRecord { expires_at: None, ..consent("subject", "for ever") }).await.unwrap();
    store.insert_account(&account("alice")).await.unwrap();
    store.insert_audit(&[audit("token_issued", 0)]).await.unwrap();

    let steps = [
        (599, Purged::default()),
        (600, Purged { pending: 1, ..Purged::default() }),
        (999, Purged::default()),
        (1_000, Purged { consents: 1, ..Purged::default() }),
        (3_599, Purged::default()),
        (3_600, Purged { sessions: 1, ..Purged::default() }),
        (9_999, Purged { sessions: 1, ..Purged::default() }),
        (99_999, Purged::default()),
    ];
    for (now, expected) in steps {
        assert_eq!(store.purge_expired(at(now)).await.unwrap(), expected, "at {now}");
    }
    assert_eq!(store.list_pending(PendingKind::Interaction, None, 9).await.unwrap(), []);
    assert_eq!(store.find_session(&session("s").cookie_sha256).await.unwrap(), None);
    store.insert_session(&session("s")).await.unwrap();
    assert_eq!(store.list_consents("subject").await.unwrap().len(), 1);
    assert!(store.find_account("alice").await.unwrap().is_some());
    assert_eq!(store.list_audit(&AuditFilter::default(), None, 9).await.unwrap().len(), 1);
}

/// Readiness.
pub async fn a_store_that_answers_says_so<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.check().await.unwrap();
}
