//! What the guard tells its operator: one event per decision, with stable names, and counters by reason.
//! Tokens, proofs and certificates never appear; keys only as thumbprints.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bindery_core::rejection::{Blame, Rejection};
use bindery_core::resource::AuthorizedRequest;
use bindery_http::redacted::MAXIMUM_PATH;

use crate::route::{Mode, Route};

/// Takes note of decisions. Called on the request's path, so it must not block.
pub trait Observer: Send + Sync + 'static {
    /// A request was let through because everything was proven.
    fn admitted(&self, request: &AuthorizedRequest, route: &Route);

    /// A request broke a rule. With mode `enforce` it was refused, else it was let through unproven.
    fn rejected(&self, rejection: &Rejection, mode: Mode, method: &str, path: &str);
}

/// Writes `tracing` events and counts by reason.
#[derive(Debug, Default)]
pub struct TracingObserver {
    admitted: [AtomicU64; 3],
    rejected: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl TracingObserver {
    /// How often each (mode, reason) has occurred; admitted requests count as reason `admitted`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        let mut counts = self.rejected.lock().map(|counts| counts.clone()).unwrap_or_default();
        for mode in [Mode::Observe, Mode::Warn, Mode::Enforce] {
            let count = self.admitted[mode as usize].load(Ordering::Relaxed);
            counts.insert((mode.name(), "admitted"), count);
        }
        counts
    }
}

impl Observer for TracingObserver {
    fn admitted(&self, request: &AuthorizedRequest, route: &Route) {
        self.admitted[route.mode as usize].fetch_add(1, Ordering::Relaxed);
        tracing::debug!(
            event = "request_admitted",
            route = route.path,
            binding = request.binding().name(),
            client_id = request.token().client_id(),
        );
    }

    fn rejected(&self, rejection: &Rejection, mode: Mode, method: &str, path: &str) {
        if let Ok(mut counts) = self.rejected.lock() {
            *counts.entry((mode.name(), rejection.reason())).or_default() += 1;
        }
        let (reason, blame) = (rejection.reason(), rejection.blame());
        let mode = mode.name();
        // The path is the sender's; a log must not grow by what a stranger sends.
        let path = &path[..path.floor_char_boundary(MAXIMUM_PATH)];
        match blame {
            // The layer that could not check is named by the reason; somebody must look.
            Blame::Unavailable => {
                tracing::error!(event = "request_unchecked", mode, reason, method, path, detail = %rejection);
            }
            Blame::Replayed | Blame::WrongBinding => {
                tracing::warn!(event = "request_rejected", mode, reason, blame = blame.name(), method, path, detail = %rejection);
            }
            _ => {
                tracing::info!(event = "request_rejected", mode, reason, blame = blame.name(), method, path, detail = %rejection);
            }
        }
    }
}
