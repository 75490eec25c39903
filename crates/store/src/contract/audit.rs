//! The audit trail.

use super::Backend;
use super::samples::{at, audit};
use crate::record::{AuditFilter, AuditRecord};

/// Whoever reads on behind what it has read misses nothing.
pub async fn audit_records_keep_their_order_under_concurrent_writers<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..10 {
                let event = |part| AuditRecord {
                    subject: Some(format!("{writer}")),
                    ..audit(&format!("{n}.{part}"), n)
                };
                store.insert_audit(&[event(0), event(1)]).await.unwrap();
            }
        })
    });
    let writers = writers.collect::<Vec<_>>();
    // A reader that follows along while they write.
    let (mut after, mut seen) = (None, Vec::<AuditRecord>::new());
    while seen.len() < 160 {
        let page = store.list_audit(&AuditFilter::default(), after, 7).await.unwrap();
        after = page.last().map(|record| record.sequence).or(after);
        seen.extend(page);
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        if done && store.list_audit(&AuditFilter::default(), after, 1).await.unwrap().is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.len(), 160);
    assert!(seen.is_sorted_by(|a, b| a.sequence < b.sequence));
    for writer in 0..8 {
        let own = seen.iter().filter(|record| record.subject == Some(format!("{writer}")));
        let events = own.map(|record| record.event.clone()).collect::<Vec<_>>();
        let expected = (0..10).flat_map(|n| [format!("{n}.0"), format!("{n}.1")]).collect::<Vec<_>>();
        assert_eq!(events, expected);
    }
}

/// By event, party and time; from a second on, and before one.
pub async fn audit_records_are_listed_by_page_and_by_what_is_asked<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let of = |event: &str, seconds, client: Option<&str>, subject: Option<&str>| AuditRecord {
        client_id: client.map(str::to_owned),
        subject: subject.map(str::to_owned),
        ..audit(event, seconds)
    };
    let records = [
        of("token_issued", 1, Some("one"), Some("alice")),
        of("login_failed", 2, None, Some("alice")),
        of("token_issued", 3, Some("two"), Some("bob")),
        of("token_issued", 2, Some("one"), None),
    ];
    store.insert_audit(&records).await.unwrap();
    store.insert_audit(&[]).await.unwrap();
    let all = store.list_audit(&AuditFilter::default(), None, 100).await.unwrap();
    let plain = all.iter().map(|record| AuditRecord { sequence: 0, ..record.clone() }).collect::<Vec<_>>();
    assert_eq!(plain, records, "in the order of arrival, with all that was said");

    let is = |text: &str| Some(text.to_owned());
    let expected = [
        (AuditFilter { event: is("token_issued"), ..AuditFilter::default() }, vec![0, 2, 3]),
        (AuditFilter { client_id: is("one"), ..AuditFilter::default() }, vec![0, 3]),
        (AuditFilter { subject: is("alice"), ..AuditFilter::default() }, vec![0, 1]),
        (AuditFilter { since: Some(at(2)), until: Some(at(3)), ..AuditFilter::default() }, vec![1, 3]),
        (AuditFilter { event: is("token_issued"), subject: is("alice"), ..AuditFilter::default() }, vec![0]),
    ];
    for (filter, places) in expected {
        let found = store.list_audit(&filter, None, 100).await.unwrap();
        let expected = places.iter().map(|place: &usize| all[*place].clone()).collect::<Vec<_>>();
        assert_eq!(found, expected, "{filter:?}");
    }
    let page = store.list_audit(&AuditFilter::default(), Some(all[0].sequence), 2).await.unwrap();
    assert_eq!(page, all[1..3]);

    assert_eq!(store.remove_audit(at(2)).await.unwrap(), 1);
    assert_eq!(store.remove_audit(at(100)).await.unwrap(), 3);
    store.insert_audit(&records[..1]).await.unwrap();
    let next = store.list_audit(&AuditFilter::default(), None, 100).await.unwrap();
    assert!(next[0].sequence > all[3].sequence, "a number is never given twice");
}

/// More than one step of a purge, and nothing that is younger.
pub async fn a_large_backlog_of_audit_records_is_removed_step_by_step<B: Backend>(backend: &B) {
    let store = backend.open().await;
    let old = (0..4_500).map(|_| audit("old", 1)).collect::<Vec<_>>();
    store.insert_audit(&old).await.unwrap();
    store.insert_audit(&[audit("new", 2)]).await.unwrap();
    assert_eq!(store.remove_audit(at(2)).await.unwrap(), 4_500);
    let left = store.list_audit(&AuditFilter::default(), None, 10).await.unwrap();
    assert_eq!(left.iter().map(|record| record.event.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(store.remove_audit(at(2)).await.unwrap(), 0);
}
