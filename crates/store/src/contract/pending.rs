//! Things that are spent once.

use std::time::Duration;

use serde_json::json;

use super::Backend;
use super::samples::{at, digest, grant, pending, refresh_token};
use crate::authorization::{PendingUpdate, RefreshTokenState, Spending};
use crate::error::StoreError;
use crate::record::PendingKind::{AuthorizationCode, DeviceCode, Interaction, PushedRequest};
use crate::record::{PendingKind, PendingRecord};

/// CVE-2026-4282's class: a code is no request URI, whatever its key.
pub async fn a_pending_thing_is_found_as_it_was_stored_and_only_in_its_kind<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let code = pending(AuthorizationCode, "x");
    let other = PendingRecord { client_id: None, payload: json!([]), ..pending(PushedRequest, "x") };
    store.insert_pending(&code).await.unwrap();
    store.insert_pending(&other).await.unwrap();
    assert_eq!(store.find_pending(AuthorizationCode, &digest("x")).await.unwrap(), Some(code.clone()));
    assert_eq!(store.find_pending(PushedRequest, &digest("x")).await.unwrap(), Some(other.clone()));
    for kind in PendingKind::ALL {
        if ![AuthorizationCode, PushedRequest].contains(&kind) {
            assert_eq!(store.find_pending(kind, &digest("x")).await.unwrap(), None, "{kind:?}");
            assert_eq!(store.spend_pending(kind, &digest("x"), at(1)).await.unwrap(), Spending::Unknown);
            store.insert_pending(&pending(kind, "y")).await.unwrap();
        }
    }
    let taken = store.insert_pending(&PendingRecord { payload: json!(1), ..code.clone() }).await;
    assert!(matches!(taken, Err(StoreError::Conflict { record: "pending record", .. })), "{taken:?}");
    let spending = store.spend_pending(PushedRequest, &digest("x"), at(1)).await.unwrap();
    assert_eq!(spending, Spending::Spent(PendingRecord { spent_at: Some(at(1)), ..other }));
    assert_eq!(store.find_pending(AuthorizationCode, &digest("x")).await.unwrap(), Some(code));
}

/// RFC 6749 section 4.1.2, RFC 9126 section 4.
pub async fn of_many_spendings_of_one_thing_one_wins<B: Backend>(backend: &B) {
    let store = backend.open().await;
    for round in 0..5 {
        let name = format!("{round}");
        store.insert_pending(&pending(PushedRequest, &name)).await.unwrap();
        let spendings = (0..50).map(|n| {
            let (store, key) = (store.clone(), digest(&name));
            tokio::spawn(async move { store.spend_pending(PushedRequest, &key, at(n % 3)).await.unwrap() })
        });
        let (mut spent, mut before) = (Vec::new(), Vec::new());
        for spending in spendings.collect::<Vec<_>>() {
            match spending.await.unwrap() {
                Spending::Spent(record) => spent.push(record),
                Spending::SpentBefore(record) => before.push(record),
                spending => panic!("{spending:?}"),
            }
        }
        assert_eq!(spent.len(), 1);
        assert_eq!(before, vec![spent[0].clone(); 49], "all see who was first");
    }
}

/// What waits for a person is found by the person while it is live, the oldest first, and goes with the account.
pub async fn what_waits_for_a_person_is_listed_and_counted_while_it_is_live<B: Backend>(backend: &B) {
    use crate::record::PendingKind::BackchannelRequest;
    let store = backend.open().await;
    let waits = |name: &str, subject: Option<&str>, client: &str, made: i64| PendingRecord {
        subject: subject.map(str::to_owned),
        client_id: Some(client.to_owned()),
        created_at: at(made),
        alias_sha256: None,
        ..pending(BackchannelRequest, name)
    };
    let (late, early) = (waits("1", Some("alice"), "a", 2), waits("2", Some("alice"), "b", 1));
    let others = [waits("3", Some("bob"), "a", 0), waits("4", None, "a", 0)];
    for record in [&late, &early, &others[0], &others[1]] {
        store.insert_pending(record).await.unwrap();
    }
    let elsewhere = PendingRecord { kind: Interaction, ..waits("5", Some("alice"), "a", 0) };
    store.insert_pending(&elsewhere).await.unwrap();
    let listed = async |subject: &str, seconds: i64, limit: u32| {
        store.list_waiting(BackchannelRequest, subject, at(seconds), limit).await.unwrap()
    };
    let counted =
        async |client: &str, seconds: i64| store.count_waiting(BackchannelRequest, client, at(seconds)).await;
    assert_eq!(listed("alice", 3, 10).await, [early.clone(), late.clone()]);
    assert_eq!(listed("alice", 3, 1).await, std::slice::from_ref(&early));
    assert_eq!((counted("a", 3).await.unwrap(), counted("b", 3).await.unwrap()), (2, 1));
    assert_eq!((counted("c", 3).await.unwrap(), listed("carol", 3, 10).await), (0, Vec::new()));
    let expiry = early.expires_at.seconds_since(at(0));
    assert_eq!((listed("alice", expiry, 10).await, counted("a", expiry).await.unwrap()), (Vec::new(), 0));
    let spent = store.spend_pending(BackchannelRequest, &digest("2"), at(3)).await.unwrap();
    assert!(matches!(spent, Spending::Spent(_)));
    assert_eq!((listed("alice", 3, 10).await, counted("b", 3).await.unwrap()), (vec![late], 0));
    store.insert_account(&super::samples::account("alice")).await.unwrap();
    store.delete_account("alice").await.unwrap();
    assert_eq!((listed("alice", 3, 10).await, listed("bob", 3, 10).await.len()), (Vec::new(), 1));
}

