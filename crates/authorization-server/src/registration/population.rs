//! How many clients may have registered themselves and wait to be used for the first time, and for how long:
//! an open endpoint must not fill the store. Those that were never used are removed; a first token makes a
//! client stay.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bindery_core::time::UnixTime;
use bindery_store::StoreError;
use bindery_store::authorization::ClientUpdate;

use super::Facts;
use crate::client_registry::Client;
use crate::configuration::RegistrationAccess;
use crate::event::AuditEvent;
use crate::server::Server;

/// The count of unused clients, as of the last round of maintenance and what was registered since.
#[derive(Debug, Default)]
pub(crate) struct Registrations(AtomicUsize);

/// No more clients may register for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Registrations {
    pub(crate) fn note_registration(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Until when a client that registers now may stay unused.
pub(crate) fn unused_until(server: &Server, now: UnixTime) -> Option<UnixTime> {
    let seconds = u64::from(server.settings.registration.unused_lifetime);
    (seconds > 0).then(|| now.plus(Duration::from_secs(seconds)))
}

/// Requires that another client may register.
///
/// # Errors
/// [`Full`].
pub(crate) fn require_room(server: &Server) -> Result<(), Full> {
    let bound = usize::try_from(server.settings.registration.unused_clients).unwrap_or(usize::MAX);
    if server.registrations.0.load(Ordering::Relaxed) < bound { Ok(()) } else { Err(Full) }
}

/// Removes clients that registered themselves and were not used in time, and counts those that still wait.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn maintain(server: &Server, now: UnixTime) -> Result<(), StoreError> {
    if server.settings.rules.server().registration == RegistrationAccess::Closed {
        return Ok(());
    }
    let mut waiting = 0;
    for record in server.store.list_clients().await? {
        match Facts::of(&record).unused_until() {
            Some(until) if until <= now => {
                let client_id = record.client_id.as_str();
                match server.store.delete_client(client_id, Some(record.revision)).await {
                    Ok(ClientUpdate::Updated) => {
                        server.audit.record(AuditEvent::UnusedClientRemoved { client_id });
                    }
                    // It got its first token, or was changed, at this moment: the next look decides.
                    Ok(ClientUpdate::Stale) => waiting += 1,
                    // Another node was first.
                    Err(StoreError::Unknown { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Some(_) => waiting += 1,
            None => {}
        }
    }
    server.registrations.0.store(waiting, Ordering::Relaxed);
    Ok(())
}

/// Notes that a client has got a token: it is not removed any more. Costs nothing for any other client; a
/// store that fails here only leaves the mark for the next token.
pub(crate) async fn note_use(server: &Server, client: &Client) {
    if client.unused_until.is_none() {
        return;
    }
    let client_id = client.metadata.client_id.as_str();
    let noted = async {
        let Some(mut record) = server.store.find_client(client_id).await? else { return Ok(()) };
        let mut facts = Facts::of(&record);
        facts.set_unused_until(None);
        record.registration = facts.to_value();
        // Whoever changed it at the same moment wins, and the next token takes the mark away.
        server.store.update_client(&record).await.map(drop)
    };
    if let Err(error) = noted.await {
        server.audit.record(AuditEvent::StoreFailed { operation: "note_use", error: &error });
    }
}
