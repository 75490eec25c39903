//! The audit log of one issuer: every event is logged and counted at once, and those that an auditor will ask
//! for are stored in the background, so that no request ever waits for it. What is stored is what the
//! catalogue in `event` says, and never more.

use crate::event::AuditEvent;
use crate::metrics::IssuerMetrics;

/// Where an issuer's events go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AuditLog {
    metrics: IssuerMetrics,
}

impl AuditLog {
    pub(crate) const fn new(metrics: IssuerMetrics) -> Self {
        Self { metrics }
    }

    /// Logs, counts and, as its class demands, stores the event. Never waits.
    pub(crate) fn record(&self, event: AuditEvent<'_>) {
        event.trace();
        self.metrics.observe(&event);
    }
}