/// RFC 6749 section 4.1.2: the others store nothing, not even for a moment.
pub async fn of_many_redemptions_of_one_code_one_gives_a_grant<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_pending(&pending(AuthorizationCode, "code")).await.unwrap();
    let redemptions = (0..32).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let name = format!("grant {n}");
            let (grant, token) = (grant(&name), refresh_token(&name, &name));
            let key = digest("code");
            let spending = store.redeem_pending(AuthorizationCode, &key, at(1), &grant, Some(&token)).await;
            (spending.unwrap(), name)
        })
    });
    let mut winner = None;
    let mut losers = Vec::new();
    for redemption in redemptions.collect::<Vec<_>>() {
        match redemption.await.unwrap() {
            (Spending::Spent(_), name) => assert!(winner.replace(name).is_none(), "two winners"),
            (Spending::SpentBefore(_), name) => losers.push(name),
            (spending, _) => panic!("{spending:?}"),
        }
    }
    let winner = winner.unwrap();
    assert_eq!(store.find_grant(&winner).await.unwrap(), Some(grant(&winner)));
    let state = store.find_refresh_token(&digest(&winner), at(1), Duration::ZERO).await.unwrap();
    assert!(matches!(state, RefreshTokenState::Live { .. }), "{state:?}");
    assert_eq!(losers.len(), 31);
    for name in losers {
        assert_eq!(store.find_grant(&name).await.unwrap(), None);
        let state = store.find_refresh_token(&digest(&name), at(1), Duration::ZERO).await.unwrap();
        assert_eq!(state, RefreshTokenState::Unknown);
    }
}

/// A code is not burnt by a grant that could not be stored, and a grant not stored for a code that is over.
pub async fn a_redemption_that_fails_spends_nothing<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let code = pending(AuthorizationCode, "code");
    store.insert_pending(&code).await.unwrap();
    store.provision_grant(&grant("taken"), Some(&refresh_token("taken", "taken"))).await.unwrap();
    let refused = [
        (grant("taken"), refresh_token("r", "taken")),
        (grant("g"), refresh_token("taken", "g")),
        (grant("g"), refresh_token("r", "taken")),
    ];
    for (grant, token) in refused {
        let refused =
            store.redeem_pending(AuthorizationCode, &digest("code"), at(1), &grant, Some(&token)).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        assert_eq!(store.find_pending(AuthorizationCode, &digest("code")).await.unwrap(), Some(code.clone()));
    }
    let late = store.redeem_pending(AuthorizationCode, &digest("code"), at(60), &grant("g"), None).await;
    assert_eq!(late.unwrap(), Spending::Expired(code));
    let unknown = store.redeem_pending(AuthorizationCode, &digest("?"), at(1), &grant("g"), None).await;
    assert_eq!(unknown.unwrap(), Spending::Unknown);
    assert_eq!(store.find_grant("g").await.unwrap(), None);
    let good = store.redeem_pending(AuthorizationCode, &digest("code"), at(59), &grant("g"), None).await;
    assert!(matches!(good, Ok(Spending::Spent(_))), "{good:?}");
    assert_eq!(store.find_grant("g").await.unwrap(), Some(grant("g")));
}

/// The last second is the one before `expires_at`.
pub async fn a_pending_thing_dies_with_the_second_of_its_expiry<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let (one, two) = (pending(PushedRequest, "one"), pending(PushedRequest, "two"));
    store.insert_pending(&one).await.unwrap();
    store.insert_pending(&two).await.unwrap();
    let late = store.spend_pending(PushedRequest, &digest("one"), at(60)).await.unwrap();
    assert_eq!(late, Spending::Expired(one));
    let good = store.spend_pending(PushedRequest, &digest("two"), at(59)).await.unwrap();
    let spent = PendingRecord { spent_at: Some(at(59)), ..two };
    assert_eq!(good, Spending::Spent(spent.clone()));
    let again = store.spend_pending(PushedRequest, &digest("two"), at(61)).await.unwrap();
    assert_eq!(again, Spending::SpentBefore(spent), "spent and expired is spent");
}

