//! When exceptions from sender constraint end, for the gauges: those of configured clients, which never change while the
//! process runs, and those of the store, which are read anew every few minutes. Reading metrics reads no clients:
//! a scrape must not cost more the more clients there are.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bindery_core::oauth::sender_constraint::SenderConstraint;
use bindery_core::time::UnixTime;
use bindery_store::StoreError;

use crate::client_registry::Client;
use crate::server::Server;

/// How long a count of the store's clients is good enough.
const SPAN: Duration = Duration::from_secs(300);

/// What was found in the store, and when it is read again.
#[derive(Debug, Default)]
pub(crate) struct BearerExceptions(Mutex<(Option<UnixTime>, Vec<UnixTime>)>);

impl BearerExceptions {
    /// Reads the store's clients when that is due.
    pub(crate) async fn maintain(&self, server: &Server, now: UnixTime) -> Result<(), StoreError> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).0.is_some_and(|due| now < due) {
            return Ok(());
        }
        let records = server.store.list_clients().await?;
        let live = records.iter().filter(|record| server.clients.barred.find(&record.client_id).is_none());
        let ends = live.filter_map(|record| end_of(&server.clients.read(record)?)).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Some(now.plus(SPAN)), ends);
        Ok(())
    }

    /// The ends of all exceptions that count at `now`.
    pub(crate) fn ends(&self, server: &Server, now: UnixTime) -> Vec<i64> {
        let stored = self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        let barred = |client: &&Client| server.clients.barred.find(&client.metadata.client_id).is_some();
        let configured = server.clients.configured().filter(|client| !barred(client)).filter_map(end_of);
        let ends = stored.into_iter().chain(configured).filter(|end| now < *end);
        ends.map(UnixTime::as_seconds).collect()
    }
}

fn end_of(client: &Client) -> Option<UnixTime> {
    match &client.metadata.sender_constraint {
        SenderConstraint::None(exception) if !client.disabled => Some(exception.until),
        _ => None,
    }
}
