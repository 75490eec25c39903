//! The audit log of one issuer: every event is logged and counted at once, and those that an auditor will ask
//! for are stored in the background, so that no request ever waits for it. The queue is bounded, and so is what
//! strangers can make the store hold: what doesn't fit is counted, and its log line stands.

mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bindery_core::time::UnixTime;
use bindery_http::Clock;
use bindery_store::record::AuditRecord;
use bindery_store::{AuthorizationStore, StoreError};
use prometheus_client::metrics::counter::Counter;
use serde_json::Value;

use crate::configuration::AuditConfiguration;
use crate::event::{AuditEvent, EVENTS, EventClass};
use crate::metrics::IssuerMetrics;
use queue::Queue;

/// How often records that are older than the retention are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// Where an issuer's events go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AuditLog(Arc<Inner>);

struct Inner {
    metrics: IssuerMetrics,
    clock: Arc<dyn Clock>,
    queue: Queue,
    lost: Counter,
    store_issuance: bool,
    retention: Option<Duration>,
    budget: Budget,
    purged_at: AtomicI64,
}

impl AuditLog {
    /// A log that stores in `store`. Must be called on a tokio runtime.
    pub(crate) fn new(
        configuration: &AuditConfiguration,
        store: &Arc<dyn AuthorizationStore>,
        clock: &Arc<dyn Clock>,
        metrics: &IssuerMetrics,
    ) -> Self {
        let lost = metrics.audit_lost();
        let days = u64::from(configuration.retention_days);
        Self(Arc::new(Inner {
            metrics: metrics.clone(),
            clock: Arc::clone(clock),
            queue: Queue::start(configuration.queue, Arc::clone(store), lost.clone()),
            lost,
            store_issuance: configuration.store_issuance,
            retention: (days > 0).then(|| Duration::from_secs(days.saturating_mul(24 * 3600))),
            budget: Budget::new(configuration.stored_per_second),
            purged_at: AtomicI64::new(i64::MIN),
        }))
    }

    /// Logs, counts and, as its class demands, stores the event. Never waits.
    pub(crate) fn record(&self, event: AuditEvent<'_>) {
        event.trace();
        let log = &*self.0;
        log.metrics.observe(&event);
        let now = match event.description().class {
            EventClass::Operation => return,
            EventClass::Issuance if !log.store_issuance => return,
            EventClass::Issuance => log.clock.now(),
            EventClass::Administration if event.fields().contains_key("administrator") => log.clock.now(),
            // Strangers can cause these as often as they like, also those that a client does to itself.
            EventClass::Administration | EventClass::Security => {
                let now = log.clock.now();
                if !log.budget.take(event.place(), now) {
                    log.lost.inc();
                    return;
                }
                now
            }
        };
        self.store(&event, now);
    }

    /// As [`Self::record`], for what strangers can cause without end: beyond the budget of the second not even a
    /// line is written. The caller counts.
    pub(crate) fn record_sparingly(&self, event: AuditEvent<'_>) {
        let log = &*self.0;
        let now = log.clock.now();
        if log.budget.take(event.place(), now) {
            event.trace();
            self.store(&event, now);
        }
    }

    fn store(&self, event: &AuditEvent<'_>, now: UnixTime) {
        if self.0.queue.push(stored(event, now)).is_err() {
            self.0.lost.inc();
        }
    }

    /// How many records wait for the store.
    pub(crate) fn waiting(&self) -> usize {
        self.0.queue.waiting()
    }

    /// A log whose store is gone with the test.
    #[cfg(test)]
    pub(crate) fn forgetful() -> Self {
        use bindery_core::time::UnixTime;
        use bindery_store::memory::{MemoryStore, ReplayMemory};
        let start = UnixTime::from_seconds(0);
        let store: Arc<dyn AuthorizationStore> =
            Arc::new(MemoryStore::new(ReplayMemory::new(10, start, [7; 16])));
        let clock: Arc<dyn Clock> = Arc::new(bindery_http::ManualClock::new(start));
        let metrics = crate::metrics::Metrics::new().of("test");
        Self::new(&AuditConfiguration::default(), &store, &clock, &metrics)
    }

    /// Waits until everything that was recorded before is stored, or given up.
    pub(crate) async fn flush(&self) {
        self.0.queue.flush().await;
    }

    /// Removes what is older than the retention, once an hour at most.
    ///
    /// # Errors
    /// When the store can't be asked; it is asked again next time.
    pub(crate) async fn purge(
        &self,
        store: &dyn AuthorizationStore,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let Some(retention) = self.0.retention else { return Ok(()) };
        let last = UnixTime::from_seconds(self.0.purged_at.load(Ordering::Relaxed));
        if now < last.plus(PURGE_INTERVAL) {
            return Ok(());
        }
        store.remove_audit(now.minus(retention)).await?;
        self.0.purged_at.store(now.as_seconds(), Ordering::Relaxed);
        Ok(())
    }
}

/// The event as the store keeps it.
pub(crate) fn stored(event: &AuditEvent<'_>, at: UnixTime) -> AuditRecord {
    let mut fields = event.fields();
    let mut party = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (client_id, subject) = (party("client_id"), party("subject"));
    AuditRecord {
        sequence: 0,
        at,
        event: event.description().name.into(),
        client_id,
        subject,
        fields: Value::Object(fields),
    }
}

/// How many records of each event may be stored within one second: a flood of one event takes no room from
/// the others, and none from the disk.
struct Budget {
    per_second: u32,
    /// For each event the second, shifted, and how many it has had.
    taken: Box<[AtomicU64]>,
}

impl Budget {
    fn new(per_second: u32) -> Self {
        Self { per_second, taken: EVENTS.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    fn take(&self, place: usize, now: UnixTime) -> bool {
        let Some(taken) = self.taken.get(place) else { return false };
        // The low 32 bits of the second are enough to tell one second from the next.
        let second = u64::from(now.as_seconds() as u32) << 32;
        let update = |before: u64| {
            let used = if before & !u64::from(u32::MAX) == second { before as u32 } else { 0 };
            (used < self.per_second).then(|| second | u64::from(used + 1))
        };
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_event_takes_no_room_from_the_others() {
        let budget = Budget::new(3);
        let at = |second: i64| UnixTime::from_seconds(1_800_000_000 + second);
        let taken = (0..10).filter(|_| budget.take(0, at(0))).count();
        assert_eq!(taken, 3);
        assert!(budget.take(1, at(0)));
        assert!(budget.take(0, at(1)));
    }

    #[test]
    fn parties_stand_beside_the_fields_in_a_record() {
        let event = AuditEvent::BackchannelLogoutDelivered { client_id: "c", session_id: "s", attempts: 2 };
        let record = stored(&event, UnixTime::from_seconds(7));
        assert_eq!((record.client_id.as_deref(), record.subject.as_deref()), (Some("c"), None));
        assert_eq!(record.fields, serde_json::json!({"session_id": "s", "attempts": 2}));
        assert_eq!(record.event, "backchannel_logout_delivered");
    }
}