/// RFC 9700 section 4.5: a code that comes back late still says whose it was.
pub async fn a_spent_thing_is_recognised_until_it_is_forgotten<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_pending(&pending(AuthorizationCode, "code")).await.unwrap();
    _ = store.spend_pending(AuthorizationCode, &digest("code"), at(1)).await.unwrap();
    for now in [60, 61, 599] {
        assert_eq!(store.purge_expired(at(now)).await.unwrap().pending, 0);
        let reused = store.spend_pending(AuthorizationCode, &digest("code"), at(now)).await.unwrap();
        assert!(matches!(reused, Spending::SpentBefore(_)), "at {now}: {reused:?}");
    }
    assert_eq!(store.purge_expired(at(600)).await.unwrap().pending, 1);
    let forgotten = store.spend_pending(AuthorizationCode, &digest("code"), at(600)).await.unwrap();
    assert_eq!(forgotten, Spending::Unknown);
}

/// RFC 8628 section 3.3: the person types the user code, the device polls with the other one.
pub async fn an_alias_leads_to_its_thing_and_is_given_once<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let with = |kind, name: &str, alias: &str| PendingRecord {
        alias_sha256: Some(digest(alias)),
        ..pending(kind, name)
    };
    let device = with(DeviceCode, "device", "user");
    store.insert_pending(&device).await.unwrap();
    store.insert_pending(&with(Interaction, "device", "user")).await.unwrap();
    assert_eq!(store.find_pending_by_alias(DeviceCode, &digest("user")).await.unwrap(), Some(device));
    assert_eq!(store.find_pending_by_alias(DeviceCode, &digest("device")).await.unwrap(), None);
    assert_eq!(store.find_pending(DeviceCode, &digest("user")).await.unwrap(), None);
    let taken = store.insert_pending(&with(DeviceCode, "other", "user")).await;
    assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
    assert_eq!(store.find_pending(DeviceCode, &digest("other")).await.unwrap(), None);
    // Two without an alias don't meet.
    store.insert_pending(&pending(DeviceCode, "one")).await.unwrap();
    store.insert_pending(&pending(DeviceCode, "two")).await.unwrap();
    assert_eq!(store.purge_expired(at(600)).await.unwrap().pending, 4);
    store.insert_pending(&with(DeviceCode, "other", "user")).await.unwrap();
    let found = store.find_pending_by_alias(DeviceCode, &digest("user")).await.unwrap().unwrap();
    assert_eq!(found.key_sha256, digest("other"));
}

/// Two tabs answer one page; two polls count one slow-down.
pub async fn of_many_changes_of_one_revision_one_wins<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_pending(&pending(Interaction, "x")).await.unwrap();
    for revision in 0..5 {
        let changes = (0..20).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let payload = json!({ "revision": revision, "n": n });
                let change = store.update_pending(Interaction, &digest("x"), revision, &payload, at(1)).await;
                (change.unwrap(), payload)
            })
        });
        let mut winner = None;
        for change in changes.collect::<Vec<_>>() {
            match change.await.unwrap() {
                (PendingUpdate::Updated { revision: next }, payload) => {
                    assert_eq!(next, revision + 1);
                    assert!(winner.replace(payload).is_none(), "two winners");
                }
                (change, _) => assert_eq!(change, PendingUpdate::Stale),
            }
        }
        let found = store.find_pending(Interaction, &digest("x")).await.unwrap().unwrap();
        assert_eq!((found.revision, Some(found.payload)), (revision + 1, winner));
    }
}

/// Nothing is slipped into what was spent or has expired.
pub async fn what_is_over_can_not_be_changed<B: Backend>(backend: &B) {
    let store = backend.open().await;
    store.insert_pending(&pending(Interaction, "spent")).await.unwrap();
    store.insert_pending(&pending(Interaction, "expired")).await.unwrap();
    _ = store.spend_pending(Interaction, &digest("spent"), at(1)).await.unwrap();
    for (name, now) in [("spent", 2), ("expired", 60), ("unknown", 2)] {
        let change = store.update_pending(Interaction, &digest(name), 0, &json!("new"), at(now)).await;
        assert_eq!(change.unwrap(), PendingUpdate::Over, "{name}");
    }
    let found = store.find_pending(Interaction, &digest("expired")).await.unwrap();
    assert_eq!(found, Some(pending(Interaction, "expired")));
    let change = store.update_pending(Interaction, &digest("expired"), 0, &json!("new"), at(59)).await;
    assert_eq!(change.unwrap(), PendingUpdate::Updated { revision: 1 });
}

/// Each once, none of another kind.
pub async fn pending_things_are_listed_by_page<B: Backend>(backend: &B) {
    let store = backend.open().await;
    for n in 0..7 {
        store.insert_pending(&pending(Interaction, &format!("{n}"))).await.unwrap();
        store.insert_pending(&pending(DeviceCode, &format!("{n}"))).await.unwrap();
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = store.list_pending(Interaction, after.as_ref(), 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.key_sha256);
        seen.extend(page);
    }
    let expected = (0..7).map(|n| pending(Interaction, &format!("{n}"))).collect::<Vec<_>>();
    assert_eq!(seen, expected);
}
