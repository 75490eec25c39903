//! From an event to the store: a bounded queue and one task that empties it in batches. A store that does not
//! answer is asked again for a while; then the batch is given up and counted, so that newer records have room.

use std::sync::Arc;
use std::time::Duration;

use bindery_store::AuthorizationStore;
use bindery_store::record::AuditRecord;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{mpsc, oneshot};

use crate::event::AuditEvent;

/// The most records in one transaction.
const BATCH: usize = 256;

/// How long the task waits for company before it stores a small batch: a transaction costs more than its rows.
const LINGER: Duration = Duration::from_millis(20);

/// The pauses between the attempts to store one batch.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(5),
];

enum Entry {
    Record(Box<AuditRecord>),
    /// Answered when everything before it is done.
    Flush(oneshot::Sender<()>),
}

pub(super) struct Queue(mpsc::Sender<Entry>);

/// There was no room.
#[derive(Debug)]
pub(super) struct QueueFull;

impl Queue {
    /// A queue for at most `capacity` records. The task ends when the queue is dropped, after what is in it.
    pub(super) fn start(capacity: usize, store: Arc<dyn AuthorizationStore>, lost: Counter) -> Self {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        tokio::spawn(work(receiver, store, lost));
        Self(sender)
    }

    pub(super) fn push(&self, record: AuditRecord) -> Result<(), QueueFull> {
        self.0.try_send(Entry::Record(Box::new(record))).map_err(|_| QueueFull)
    }

    pub(super) fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.0.send(Entry::Flush(done)).await.is_ok() {
            // The task ends only with the queue.
            let _ = flushed.await;
        }
    }
}

async fn work(mut queue: mpsc::Receiver<Entry>, store: Arc<dyn AuthorizationStore>, lost: Counter) {
    let mut taken = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut taken, BATCH).await > 0 {
        let hurried = taken.iter().any(|entry| matches!(entry, Entry::Flush(_)));
        if taken.len() < BATCH && !hurried {
            tokio::time::sleep(LINGER).await;
            while taken.len() < BATCH
                && let Ok(entry) = queue.try_recv()
            {
                taken.push(entry);
            }
        }
        let mut records = Vec::with_capacity(taken.len());
        let mut waiting = Vec::new();
        for entry in taken.drain(..) {
            match entry {
                Entry::Record(record) => records.push(*record),
                Entry::Flush(done) => waiting.push(done),
            }
        }
        if !records.is_empty() && !insert(&*store, &records).await {
            lost.inc_by(records.len() as u64);
            AuditEvent::AuditNotStored { records: records.len() as u64 }.trace();
        }
        for done in waiting {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }
}

async fn insert(store: &dyn AuthorizationStore, records: &[AuditRecord]) -> bool {
    let mut pauses = PAUSES.iter();
    loop {
        match store.insert_audit(records).await {
            Ok(()) => return true,
            Err(error) => AuditEvent::StoreFailed { operation: "insert_audit", error: &error }.trace(),
        }
        let Some(pause) = pauses.next() else { return false };
        tokio::time::sleep(*pause).await;
    }
}
